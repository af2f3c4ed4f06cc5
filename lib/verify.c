/* SPDX-License-Identifier: Apache-2.0
 *
 * From a request to a verdict: limits, handshakes, keys, proof, time, rules, then what the caller wants
 * to know about the event.
 */
#include "engine.h"

#include <limits.h>

enum { BODY_COPIES = 8 };

void gn_run_init(struct gn_run *run, const struct grapnel_scheme *scheme,
                 const struct grapnel_config *config, const struct grapnel_request *request)
{
    memset(run, 0, sizeof(*run));
    run->scheme = scheme;
    run->config = config;
    run->request = request;
    run->matched = UINT_MAX;
    run->arena.limit = GRAPNEL_WORK_MAX + BODY_COPIES * request->body.len;
}

void gn_run_fini(struct gn_run *run)
{
    gn_free_keys(run);
    gn_arena_fini(&run->arena);
}

bool gn_keep(struct grapnel_verdict *verdict, struct grapnel_bytes s, struct grapnel_bytes *out)
{
    if (s.len > sizeof(verdict->_text) - verdict->_text_len) {
        return false;
    }
    char *place = verdict->_text + verdict->_text_len;
    if (s.len > 0) {
        memcpy(place, s.ptr, s.len);
    }
    verdict->_text_len += s.len;
    *out = gn_bytes(place, s.len);
    return true;
}

/* --- proof ----------------------------------------------------------------------------------------------- */

static enum grapnel_status verify_prove(struct gn_run *run)
{
    switch (run->scheme->auth) {
    case GN_AUTH_HMAC:
    case GN_AUTH_HASH:
    case GN_AUTH_ED25519:
    case GN_AUTH_ECDSA:
    case GN_AUTH_RSA: return gn_check_signatures(run);
    case GN_AUTH_EQUAL: return gn_check_equal(run);
    case GN_AUTH_BASIC: return gn_check_basic(run);
    case GN_AUTH_JWT: return gn_check_jwt(run);
    case GN_AUTH_SNS: return gn_check_sns(run);
    case GN_AUTH_NONE: return GRAPNEL_UNSIGNED;
    case GN_AUTH_UNSET: break;
    }
    return GRAPNEL_UNSUPPORTED;
}

static bool needs_keys(const struct grapnel_scheme *s)
{
    return s->auth != GN_AUTH_NONE && s->auth != GN_AUTH_SNS && s->jwks.len == 0;
}

enum grapnel_status gn_judge(struct gn_run *run)
{
    const struct grapnel_scheme *s = run->scheme;
    enum grapnel_status status = GRAPNEL_VERIFIED;
    if (needs_keys(s) && run->key_count == 0) {
        status = gn_load_keys(run);
    }
    if (status == GRAPNEL_VERIFIED) {
        status = gn_check_rules(run, s->require, s->require_count, GRAPNEL_UNSUPPORTED);
    }
    if (status == GRAPNEL_VERIFIED) {
        status = gn_read_time(run);
    }
    if (status == GRAPNEL_VERIFIED) {
        status = verify_prove(run);
    }
    /* Only the true sender learns that its time or content is off. */
    if (status == GRAPNEL_VERIFIED) {
        status = gn_check_window(run);
    }
    if (status == GRAPNEL_VERIFIED) {
        status = gn_check_rules(run, s->check, s->check_count, GRAPNEL_CLAIM_MISMATCH);
    }
    return status;
}

/* --- what the caller wants to know -------------------------------------------------------------------------- */

static enum grapnel_status verify_keep(struct grapnel_verdict *verdict, struct grapnel_bytes s,
                                       struct grapnel_bytes *out)
{
    return gn_keep(verdict, s, out) ? GRAPNEL_VERIFIED : GRAPNEL_TOO_LARGE;
}

/* An absent or unreadable id is no reason to refuse what is verified; an ambiguous one is. */
static enum grapnel_status describe_id(struct gn_run *run, struct grapnel_verdict *verdict)
{
    struct grapnel_bytes id;
    enum grapnel_status status = gn_identity(run, false, &id, &verdict->id_signed);
    return status == GRAPNEL_VERIFIED ? verify_keep(verdict, id, &verdict->id) : status;
}

static bool is_type_signed(const struct grapnel_scheme *s, const struct gn_template *t)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->parts[i].token == GN_TOKEN_LOCATION && !gn_is_signed(s, &t->parts[i].location)) {
            return false;
        }
    }
    return true;
}

static enum grapnel_status describe_type(struct gn_run *run, struct grapnel_verdict *verdict)
{
    const struct grapnel_scheme *s = run->scheme;
    for (size_t i = 0; i < s->type_count; i++) {
        struct grapnel_bytes type;
        enum grapnel_status status = gn_expand(run, &s->types[i], &type);
        if (status == GRAPNEL_VERIFIED) {
            verdict->type_signed = is_type_signed(s, &s->types[i]);
            return verify_keep(verdict, type, &verdict->type);
        }
        if (status == GRAPNEL_DUPLICATE_HEADER || status == GRAPNEL_TOO_LARGE) {
            return status;
        }
    }
    return GRAPNEL_VERIFIED;
}

