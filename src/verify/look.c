/* SPDX-License-Identifier: Apache-2.0
 *
 * See verify/look.h. A cause is not guessed: a request or secret that is otherwise in one point is verified, and what
 * verifies then is what is wrong.
 */
#include "verify/look.h"

#include <limits.h>

enum {
    WORDS_MAX = 16384,
    SECRETS_MAX = GRAPNEL_SECRETS_MAX,
    VARIED_MAX = 4 << 20, /* bytes of a body that is varied */
    SIGNED_ROOM = 262144, /* bytes of signed text beside the body */
    GROWTH = 2            /* a variant has at most so many times the bytes */
};

/* --- words ------------------------------------------------------------------------------------------ */

struct advice {
    const char *words, *remedy;
};

static const struct advice advices[GRAPNEL_STATUS_COUNT] = {
    [GRAPNEL_VERIFIED] = { "The signature is right: the sender has the secret, and nothing was changed on the way.",
                           NULL },
    [GRAPNEL_HANDSHAKE] = { "This is no event but a handshake: the sender checks the URL and expects the answer below.",
                            NULL },
    [GRAPNEL_UNSIGNED] = { "This scheme has no signature, so nothing was verified.",
                           "Choose the sender's own scheme if it signs at all." },
    [GRAPNEL_MISSING_HEADER] = { "A header, parameter or field that the scheme needs is not there.",
                                 "Take over all headers of the request, and check that the scheme is the sender's." },
    [GRAPNEL_DUPLICATE_HEADER] = { "A header that counts is there more than once, so it is not clear which one holds.",
                                   "Remove the second one. If both arrive, a proxy on the way adds one." },
    [GRAPNEL_MALFORMED_SIGNATURE] = { "There is no signature in the form and length that the scheme asks for.",
                                      "Check that the header is complete, and that the scheme is the sender's." },
    [GRAPNEL_MALFORMED_TIMESTAMP] = { "The time is not in the form that the scheme asks for.",
                                      "Check the header that holds the time." },
    [GRAPNEL_MALFORMED_BODY] = { "The scheme needs a field of the body, and the body cannot be read.",
                                 "Take over the body byte for byte, as it was received." },
    [GRAPNEL_NO_MATCHING_KEY] = { "No secret gives this signature for these bytes: the secret, the body or a header is another one.",
                                  "Compare the secret with the sender's, and take the body as it was received, before anything parsed it." },
    [GRAPNEL_TIMESTAMP_TOO_OLD] = { "The signature is right, but older than the scheme allows.",
                                    "For a request of the past, verify as of the time at which it was sent. For a new one, check the receiver's clock." },
    [GRAPNEL_TIMESTAMP_IN_FUTURE] = { "The signature is right, but its time lies ahead of the clock.",
                                      "Check the receiver's clock, or verify as of the time at which it was sent." },
    [GRAPNEL_CLAIM_MISMATCH] = { "It is signed, but for another content, address or recipient.",
                                 "Compare the URL and the second value (companion) with what the sender has." },
    [GRAPNEL_CHALLENGE_REFUSED] = { "This is a handshake whose value or token is not acceptable.",
                                    "Compare the token of the handshake with what the sender has." },
    [GRAPNEL_BODY_TOO_LARGE] = { "The body is larger than the scheme allows.", NULL },
    [GRAPNEL_TOO_LARGE] = { "Something about the request is larger than any sender makes it.",
                            "Check that the headers are those of one request." },
    [GRAPNEL_UNCONFIGURED] = { "There is no secret to verify with.", "Enter the secret." },
    [GRAPNEL_MALFORMED_KEY] = { "The secret has not the form that the scheme asks for.",
                                "Copy the secret whole, as the sender shows it, with its prefix." },
    [GRAPNEL_KEY_FETCH_FAILED] = { "The sender's certificate or keys could not be fetched, so nothing is known.",
                                   "Try again later; check that this server may reach the sender." },
    [GRAPNEL_MALFORMED_SCHEME] = { "The scheme cannot be read.", NULL },
    [GRAPNEL_UNKNOWN_PRESET] = { "There is no such preset.", NULL },
    [GRAPNEL_UNSUPPORTED] = { "The request asks for a version or algorithm that the scheme has not.",
                              "Check that the scheme is the sender's." },
    [GRAPNEL_INTERNAL] = { "It could not be verified here.", "Try again." },
    [GRAPNEL_METHOD_NOT_ALLOWED] = { "The signature is right, but events do not come by this method.",
                                     "Check the method of the request." },
};

/* --- variants --------------------------------------------------------------------------------------- */

/* One question that differs from the given one in one point. */
struct variant {
    struct grapnel_bytes secrets[SECRETS_MAX];
    struct grapnel_config config;
    struct grapnel_request request;
};

/* Fills v, which is as the given one. False: it would be the same. */
typedef bool vary_fn(struct variant *v, struct arena *a);

