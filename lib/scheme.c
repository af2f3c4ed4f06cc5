/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the text of a scheme: lines "<name> <value>", '#' begins a comment line, "handshake <name>"
 * begins a block that lasts to the next one. Strict: an unknown line, a line twice that may stand
 * once, and a scheme that lacks what its kind needs are errors with their place.
 */
#include "scheme_lines.h"

#include <stdlib.h>

/* --- words --------------------------------------------------------------------------------------------- */

bool gn_find_word(const struct gn_word *words, size_t count, struct grapnel_bytes text, int *out)
{
    for (size_t i = 0; i < count; i++) {
        if (gn_eq(words[i].word, text)) {
            *out = words[i].value;
            return true;
        }
    }
    return false;
}

static const struct gn_word auth_words[] = {
    WORD("hmac", GN_AUTH_HMAC),   WORD("hash", GN_AUTH_HASH),   WORD("ed25519", GN_AUTH_ED25519),
    WORD("rsa", GN_AUTH_RSA),     WORD("equal", GN_AUTH_EQUAL), WORD("ecdsa-p256", GN_AUTH_ECDSA),
    WORD("basic", GN_AUTH_BASIC), WORD("jwt", GN_AUTH_JWT),     WORD("aws-sns", GN_AUTH_SNS),
    WORD("none", GN_AUTH_NONE),
};
static const struct gn_word hash_words[] = { WORD("sha1", GN_SHA1), WORD("sha256", GN_SHA256),
                                             WORD("sha512", GN_SHA512) };
static const struct gn_word key_words[] = { WORD("raw", GN_KEY_RAW), WORD("base64", GN_KEY_BASE64),
                                            WORD("hex", GN_KEY_HEX), WORD("sha1", GN_KEY_SHA1),
                                            WORD("pem", GN_KEY_PEM) };
static const struct gn_word enc_words[] = { WORD("hex", GN_ENC_HEX), WORD("base64", GN_ENC_BASE64),
                                            WORD("base64url", GN_ENC_BASE64URL) };
static const struct gn_word unit_words[] = { WORD("s", GN_UNIT_S), WORD("ms", GN_UNIT_MS),
                                             WORD("iso", GN_UNIT_ISO) };

/* --- lines of the scheme ---------------------------------------------------------------------------- */

static const char *line_title(struct gn_parser *p, struct grapnel_bytes value)
{
    p->scheme->title = value;
    return NULL;
}

/* For people and for the generated list; the engine has no use for it. */
static const char *line_note(struct gn_parser *p, struct grapnel_bytes value)
{
    (void)p;
    return value.len > 0 ? NULL : "an empty note";
}

static const char *line_source(struct gn_parser *p, struct grapnel_bytes value)
{
    (void)p;
    static const struct gn_word grades[] = { WORD("high", 1), WORD("medium", 2), WORD("low", 3) };
    int grade;
    return gn_find_word(grades, GN_COUNT(grades), value, &grade) ? NULL : "high, medium or low";
}

static const char *line_auth(struct gn_parser *p, struct grapnel_bytes value)
{
    int word;
    if (!gn_find_word(auth_words, GN_COUNT(auth_words), value, &word)) {
        return "not a kind of auth";
    }
    p->scheme->auth = (enum gn_auth)word;
    return NULL;
}

static const char *line_hash(struct gn_parser *p, struct grapnel_bytes value)
{
    int word;
    if (!gn_find_word(hash_words, GN_COUNT(hash_words), value, &word)) {
        return "a hash is sha1, sha256 or sha512";
    }
    p->scheme->hash = (enum gn_hash)word;
    return NULL;
}

static const char *line_key(struct gn_parser *p, struct grapnel_bytes value)
{
    int word;
    if (!gn_find_word(key_words, GN_COUNT(key_words), value, &word)) {
        return "a key is raw, base64, hex, sha1 or pem";
    }
    p->scheme->key = (enum gn_key_form)word;
    return NULL;
}

static const char *scheme_add_text(struct grapnel_bytes *list, size_t *count, size_t max,
                                   struct grapnel_bytes value)
{
    if (*count == max) {
        return "too many lines of this name";
    }
    list[(*count)++] = value;
    return NULL;
}

static const char *line_strip(struct gn_parser *p, struct grapnel_bytes value)
{
    return scheme_add_text(p->scheme->strip, &p->scheme->strip_count, GN_STRIP_MAX, value);
}