/* Counts the events of a batch; with one of them, `item` is it. */
static enum grapnel_status count_items(struct gn_run *run, struct grapnel_verdict *verdict)
{
    struct grapnel_bytes *items;
    if (!run->scheme->has_items) {
        return GRAPNEL_VERIFIED;
    }
    enum grapnel_status status = gn_load_items(run, &items, &verdict->item_count);
    if (status == GRAPNEL_VERIFIED && verdict->item_count == 1) {
        run->item = items[0];
    }
    /* Without an array it is not a batch this time. */
    return status == GRAPNEL_TOO_LARGE ? status : GRAPNEL_VERIFIED;
}

static enum grapnel_status verify_describe(struct gn_run *run, struct grapnel_verdict *verdict)
{
    verdict->has_time = run->has_ts;
    verdict->time_us = run->ts_us;
    enum grapnel_status status = count_items(run, verdict);
    if (status == GRAPNEL_VERIFIED) {
        status = describe_id(run, verdict);
    }
    return status == GRAPNEL_VERIFIED ? describe_type(run, verdict) : status;
}

/* --- the answer ------------------------------------------------------------------------------------------------ */

static void verify_refuse(const struct grapnel_scheme *s, const struct grapnel_config *config,
                          struct grapnel_verdict *verdict)
{
    unsigned status = s->reject_status;
    if (verdict->status == GRAPNEL_BODY_TOO_LARGE) {
        status = 413;
    } else if (verdict->status == GRAPNEL_METHOD_NOT_ALLOWED) {
        status = 405;
    } else if (verdict->status == GRAPNEL_KEY_FETCH_FAILED || verdict->status == GRAPNEL_INTERNAL) {
        status = 503; /* ours to mend: let the provider try again */
    }
    verdict->reply = (struct grapnel_reply){ .status = status };
    if (status == 405) {
        verdict->reply.headers[0] =
            (struct grapnel_header){ GN_TEXT("Allow"),
                                     config->methods.len > 0 ? config->methods : s->methods };
        verdict->reply.header_count = 1;
    }
    verdict->learned = GN_NONE;
    verdict->id = verdict->type = GN_NONE; /* unproven, so not told */
    verdict->id_signed = verdict->type_signed = verdict->has_time = false;
    verdict->item_count = 0;
}

static void set_reply(const struct grapnel_scheme *s, const struct grapnel_config *config,
                      struct grapnel_verdict *verdict)
{
    if (verdict->status == GRAPNEL_HANDSHAKE) {
        return;
    }
    if (verdict->status != GRAPNEL_VERIFIED && verdict->status != GRAPNEL_UNSIGNED) {
        verify_refuse(s, config, verdict);
        return;
    }
    verdict->reply.status = s->accept_status;
    verdict->reply.content_type = s->accept_type;
    verdict->reply.body = s->accept_body;
}

size_t gn_body_max(const struct grapnel_scheme *scheme, size_t given)
{
    if (given != 0) {
        return given;
    }
    bool is_large = scheme != NULL && scheme->body_max > GRAPNEL_BODY_MAX_DEFAULT;
    return is_large ? scheme->body_max : GRAPNEL_BODY_MAX_DEFAULT;
}

static enum grapnel_status within_limits(const struct grapnel_scheme *scheme,
                                         const struct grapnel_config *config,
                                         const struct grapnel_request *request)
{
    if (request->body.len > gn_body_max(scheme, config->body_max)) {
        return GRAPNEL_BODY_TOO_LARGE;
    }
    return request->header_count > GRAPNEL_HEADERS_MAX ? GRAPNEL_TOO_LARGE : GRAPNEL_VERIFIED;
}

static bool is_listed(struct grapnel_bytes list, struct grapnel_bytes method)
{
    struct grapnel_bytes one;
    while (gn_split(&list, ',', &one)) {
        if (gn_eq(gn_trim(one), method)) {
            return true;
        }
    }
    return false;
}

/* Asking whether we are there, or what we take, is no event. */
static bool is_event_method(const struct gn_run *run)
{
    struct grapnel_bytes method = run->request->method;
    struct grapnel_bytes list = run->config->methods;
    if (gn_eq(method, GN_TEXT("HEAD")) || gn_eq(method, GN_TEXT("OPTIONS"))) {
        return false;
    }
    return method.len == 0 || is_listed(list.len > 0 ? list : run->scheme->methods, method);
}

static enum grapnel_status run_all(struct gn_run *run, struct grapnel_verdict *verdict)
{
    enum grapnel_status status = within_limits(run->scheme, run->config, run->request);
    if (status == GRAPNEL_VERIFIED) {
        status = gn_handshake(run, verdict);
    }
    if (status != GRAPNEL_VERIFIED) {
        return status;
    }
    status = gn_judge(run);
    if (status != GRAPNEL_VERIFIED && status != GRAPNEL_UNSIGNED) {
        return status;
    }
    if (!is_event_method(run)) {
        return GRAPNEL_METHOD_NOT_ALLOWED;
    }
    enum grapnel_status described = verify_describe(run, verdict);
    return described == GRAPNEL_VERIFIED ? status : described;
}

