/* SPDX-License-Identifier: Apache-2.0
 *
 * Every preset, against requests that the library signs itself: what it signs verifies, and a wrong
 * key, another body, a cut signature, an old time, a doubled or missing header do not.
 */
#include "fixture.h"
#include "scheme.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

enum { PEM_MAX = 4096, BODY_MAX = 2048, DIGEST = 32 };

static const char json_body[] =
    "{\"id\":\"evt_1\",\"type\":\"invoice.paid\",\"event_id\":\"e1\",\"webhookTimestamp\":1700000000000,\"time_ms\":1700000000000,"
    "\"notificationId\":\"n1\",\"MessageID\":\"m1\",\"event\":{\"id\":\"1\",\"type\":\"made\"},"
    "\"created_at\":\"2023-11-14T22:13:20Z\",\"signature\":{\"timestamp\":\"1700000000\",\"token\":\"token-1\",\"signature\":\"%s\"}}";
static const char form_body[] =
    "payload=%%7B%%22id%%22%%3A1%%7D&bt_payload=PG5vdGlmaWNhdGlvbj4%%3D&"
    "From=%%2B1&Body=it+is&bt_signature=%s";

/* --- keys -------------------------------------------------------------------------------------------- */

struct key_pair {
    char private[PEM_MAX];
    char public[PEM_MAX];
};

static void write_pem(EVP_PKEY *key, bool private, char out[PEM_MAX])
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(private ? PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)
                             : PEM_write_bio_PUBKEY(bio, key),
                     1);
    int len = BIO_read(bio, out, PEM_MAX - 1);
    assert_true(len > 0);
    out[len] = '\0';
    BIO_free(bio);
}

static struct key_pair make_pair(enum gn_auth auth)
{
    struct key_pair pair;
    EVP_PKEY *key = auth == GN_AUTH_ED25519 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                    : auth == GN_AUTH_ECDSA ? EVP_EC_gen("P-256")
                                            : EVP_RSA_gen(2048);
    assert_non_null(key);
    write_pem(key, true, pair.private);
    write_pem(key, false, pair.public);
    EVP_PKEY_free(key);
    return pair;
}

static bool has_pair(const struct grapnel_scheme *s)
{
    return s->auth == GN_AUTH_ED25519 || s->auth == GN_AUTH_ECDSA || s->auth == GN_AUTH_RSA;
}

static const char *shared_secret(const struct grapnel_scheme *s, bool other)
{
    if (s->auth == GN_AUTH_BASIC) {
        return other ? "user:wrong" : "user:password";
    }
    if (s->key == GN_KEY_HEX) {
        return other ? "00112233445566778899AABBCCDDEEFF" : "DFB1EB5485895CFA84146406857104AB";
    }
    return other ? "C2FVsBQIhrscChlQIMV+b5sSYspob7oD" : "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
}

/* --- a request that has all that the scheme wants ------------------------------------------------------- */

struct case_of {
    struct fixture f;
    struct key_pair pair;
    char body[BODY_MAX];
    char query[BODY_MAX];
};

static bool uses_form(const struct grapnel_scheme *s)
{
    if (s->sig.count > 0 && s->sig.list[0].place == GN_JSON) {
        return false; /* takes both */
    }
    for (size_t i = 0; i < s->msg.count; i++) {
        const struct gn_part *part = &s->msg.parts[i];
        if (part->token == GN_TOKEN_FORM_SORTED ||
            (part->token == GN_TOKEN_LOCATION && part->location.place == GN_FORM)) {
            return true;
        }
    }
    return false;
}

static void add_named(struct case_of *c, struct grapnel_bytes name, struct grapnel_bytes value)
{
    struct fixture *f = &c->f;
    f->headers[f->request.header_count++] = (struct grapnel_header){ name, value };
}

static void add_wanted_headers(struct case_of *c)
{
    const struct grapnel_scheme *s = c->f.scheme;
    for (size_t i = 0; i < s->id.count; i++) {
        if (s->id.list[i].place == GN_HEADER) {
            add_named(c, s->id.list[i].name, GN_TEXT("msg_1"));
        }
    }
    for (size_t i = 0; i < s->require_count; i++) {
        const struct gn_rule *rule = &s->require[i];
        add_named(c, rule->location.name,
                  rule->has_template ? rule->expect.parts[0].literal : GN_TEXT("there"));
    }
    for (size_t i = 0; i < s->msg.count; i++) {
        const struct gn_part *part = &s->msg.parts[i];
        if (part->token == GN_TOKEN_LOCATION && part->location.place == GN_HEADER) {
            add_named(c, part->location.name, GN_TEXT("value-1"));
        }
    }
}