static bool vary_secrets(struct variant *v,
                         struct str (*change)(struct str secret, struct arena *a), struct arena *a)
{
    bool is_other = false;
    for (size_t i = 0; i < v->config.secret_count; i++) {
        struct str before = verify_str(v->secrets[i]);
        struct str after = change(before, a);
        is_other = is_other || !str_eq(before, after);
        v->secrets[i] = verify_bytes(after);
    }
    return is_other;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct str without_space(struct str s, struct arena *a)
{
    (void)a;
    while (s.len > 0 && is_space(s.ptr[0]))
        s = str_sub(s, 1, s.len - 1);
    while (s.len > 0 && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

static bool vary_secret_space(struct variant *v, struct arena *a)
{
    return vary_secrets(v, without_space, a);
}

/* In quotes as in a file of settings. */
static struct str without_quotes(struct str s, struct arena *a)
{
    (void)a;
    bool is_quoted =
        s.len > 2 && (s.ptr[0] == '"' || s.ptr[0] == '\'') && s.ptr[s.len - 1] == s.ptr[0];
    return is_quoted ? str_sub(s, 1, s.len - 2) : s;
}

static bool vary_secret_quotes(struct variant *v, struct arena *a)
{
    return vary_secrets(v, without_quotes, a);
}

/* "whsec_..." used as it is by one side and decoded by the other. */
static struct str without_prefix(struct str s, struct arena *a)
{
    (void)a;
    (void)str_skip_prefix(&s, STR("whsec_"));
    return s;
}

static bool vary_secret_prefix(struct variant *v, struct arena *a)
{
    return vary_secrets(v, without_prefix, a);
}

static bool is_varied(const struct variant *v)
{
    return v->request.body.len > 0 && v->request.body.len <= VARIED_MAX;
}

static bool vary_end_cut(struct variant *v, struct arena *a)
{
    struct str body = verify_str(v->request.body);
    (void)a;
    while (body.len > 0 && (body.ptr[body.len - 1] == '\n' || body.ptr[body.len - 1] == '\r'))
        body.len--;
    bool is_other = body.len != v->request.body.len;
    v->request.body = verify_bytes(body);
    return is_other;
}

static bool vary_end_added(struct variant *v, struct arena *a)
{
    if (!is_varied(v))
        return false;
    v->request.body = verify_bytes(arena_fmt(a, "%.*s\n", STR_ARGS(verify_str(v->request.body))));
    return true;
}

/* Line ends of Windows, both ways. */
static bool vary_lines(struct variant *v, struct arena *a)
{
    struct str body = verify_str(v->request.body);
    if (!is_varied(v) || str_find(body, '\n') == body.len)
        return false;
    bool has_returns = str_find(body, '\r') < body.len;
    char *text = arena_alloc(a, body.len * GROWTH + 1);
    size_t len = 0;
    for (size_t i = 0; i < body.len; i++) {
        if (has_returns && body.ptr[i] == '\r')
            continue;
        if (!has_returns && body.ptr[i] == '\n')
            text[len++] = '\r';
        text[len++] = body.ptr[i];
    }
    v->request.body = verify_bytes(str_of(text, len));
    return true;
}

/* JSON without the space between its parts: what a parser and a writer make of it. Strings are left alone. */
static bool vary_compact(struct variant *v, struct arena *a)
{
    struct str body = verify_str(v->request.body);
    if (!is_varied(v) || (body.ptr[0] != '{' && body.ptr[0] != '['))
        return false;
    char *text = arena_alloc(a, body.len + 1);
    size_t len = 0;
    bool is_in_string = false;
    for (size_t i = 0; i < body.len; i++) {
        char c = body.ptr[i];
        if (!is_in_string && is_space(c))
            continue;
        text[len++] = c;
        if (is_in_string && c == '\\' && i + 1 < body.len)
            text[len++] = body.ptr[++i];
        else if (c == '"')
            is_in_string = !is_in_string;
    }
    v->request.body = verify_bytes(str_of(text, len));
    return len != body.len;
}

/* Python's json.dumps(): a space behind each comma and colon. */
static bool vary_spaced(struct variant *v, struct arena *a)
{
    struct variant compact = *v;
    compact.config.secrets = compact.secrets;
    (void)vary_compact(&compact, a);
    struct str body = verify_str(compact.request.body);
    if (!is_varied(v) || (body.ptr[0] != '{' && body.ptr[0] != '['))
        return false;
    char *text = arena_alloc(a, body.len * GROWTH + 1);
    size_t len = 0;
    bool is_in_string = false;
    for (size_t i = 0; i < body.len; i++) {
        char c = body.ptr[i];
        text[len++] = c;
        if (is_in_string && c == '\\' && i + 1 < body.len)
            text[len++] = body.ptr[++i];
        else if (c == '"')
            is_in_string = !is_in_string;
        else if (!is_in_string && (c == ',' || c == ':'))
            text[len++] = ' ';
    }
    bool is_other = !str_eq(verify_str(v->request.body), str_of(text, len));
    v->request.body = verify_bytes(str_of(text, len));
    return is_other;
}

static bool vary_path(struct variant *v, struct arena *a)
{
    struct str url = verify_str(v->request.url);
    if (url.len == 0)
        return false;
    bool has_slash = str_ends(url, STR("/"));
    v->request.url = verify_bytes(has_slash ? str_sub(url, 0, url.len - 1)
                                            : arena_fmt(a, "%.*s/", STR_ARGS(url)));
    return true;
}

static const struct {
    vary_fn *vary;
    const char *cause, *words;
} variants[] = {
    { vary_secret_space, "secret_space",
      "It fits once the blanks around the secret are removed: they were copied along." },
    { vary_secret_quotes, "secret_quotes",
      "It fits once the quotes around the secret are removed." },
    { vary_secret_prefix, "secret_prefix",
      "It fits without whsec_ in front of the secret: the sender's scheme takes the rest of it only." },
    { vary_end_cut, "body_newline",
      "It fits once the line end behind the body is removed: the body was signed without it." },
    { vary_end_added, "body_newline",
      "It fits with a line end behind the body: it was cut off from what was signed." },
    { vary_lines, "body_line_ends",
      "It fits with other line ends in the body: something on the way changed between \\n and \\r\\n." },
    { vary_compact, "body_rewritten",
      "It fits without the blanks in the JSON: the body was parsed and written again. Verify the bytes as they arrive." },
    { vary_spaced, "body_rewritten",
      "It fits with a blank behind each comma and colon of the JSON: the body was parsed and written again. Verify the bytes as they arrive." },
    { vary_path, "url_slash",
      "It fits with the URL's last slash the other way: give the URL exactly as the sender has it." },
};

static bool is_proven(enum grapnel_status status)
{
    return status == GRAPNEL_VERIFIED || status == GRAPNEL_TIMESTAMP_TOO_OLD ||
           status == GRAPNEL_TIMESTAMP_IN_FUTURE || status == GRAPNEL_METHOD_NOT_ALLOWED;
}

static void look_for_cause(const struct verify_scheme *scheme, const struct grapnel_config *config,
                           const struct grapnel_request *request, struct arena *a,
                           struct verify_look *out)
{
    struct grapnel_verdict *verdict = ARENA_NEW(a, struct grapnel_verdict);
    struct variant *v = ARENA_NEW(a, struct variant);
    for (size_t i = 0; i < COUNT_OF(variants) && out->cause == NULL; i++) {
        v->config = *config;
        v->config.keys = NULL; /* they are those of the secrets as given */
        v->config.secrets = v->secrets;
        v->request = *request;
        memcpy(v->secrets, config->secrets, config->secret_count * sizeof(v->secrets[0]));
        if (variants[i].vary(v, a) &&
            is_proven(grapnel_verify(scheme->engine, &v->config, &v->request, verdict))) {
            out->cause = variants[i].cause;
            out->remedy = variants[i].words;
        }
    }
    mem_wipe(v, sizeof(*v));
}

/* --- the answer ------------------------------------------------------------------------------------- */

/* What may be made right by a change of one point. */
static bool is_worth_varying(enum grapnel_status status)
{
    return status == GRAPNEL_NO_MATCHING_KEY || status == GRAPNEL_MALFORMED_KEY ||
           status == GRAPNEL_CLAIM_MISMATCH;
}

static void look_describe(const struct grapnel_verdict *verdict, struct arena *a,
                          struct verify_look *out)
{
    out->status = verdict->status;
    out->words = advices[verdict->status].words;
    out->remedy = advices[verdict->status].remedy;
    out->key_index = verdict->key_index;
    out->matched = verdict->key_index != UINT_MAX;
    out->id = arena_str(a, verify_str(verdict->id));
    out->type = arena_str(a, verify_str(verdict->type));
    out->id_signed = verdict->id_signed;
    out->type_signed = verdict->type_signed;
    out->has_time = verdict->has_time;
    out->time_us = verdict->time_us;
    out->item_count = verdict->item_count;
    if (verdict->status == GRAPNEL_HANDSHAKE)
        out->reply = arena_str(a, verify_str(verdict->reply.body));
}

void verify_look(const struct verify_scheme *scheme, const struct grapnel_config *config,
                 const struct grapnel_request *request, struct arena *a, struct verify_look *out)
{
    struct grapnel_verdict *verdict = ARENA_NEW(a, struct grapnel_verdict);
    char *words = arena_alloc(a, WORDS_MAX);
    /* What is signed beside the body is headers, the URL and what they hold, encoded at worst. */
    size_t cap = request->body.len * GROWTH + SIGNED_ROOM;
    struct grapnel_signed kept = { .ptr = arena_alloc(a, cap), .cap = cap };
    *out = (struct verify_look){ .key_index = UINT_MAX };
    (void)grapnel_explain_signed(scheme->engine, config, request, verdict, words, WORDS_MAX, &kept);
    look_describe(verdict, a, out);
    out->explanation = str_from(words);
    if (kept.len > 0)
        out->signed_bytes = str_of(kept.ptr, kept.len < cap ? kept.len : cap);
    if (is_worth_varying(out->status))
        look_for_cause(scheme, config, request, a, out);
}