/* --- what others call ------------------------------------------------------------------------------------------- */

void gn_keep_signed(struct gn_run *run, const struct grapnel_bytes *pieces, size_t count)
{
    struct grapnel_signed *kept = run->kept;
    if (kept == NULL) {
        return;
    }
    kept->len = 0;
    for (size_t i = 0; i < count; i++) {
        size_t room = kept->len < kept->cap ? kept->cap - kept->len : 0;
        size_t len = pieces[i].len < room ? pieces[i].len : room;
        if (len > 0) {
            memcpy(kept->ptr + kept->len, pieces[i].ptr, len);
        }
        kept->len += pieces[i].len;
    }
}

enum grapnel_status grapnel_explain_signed(const struct grapnel_scheme *scheme,
                                           const struct grapnel_config *config,
                                           const struct grapnel_request *request,
                                           struct grapnel_verdict *verdict, char *out, size_t cap,
                                           struct grapnel_signed *bytes)
{
    struct gn_run run;
    memset(verdict, 0, offsetof(struct grapnel_verdict, _text));
    verdict->key_index = UINT_MAX;
    gn_run_init(&run, scheme, config, request);
    run.kept = bytes;
    if (bytes != NULL) {
        bytes->len = 0;
    }
    if (out != NULL && cap > 0) {
        out[0] = '\0';
        run.explain = (struct gn_out){ out, 0, cap };
    }
    gn_say(&run.explain, "scheme: %.*s\n", (int)scheme->title.len,
           scheme->title.ptr == NULL ? "" : scheme->title.ptr);
    verdict->status = run_all(&run, verdict);
    verdict->key_index = run.matched;
    set_reply(scheme, config, verdict);
    gn_say(&run.explain, "verdict: %s\n", grapnel_status_name(verdict->status));
    gn_run_fini(&run);
    return verdict->status;
}

enum grapnel_status grapnel_explain(const struct grapnel_scheme *scheme,
                                    const struct grapnel_config *config,
                                    const struct grapnel_request *request,
                                    struct grapnel_verdict *verdict, char *out, size_t cap)
{
    return grapnel_explain_signed(scheme, config, request, verdict, out, cap, NULL);
}

enum grapnel_status grapnel_verify(const struct grapnel_scheme *scheme,
                                   const struct grapnel_config *config,
                                   const struct grapnel_request *request,
                                   struct grapnel_verdict *verdict)
{
    return grapnel_explain(scheme, config, request, verdict, NULL, 0);
}

enum grapnel_status grapnel_check_secret(const struct grapnel_scheme *scheme,
                                         struct grapnel_bytes secret)
{
    struct gn_run run;
    struct grapnel_config config = { .secrets = &secret, .secret_count = 1 };
    struct grapnel_request request = { .header_count = 0 };
    gn_run_init(&run, scheme, &config, &request);
    enum grapnel_status status = needs_keys(scheme) ? gn_load_keys(&run) : GRAPNEL_VERIFIED;
    gn_run_fini(&run);
    return status;
}

const char *grapnel_status_name(enum grapnel_status status)
{
    static const char *const names[GRAPNEL_STATUS_COUNT] = {
        [GRAPNEL_VERIFIED] = "verified",
        [GRAPNEL_HANDSHAKE] = "handshake",
        [GRAPNEL_UNSIGNED] = "unsigned",
        [GRAPNEL_MISSING_HEADER] = "missing_header",
        [GRAPNEL_DUPLICATE_HEADER] = "duplicate_header",
        [GRAPNEL_MALFORMED_SIGNATURE] = "malformed_signature",
        [GRAPNEL_MALFORMED_TIMESTAMP] = "malformed_timestamp",
        [GRAPNEL_MALFORMED_BODY] = "malformed_body",
        [GRAPNEL_NO_MATCHING_KEY] = "no_matching_key",
        [GRAPNEL_TIMESTAMP_TOO_OLD] = "timestamp_too_old",
        [GRAPNEL_TIMESTAMP_IN_FUTURE] = "timestamp_in_future",
        [GRAPNEL_CLAIM_MISMATCH] = "claim_mismatch",
        [GRAPNEL_CHALLENGE_REFUSED] = "challenge_refused",
        [GRAPNEL_BODY_TOO_LARGE] = "body_too_large",
        [GRAPNEL_TOO_LARGE] = "too_large",
        [GRAPNEL_UNCONFIGURED] = "unconfigured",
        [GRAPNEL_MALFORMED_KEY] = "malformed_key",
        [GRAPNEL_KEY_FETCH_FAILED] = "key_fetch_failed",
        [GRAPNEL_MALFORMED_SCHEME] = "malformed_scheme",
        [GRAPNEL_UNKNOWN_PRESET] = "unknown_preset",
        [GRAPNEL_UNSUPPORTED] = "unsupported",
        [GRAPNEL_INTERNAL] = "internal",
        [GRAPNEL_METHOD_NOT_ALLOWED] = "method_not_allowed",
    };
    return (unsigned)status < GRAPNEL_STATUS_COUNT ? names[status] : "unknown";
}