static void set_query(struct case_of *c, const char *extra)
{
    unsigned char digest[DIGEST];
    char hex[2 * DIGEST + 1] = { 0 };
    const struct grapnel_bytes body = c->f.request.body;
    assert_int_equal(EVP_Digest(body.ptr, body.len, digest, NULL, EVP_sha256(), NULL), 1);
    gn_hex_encode(digest, sizeof(digest), hex);
    snprintf(c->query, sizeof(c->query), "data.id=ABC&bodySHA256=%s%s", hex, extra);
    c->f.request.query = gn_cstr(c->query);
}

static void set_body(struct case_of *c, const char *signature)
{
    bool form = uses_form(c->f.scheme);
    /* The formats are the two above. */
    int len = form ? snprintf(c->body, sizeof(c->body), form_body, signature)
                   : snprintf(c->body, sizeof(c->body), json_body, signature);
    c->f.request.body = gn_bytes(c->body, (size_t)len);
}

static void set_secret(struct case_of *c, const char *pem, bool other)
{
    c->f.config.secret_count = 0;
    fixture_secret(&c->f, has_pair(c->f.scheme) ? pem : shared_secret(c->f.scheme, other));
}

/* The signature goes where the scheme has it. */
static void place_signature(struct case_of *c)
{
    const struct grapnel_scheme *s = c->f.scheme;
    char text[GRAPNEL_SIGNATURE_TEXT_MAX];
    enum gn_place place = s->auth == GN_AUTH_BASIC ? GN_HEADER : s->sig.list[0].place;
    struct grapnel_bytes value = c->f.signature.value;
    if (place == GN_JSON) {
        snprintf(text, sizeof(text), "%.*s", (int)value.len, value.ptr);
        set_body(c, text);
    } else if (place == GN_FORM) {
        size_t len = 0;
        for (size_t i = 0; i < value.len; i++) {
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%%%02X",
                                    (unsigned char)value.ptr[i]);
        }
        set_body(c, text);
    } else if (place == GN_QUERY) {
        snprintf(text, sizeof(text), "&%.*s=%.*s", (int)s->sig.list[0].name.len,
                 s->sig.list[0].name.ptr, (int)value.len, value.ptr);
        set_query(c, text);
    }
}

static void open_case(struct case_of *c, const char *preset)
{
    memset(c, 0, sizeof(*c));
    fixture_init(&c->f, preset);
    const struct grapnel_scheme *s = c->f.scheme;
    if (has_pair(s)) {
        c->pair = make_pair(s->auth);
    }
    c->f.config.companion = GN_TEXT("companion-1");
    fixture_header(&c->f, "Content-Type",
                   uses_form(s) ? "application/x-www-form-urlencoded" : "application/json");
    add_wanted_headers(c);
    set_body(c, "");
    set_query(c, "");
    set_secret(c, c->pair.private, false);
    assert_status(fixture_sign(&c->f), GRAPNEL_VERIFIED);
    place_signature(c);
    set_secret(c, c->pair.public, false);
}

/* --- what has to hold ------------------------------------------------------------------------------------- */

static void accepts_what_it_signed(struct case_of *c)
{
    assert_status(fixture_verify(&c->f), GRAPNEL_VERIFIED);
    assert_int_equal(c->f.verdict.key_index, 0);
    assert_int_equal(c->f.verdict.reply.status, c->f.scheme->accept_status);
    if (c->f.scheme->ts_unit != GN_UNIT_NONE) {
        assert_true(c->f.verdict.has_time && c->f.verdict.time_us == NOW_US);
    }
}

static void refuses_a_wrong_key(struct case_of *c)
{
    struct key_pair other = { .public = "" };
    if (has_pair(c->f.scheme)) {
        other = make_pair(c->f.scheme->auth);
    }
    set_secret(c, other.public, true);
    assert_status(fixture_verify(&c->f), GRAPNEL_NO_MATCHING_KEY);
    assert_int_equal(c->f.verdict.reply.status, c->f.scheme->reject_status);
    /* A wrong one beside the right one does no harm, and the right one is named. */
    fixture_secret(&c->f,
                   has_pair(c->f.scheme) ? c->pair.public : shared_secret(c->f.scheme, false));
    assert_status(fixture_verify(&c->f), GRAPNEL_VERIFIED);
    assert_int_equal(c->f.verdict.key_index, 1);
    set_secret(c, c->pair.public, false);
}

static void refuses_without_a_secret(struct case_of *c)
{
    c->f.config.secret_count = 0;
    assert_status(fixture_verify(&c->f), GRAPNEL_UNCONFIGURED);
    fixture_secret(&c->f, "");
    assert_status(fixture_verify(&c->f), GRAPNEL_UNCONFIGURED);
    set_secret(c, c->pair.public, false);
}