static const char *line_ed25519_tag(struct gn_parser *p, struct grapnel_bytes value)
{
    p->scheme->ed25519_tag = value;
    return NULL;
}

static const char *add_location(struct gn_locations *to, struct grapnel_bytes value)
{
    if (to->count == GN_LOCATIONS_MAX) {
        return "more than 8 locations";
    }
    return gn_location_parse(value, &to->list[to->count++]);
}

static const char *line_sig(struct gn_parser *p, struct grapnel_bytes value)
{
    return add_location(&p->scheme->sig, value);
}

static const char *scheme_separator(struct grapnel_bytes value, char *out)
{
    if (gn_eq(value, GN_TEXT("space"))) {
        *out = ' ';
        return NULL;
    }
    *out = value.ptr[0];
    return value.len == 1 ? NULL : "a separator is one character, or the word space";
}

static const char *line_item_sep(struct gn_parser *p, struct grapnel_bytes value)
{
    return scheme_separator(value, &p->scheme->item_sep);
}

static const char *line_set_sep(struct gn_parser *p, struct grapnel_bytes value)
{
    return scheme_separator(value, &p->scheme->set_sep);
}

static const char *line_kv_sep(struct gn_parser *p, struct grapnel_bytes value)
{
    return scheme_separator(value, &p->scheme->kv_sep);
}

static const char *line_accept(struct gn_parser *p, struct grapnel_bytes value)
{
    if (gn_eq(value, GN_TEXT("{companion}"))) {
        p->scheme->accept_companion = true;
        return NULL;
    }
    return scheme_add_text(p->scheme->accept, &p->scheme->accept_count, GN_ACCEPT_MAX, value);
}

static const char *line_prefix(struct gn_parser *p, struct grapnel_bytes value)
{
    if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"') {
        value = gn_bytes(value.ptr + 1, value.len - 2); /* so that it may end in a space */
    }
    p->scheme->prefix = value;
    return NULL;
}

static const char *line_enc(struct gn_parser *p, struct grapnel_bytes value)
{
    int word;
    if (!gn_find_word(enc_words, GN_COUNT(enc_words), value, &word)) {
        return "an encoding is hex, base64 or base64url";
    }
    p->scheme->enc = (enum gn_encoding)word;
    return NULL;
}

static const char *line_msg(struct gn_parser *p, struct grapnel_bytes value)
{
    return gn_template_parse(value, &p->scheme->parts, &p->scheme->msg);
}

static const char *line_ts(struct gn_parser *p, struct grapnel_bytes value)
{
    return add_location(&p->scheme->ts, value);
}

static const char *line_ts_unit(struct gn_parser *p, struct grapnel_bytes value)
{
    int word;
    if (!gn_find_word(unit_words, GN_COUNT(unit_words), value, &word)) {
        return "a unit is s, ms or iso";
    }
    p->scheme->ts_unit = (enum gn_unit)word;
    return NULL;
}

static const char *line_window(struct gn_parser *p, struct grapnel_bytes value)
{
    size_t space = gn_find(value, ' ');
    struct grapnel_window *window = &p->scheme->window;
    bool good = space < value.len && gn_decimal(gn_bytes(value.ptr, space), 7, &window->past_s) &&
                gn_decimal(gn_skip(value, space + 1), 7, &window->future_s);
    return good ? NULL : "a window is two numbers: seconds past, seconds future";
}

static const char *line_try(struct gn_parser *p, struct grapnel_bytes value)
{
    static const struct gn_word words[] = { WORD("port", 1), WORD("quote", 2), WORD("newline", 3) };
    int word;
    if (!gn_find_word(words, GN_COUNT(words), value, &word)) {
        return "what may be tried is port, quote or newline";
    }
    p->scheme->try_port |= word == 1;
    p->scheme->try_quote |= word == 2;
    p->scheme->try_newline |= word == 3;
    return NULL;
}

const char *gn_add_rule(struct gn_parser *p, struct gn_rule *rules, size_t *count, size_t max,
                        struct grapnel_bytes value)
{
    static const struct grapnel_bytes equals = GRAPNEL_TEXT(" = ");
    if (*count == max) {
        return "too many lines of this name";
    }
    static const struct grapnel_bytes if_body = GRAPNEL_TEXT("if-body ");
    struct gn_rule *rule = &rules[(*count)++];
    rule->needs_body = gn_starts(value, if_body);
    if (rule->needs_body) {
        value = gn_skip(value, if_body.len);
    }
    for (size_t i = 0; i + equals.len <= value.len; i++) {
        if (gn_starts(gn_skip(value, i), equals)) {
            rule->has_template = true;
            const char *reason =
                gn_template_parse(gn_skip(value, i + equals.len), &p->scheme->parts, &rule->expect);
            return reason != NULL ? reason
                                  : gn_location_parse(gn_bytes(value.ptr, i), &rule->location);
        }
    }
    return gn_location_parse(value, &rule->location);
}