static bool covers_body(const struct grapnel_scheme *s)
{
    return s->msg.count > 0 &&
           (gn_template_has_body(&s->msg) || uses_form(s) || s->check_count > 0);
}

static void refuses_another_body(struct case_of *c)
{
    if (!covers_body(c->f.scheme)) {
        return;
    }
    char *at = strstr(c->body, uses_form(c->f.scheme) ? "id%22" : "evt_1");
    char *payload = strstr(c->body, "PG5vdG");
    assert_non_null(at);
    at[0] ^= 1;
    payload = payload == NULL ? at : payload;
    if (payload != at) {
        payload[0] ^= 1;
    }
    enum grapnel_status status = fixture_verify(&c->f);
    assert_true(status == GRAPNEL_NO_MATCHING_KEY || status == GRAPNEL_CLAIM_MISMATCH);
    at[0] ^= 1;
    if (payload != at) {
        payload[0] ^= 1;
    }
}

static bool in_header(const struct grapnel_scheme *s)
{
    return s->auth == GN_AUTH_BASIC || s->sig.list[0].place == GN_HEADER ||
           s->sig.list[0].place == GN_HEADERS;
}

/* The header that holds the signature: signing put it first among those it added. */
static struct grapnel_header *signature_header(struct case_of *c)
{
    return fixture_find(&c->f, c->f.signature.headers[0].name);
}

static void refuses_a_cut_signature(struct case_of *c)
{
    if (!in_header(c->f.scheme)) {
        return;
    }
    struct grapnel_header *header = signature_header(c);
    size_t padding = 0; /* base64 may come without */
    while (header->value.ptr[header->value.len - 1 - padding] == '=') {
        padding++;
    }
    for (size_t cut = padding + 1; cut <= header->value.len; cut++) {
        header->value.len -= cut;
        enum grapnel_status status = fixture_verify(&c->f);
        assert_true(status != GRAPNEL_VERIFIED && status != GRAPNEL_INTERNAL);
        header->value.len += cut;
    }
}

static void refuses_a_doubled_or_missing_header(struct case_of *c)
{
    if (!in_header(c->f.scheme)) {
        return;
    }
    struct grapnel_header *header = signature_header(c);
    const struct gn_location *sig = &c->f.scheme->sig.list[0];
    bool may_repeat = sig->place == GN_HEADERS && sig->number == 0;
    add_named(c, header->name, header->value);
    assert_status(fixture_verify(&c->f), may_repeat ? GRAPNEL_VERIFIED : GRAPNEL_DUPLICATE_HEADER);
    c->f.request.header_count--;
    struct grapnel_bytes name = header->name;
    header->name = GN_TEXT("X-Something-Else");
    assert_status(fixture_verify(&c->f), GRAPNEL_MISSING_HEADER);
    header->name = name;
}

static void keeps_to_its_window(struct case_of *c)
{
    const struct grapnel_window *window = &c->f.scheme->window;
    const int64_t second = 1000000;
    if (window->past_s > 0) {
        c->f.config.now_us = NOW_US + window->past_s * second;
        assert_status(fixture_verify(&c->f), GRAPNEL_VERIFIED);
        c->f.config.now_us++;
        assert_status(fixture_verify(&c->f), GRAPNEL_TIMESTAMP_TOO_OLD);
    }
    if (window->future_s > 0) {
        c->f.config.now_us = NOW_US - window->future_s * second;
        assert_status(fixture_verify(&c->f), GRAPNEL_VERIFIED);
        c->f.config.now_us--;
        assert_status(fixture_verify(&c->f), GRAPNEL_TIMESTAMP_IN_FUTURE);
    }
    c->f.config.now_us = NOW_US;
}

static void refuses_a_body_past_the_limit(struct case_of *c)
{
    c->f.config.body_max = c->f.request.body.len - 1;
    assert_status(fixture_verify(&c->f), GRAPNEL_BODY_TOO_LARGE);
    assert_int_equal(c->f.verdict.reply.status, 413);
    c->f.config.body_max = 0;
}

/* --- all of them --------------------------------------------------------------------------------------------- */

/* Tokens, fetched certificates and signatures per item have tests of their own. */
static bool is_signed_here(const struct grapnel_scheme *s)
{
    return s->auth != GN_AUTH_JWT && s->auth != GN_AUTH_SNS && s->auth != GN_AUTH_NONE &&
           (s->sig.count == 0 || s->sig.list[0].place != GN_ITEM);
}

static bool signs(const char *preset)
{
    struct grapnel_scheme *scheme;
    assert_status(grapnel_scheme_preset(preset, &scheme), GRAPNEL_VERIFIED);
    bool yes = is_signed_here(scheme);
    grapnel_scheme_free(scheme);
    return yes;
}

static void every_preset_accepts_its_own_and_nothing_else(void **state)
{
    size_t count = 0;
    (void)state;
    for (size_t i = 0; i < grapnel_preset_count(); i++) {
        const char *name = grapnel_preset_at(i)->name;
        static struct case_of c;
        if (!signs(name)) {
            continue;
        }
        print_message("# %s\n", name);
        open_case(&c, name);
        accepts_what_it_signed(&c);
        refuses_a_wrong_key(&c);
        refuses_without_a_secret(&c);
        refuses_another_body(&c);
        refuses_a_cut_signature(&c);
        refuses_a_doubled_or_missing_header(&c);
        keeps_to_its_window(&c);
        refuses_a_body_past_the_limit(&c);
        accepts_what_it_signed(&c);
        fixture_fini(&c.f);
        count++;
    }
    assert_int_equal(count, grapnel_preset_count() - 23);
}

static void presets_are_in_order_and_have_titles(void **state)
{
    (void)state;
    for (size_t i = 0; i < grapnel_preset_count(); i++) {
        struct grapnel_scheme *scheme;
        assert_status(grapnel_scheme_preset(grapnel_preset_at(i)->name, &scheme), GRAPNEL_VERIFIED);
        assert_true(grapnel_scheme_title(scheme).len > 0);
        grapnel_scheme_free(scheme);
        if (i > 0) {
            assert_true(strcmp(grapnel_preset_at(i - 1)->name, grapnel_preset_at(i)->name) < 0);
        }
    }
    assert_null(grapnel_preset_at(grapnel_preset_count()));
}

static void x_counts_the_header_of_either_secret(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f, "x");
    fixture_secret(&f, "the client secret");
    fixture_body(&f, json_body);
    assert_status(fixture_sign(&f), GRAPNEL_VERIFIED);
    fixture_find(&f, GN_TEXT("x-twitter-webhooks-signature"))->name =
        GN_TEXT("X-Twitter-Webhooks-Signature-OAuth2");
    assert_status(fixture_verify(&f), GRAPNEL_VERIFIED);
    fixture_header(&f, "X-Twitter-Webhooks-Signature",
                   "sha256=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    assert_status(fixture_verify(&f), GRAPNEL_VERIFIED);
    f.secrets[0] = GN_TEXT("another secret");
    assert_status(fixture_verify(&f), GRAPNEL_NO_MATCHING_KEY);
    fixture_fini(&f);
}

static void bolt_counts_the_header_of_the_coming_secret(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f, "bolt");
    fixture_secret(&f, "the secret to come");
    fixture_body(&f, json_body);
    assert_status(fixture_sign(&f), GRAPNEL_VERIFIED);
    fixture_find(&f, GN_TEXT("x-bolt-hmac-sha256"))->name = GN_TEXT("X-Bolt-Hmac-Sha256-Pending");
    fixture_header(&f, "X-Bolt-Hmac-Sha256", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    assert_status(fixture_verify(&f), GRAPNEL_VERIFIED);
    f.secrets[0] = GN_TEXT("another secret");
    assert_status(fixture_verify(&f), GRAPNEL_NO_MATCHING_KEY);
    fixture_fini(&f);
}

static void an_unknown_preset_is_said_to_be_so(void **state)
{
    struct grapnel_scheme *scheme = (struct grapnel_scheme *)state;
    assert_status(grapnel_scheme_preset("githup", &scheme), GRAPNEL_UNKNOWN_PRESET);
    assert_null(scheme);
}

static void a_scheme_without_proof_says_unsigned(void **state)
{
    static const char *const unsigned_ones[] = { "docker-hub", "mollie", "shipstation", "strava" };
    (void)state;
    for (size_t i = 0; i < GN_COUNT(unsigned_ones); i++) {
        struct fixture f;
        fixture_init(&f, unsigned_ones[i]);
        fixture_header(&f, "Content-Type", "application/x-www-form-urlencoded");
        fixture_body(&f, "id=tr_1");
        assert_status(fixture_verify(&f), GRAPNEL_UNSIGNED);
        assert_int_equal(f.verdict.reply.status, 200);
        assert_false(f.verdict.id_signed);
        fixture_fini(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_preset_accepts_its_own_and_nothing_else),
        cmocka_unit_test(presets_are_in_order_and_have_titles),
        cmocka_unit_test(x_counts_the_header_of_either_secret),
        cmocka_unit_test(bolt_counts_the_header_of_the_coming_secret),
        cmocka_unit_test(an_unknown_preset_is_said_to_be_so),
        cmocka_unit_test(a_scheme_without_proof_says_unsigned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