static const char *line_require(struct gn_parser *p, struct grapnel_bytes value)
{
    return gn_add_rule(p, p->scheme->require, &p->scheme->require_count, GN_RULES_MAX, value);
}

static const char *line_check(struct gn_parser *p, struct grapnel_bytes value)
{
    return gn_add_rule(p, p->scheme->check, &p->scheme->check_count, GN_RULES_MAX, value);
}

static const char *line_jwt_alg(struct gn_parser *p, struct grapnel_bytes value)
{
    static const struct gn_word algs[] = { WORD("HS256", 1), WORD("HS384", 2), WORD("HS512", 3),
                                           WORD("RS256", 4), WORD("RS384", 5), WORD("RS512", 6),
                                           WORD("ES256", 7), WORD("EdDSA", 8) };
    int alg;
    if (!gn_find_word(algs, GN_COUNT(algs), value, &alg)) {
        return "not a JWT algorithm that is supported";
    }
    return scheme_add_text(p->scheme->jwt_alg, &p->scheme->jwt_alg_count, GN_ACCEPT_MAX, value);
}

static const char *line_jwt_detached(struct gn_parser *p, struct grapnel_bytes value)
{
    p->scheme->jwt_detached = gn_eq(value, GN_TEXT("yes"));
    return p->scheme->jwt_detached ? NULL : "only yes makes sense here";
}

static const char *line_jwks(struct gn_parser *p, struct grapnel_bytes value)
{
    p->scheme->jwks = value;
    return gn_starts(value, GN_TEXT("https://")) ? NULL : "a key set has an https address";
}

static const char *line_methods(struct gn_parser *p, struct grapnel_bytes value)
{
    p->scheme->methods = value;
    return NULL;
}

static const char *line_body_max(struct gn_parser *p, struct grapnel_bytes value)
{
    int64_t bytes;
    if (!gn_decimal(value, 8, &bytes) || bytes < 1 || bytes > GN_BODY_MAX_MOST) {
        return "a body-max is a number of bytes from 1 to 67108864";
    }
    p->scheme->body_max = (size_t)bytes;
    return NULL;
}

static const char *line_id(struct gn_parser *p, struct grapnel_bytes value)
{
    return add_location(&p->scheme->id, value);
}

static const char *line_dedupe(struct gn_parser *p, struct grapnel_bytes value)
{
    struct grapnel_scheme *s = p->scheme;
    if (gn_eq(value, GN_TEXT("no"))) {
        s->has_no_identity = true;
        return NULL;
    }
    if (s->identity_count == GN_IDENTITIES_MAX) {
        return "more than 4 dedupe lines";
    }
    return gn_identity_parse(value, &s->identities[s->identity_count++]);
}

static const char *line_type(struct gn_parser *p, struct grapnel_bytes value)
{
    if (p->scheme->type_count == GN_TYPES_MAX) {
        return "more than 4 types";
    }
    struct gn_template *type = &p->scheme->types[p->scheme->type_count++];
    return gn_template_parse(value, &p->scheme->parts, type);
}

static const char *line_items(struct gn_parser *p, struct grapnel_bytes value)
{
    struct grapnel_scheme *s = p->scheme;
    struct grapnel_bytes pointer = GN_NONE;
    (void)gn_split(&value, ' ', &pointer);
    s->has_items = true;
    s->keeps_whole = gn_eq(value, GN_TEXT("whole"));
    s->items = gn_eq(pointer, GN_TEXT("root")) ? GN_NONE : pointer;
    bool good = s->items.len == 0 || pointer.ptr[0] == '/';
    return good && (value.len == 0 || s->keeps_whole) ? NULL : "items are root or a JSON pointer";
}

const char *gn_read_status(struct grapnel_bytes value, unsigned *out)
{
    int64_t number;
    if (!gn_decimal(value, 3, &number) || number < 200 || number > 599) {
        return "a status is a number from 200 to 599";
    }
    *out = (unsigned)number;
    return NULL;
}

static const char *line_accept_status(struct gn_parser *p, struct grapnel_bytes value)
{
    return gn_read_status(value, &p->scheme->accept_status);
}

static const char *line_accept_type(struct gn_parser *p, struct grapnel_bytes value)
{
    p->scheme->accept_type = value;
    return NULL;
}

static const char *line_accept_body(struct gn_parser *p, struct grapnel_bytes value)
{
    p->scheme->accept_body = value;
    return NULL;
}

static const char *line_reject_status(struct gn_parser *p, struct grapnel_bytes value)
{
    return gn_read_status(value, &p->scheme->reject_status);
}

/* --- the table ------------------------------------------------------------------------------------------- */

enum where { IN_SCHEME, IN_HANDSHAKE, ANYWHERE };

static const struct row {
    struct grapnel_bytes name;
    enum where where;
    bool repeats;
    line_fn *fn;
} rows[] = {
    { GRAPNEL_TEXT("title"), IN_SCHEME, false, line_title },
    { GRAPNEL_TEXT("note"), ANYWHERE, true, line_note },
    { GRAPNEL_TEXT("source"), IN_SCHEME, false, line_source },
    { GRAPNEL_TEXT("auth"), IN_SCHEME, false, line_auth },
    { GRAPNEL_TEXT("hash"), IN_SCHEME, false, line_hash },
    { GRAPNEL_TEXT("key"), IN_SCHEME, false, line_key },
    { GRAPNEL_TEXT("strip"), IN_SCHEME, true, line_strip },
    { GRAPNEL_TEXT("ed25519-tag"), IN_SCHEME, false, line_ed25519_tag },
    { GRAPNEL_TEXT("sig"), IN_SCHEME, true, line_sig },
    { GRAPNEL_TEXT("item-sep"), IN_SCHEME, false, line_item_sep },
    { GRAPNEL_TEXT("set-sep"), IN_SCHEME, false, line_set_sep },
    { GRAPNEL_TEXT("kv-sep"), IN_SCHEME, false, line_kv_sep },
    { GRAPNEL_TEXT("accept"), IN_SCHEME, true, line_accept },
    { GRAPNEL_TEXT("prefix"), IN_SCHEME, false, line_prefix },
    { GRAPNEL_TEXT("enc"), IN_SCHEME, false, line_enc },
    { GRAPNEL_TEXT("msg"), IN_SCHEME, false, line_msg },
    { GRAPNEL_TEXT("ts"), IN_SCHEME, true, line_ts },
    { GRAPNEL_TEXT("ts-unit"), IN_SCHEME, false, line_ts_unit },
    { GRAPNEL_TEXT("window"), IN_SCHEME, false, line_window },
    { GRAPNEL_TEXT("try"), IN_SCHEME, true, line_try },
    { GRAPNEL_TEXT("require"), IN_SCHEME, true, line_require },
    { GRAPNEL_TEXT("check"), IN_SCHEME, true, line_check },
    { GRAPNEL_TEXT("jwt-alg"), IN_SCHEME, true, line_jwt_alg },
    { GRAPNEL_TEXT("jwt-detached"), IN_SCHEME, false, line_jwt_detached },
    { GRAPNEL_TEXT("jwks"), IN_SCHEME, false, line_jwks },
    { GRAPNEL_TEXT("methods"), IN_SCHEME, false, line_methods },
    { GRAPNEL_TEXT("body-max"), IN_SCHEME, false, line_body_max },
    { GRAPNEL_TEXT("checked"), IN_SCHEME, true, line_note },
    { GRAPNEL_TEXT("id"), IN_SCHEME, true, line_id },
    { GRAPNEL_TEXT("dedupe"), IN_SCHEME, true, line_dedupe },
    { GRAPNEL_TEXT("type"), IN_SCHEME, true, line_type },
    { GRAPNEL_TEXT("items"), IN_SCHEME, false, line_items },
    { GRAPNEL_TEXT("accept-status"), IN_SCHEME, false, line_accept_status },
    { GRAPNEL_TEXT("accept-type"), IN_SCHEME, false, line_accept_type },
    { GRAPNEL_TEXT("accept-body"), IN_SCHEME, false, line_accept_body },
    { GRAPNEL_TEXT("reject-status"), IN_SCHEME, false, line_reject_status },
    { GRAPNEL_TEXT("handshake"), ANYWHERE, true, gn_line_handshake },
    { GRAPNEL_TEXT("method"), IN_HANDSHAKE, false, gn_line_method },
    { GRAPNEL_TEXT("when"), IN_HANDSHAKE, true, gn_line_when },
    { GRAPNEL_TEXT("proof"), IN_HANDSHAKE, false, gn_line_proof },
    { GRAPNEL_TEXT("expect"), IN_HANDSHAKE, true, gn_line_expect },
    { GRAPNEL_TEXT("value"), IN_HANDSHAKE, true, gn_line_value },
    { GRAPNEL_TEXT("status"), IN_HANDSHAKE, false, gn_line_status },
    { GRAPNEL_TEXT("content-type"), IN_HANDSHAKE, false, gn_line_content_type },
    { GRAPNEL_TEXT("header"), IN_HANDSHAKE, true, gn_line_header },
    { GRAPNEL_TEXT("body"), IN_HANDSHAKE, false, gn_line_body },
    { GRAPNEL_TEXT("learn"), IN_HANDSHAKE, false, gn_line_learn },
    { GRAPNEL_TEXT("tentative"), IN_HANDSHAKE, false, gn_line_tentative },
};
_Static_assert(GN_COUNT(rows) <= sizeof(unsigned long) * 8, "a bit a row");

static void forget_handshake_lines(struct gn_parser *p)
{
    for (size_t i = 0; i < GN_COUNT(rows); i++) {
        if (rows[i].where == IN_HANDSHAKE) {
            p->seen &= ~(1UL << i);
        }
    }
}

static const char *read_line(struct gn_parser *p, struct grapnel_bytes line)
{
    size_t space = gn_find(line, ' ');
    struct grapnel_bytes name = gn_bytes(line.ptr, space);
    struct grapnel_bytes value = space == line.len ? GN_NONE : gn_trim(gn_skip(line, space));
    for (size_t i = 0; i < GN_COUNT(rows); i++) {
        if (!gn_eq(name, rows[i].name)) {
            continue;
        }
        if (value.len == 0) {
            return "a line lacks its value";
        }
        if (rows[i].where != ANYWHERE &&
            (rows[i].where == IN_HANDSHAKE) != (p->handshake != NULL)) {
            return rows[i].where == IN_HANDSHAKE ? "this line belongs into a handshake"
                                                 : "this line belongs before the handshakes";
        }
        if (!rows[i].repeats && (p->seen >> i & 1) != 0) {
            return "this line stands twice";
        }
        p->seen |= 1UL << i;
        if (rows[i].fn == gn_line_handshake) {
            forget_handshake_lines(p);
        }
        return rows[i].fn(p, value);
    }
    return "not a line of a scheme";
}

/* --- what others call ------------------------------------------------------------------------------------ */

static const char *read_lines(struct gn_parser *p, struct grapnel_bytes text)
{
    struct grapnel_bytes line;
    const char *reason = NULL;
    while (reason == NULL && gn_split(&text, '\n', &line)) {
        p->line++;
        if (line.len > 0 && line.ptr[0] != '#') {
            reason = read_line(p, line);
        }
    }
    if (reason == NULL) {
        p->line = 0;
        reason = gn_scheme_check(p->scheme);
    }
    return reason;
}

static enum grapnel_status scheme_refuse(struct grapnel_scheme_error *error, unsigned line,
                                         const char *reason)
{
    if (error != NULL) {
        *error = (struct grapnel_scheme_error){ line, reason };
    }
    return GRAPNEL_MALFORMED_SCHEME;
}

enum grapnel_status grapnel_scheme_parse(struct grapnel_bytes text, struct grapnel_scheme **out,
                                         struct grapnel_scheme_error *error)
{
    *out = NULL;
    if (text.len == 0 || text.len > GRAPNEL_SCHEME_TEXT_MAX) {
        return scheme_refuse(error, 0, "a scheme has 1 to 8192 bytes");
    }
    struct grapnel_scheme *scheme = calloc(1, sizeof(*scheme));
    char *copy = malloc(text.len);
    if (scheme == NULL || copy == NULL) {
        free(scheme);
        free(copy);
        return GRAPNEL_INTERNAL;
    }
    memcpy(copy, text.ptr, text.len);
    scheme->text = copy;
    scheme->accept_status = 200;
    scheme->reject_status = 401;
    scheme->methods = GN_TEXT("POST, PUT");
    struct gn_parser p = { .scheme = scheme };
    const char *reason = read_lines(&p, gn_bytes(copy, text.len));
    if (reason != NULL) {
        grapnel_scheme_free(scheme);
        return scheme_refuse(error, p.line, reason);
    }
    *out = scheme;
    return GRAPNEL_VERIFIED;
}
