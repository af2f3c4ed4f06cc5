/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking the provider, and what is remembered of its answers: its description for a minute, so that one that is down is
 * noticed at once, and its keys for five.
 */
#include "login/oidc_priv.h"

#include "login/token_priv.h"
#include "json/json.h"

enum { QUERY_ROOM = 16384 };
static const int64_t description_us = INT64_C(60) * 1000000;
static const int64_t keys_us = INT64_C(300) * 1000000;

void login_kept_drop(struct login_kept *k)
{
    xfree((char *)(uintptr_t)k->text.ptr);
    *k = (struct login_kept){ 0 };
}

struct str login_host_of(struct str url)
{
    struct http_url parsed;
    return http_url_parse(url, &parsed, NULL) == RC_OK ? parsed.host : STR_NONE;
}

enum rc login_add_parameter(struct buf *out, const char *name, struct str value)
{
    char last = out->len > 0 ? out->ptr[out->len - 1] : '&';
    enum rc rc = last == '?' || last == '&' ? RC_OK : buf_add_char(out, '&');
    if (rc == RC_OK)
        rc = buf_addf(out, "%s=", name);
    return rc == RC_OK ? percent_encode(value, out) : rc;
}

/* --- asking -------------------------------------------------------------------------------------------- */

static bool oidc_enter(struct login_oidc *o)
{
    mutex_lock(&o->lock);
    bool may = o->asking < LOGIN_OIDC_AT_ONCE;
    o->asking += may ? 1 : 0;
    mutex_unlock(&o->lock);
    return may;
}

static void oidc_leave(struct login_oidc *o)
{
    mutex_lock(&o->lock);
    o->asking--;
    mutex_unlock(&o->lock);
}

struct question {
    enum http_method method;
    struct str url, headers, body;
};

struct reply {
    int status;
    struct str text; /* in the arena */
};

static enum login_oidc_verdict ask_failed(const struct question *q, const char *words,
                                          struct buf *why)
{
    struct str host = login_host_of(q->url);
    buf_say(why, "%.*s: %s", STR_ARGS(host.len > 0 ? host : q->url), words);
    return LOGIN_OIDC_UNREACHABLE;
}

static enum login_oidc_verdict judge_call(const struct fetch_call *call, const struct question *q,
                                          struct arena *a, struct reply *out, struct buf *why)
{
    if (call->error != FETCH_OK)
        return ask_failed(q, call->detail[0] != '\0' ? call->detail : fetch_error_name(call->error),
                          why);
    if (call->response_cut)
        return ask_failed(q, "the answer is longer than 64 KiB, or broke off", why);
    *out = (struct reply){ call->status, arena_str(a, call->response) };
    return LOGIN_OIDC_OK;
}

/* Redirects are not followed. OK: it answered, whatever. */
static enum login_oidc_verdict oidc_ask(struct login_oidc *o, const struct question *q,
                                        struct arena *a, struct reply *out, struct buf *why)
{
    struct fetch_call call;
    struct http_url url;
    if (http_url_parse(q->url, &url, NULL) != RC_OK)
        return ask_failed(q, "this address cannot be asked", why);
    if (!oidc_enter(o)) {
        buf_say(why, "%d requests to the provider are under way already", LOGIN_OIDC_AT_ONCE);
        return LOGIN_OIDC_BUSY;
    }
    fetch_call_init(&call);
    call.method = q->method;
    call.url = &url;
    call.headers = q->headers;
    call.body = q->body;
    call.deadline_us = call.connect_us = LOGIN_OIDC_WAIT_US;
    call.response_keep = call.response_read = LOGIN_OIDC_ANSWER_MAX;
    fetch_run(o->fetch, &call);
    oidc_leave(o);
    enum login_oidc_verdict verdict = judge_call(&call, q, a, out, why);
    fetch_call_fini(&call);
    return verdict;
}

#define AGENT "User-Agent: Grapnel/" GRAPNEL_VERSION "\r\nAccept: application/json\r\n"

bool login_recall(struct login_oidc *o, const struct login_kept *from, int64_t age_us,
                  struct arena *a, struct str *out)
{
    int64_t now_us = clock_mono_us(o->clock);
    mutex_lock(&o->lock);
    bool is_there = from->text.ptr != NULL && now_us - from->since_us < age_us;
    if (is_there)
        *out = arena_str(a, from->text);
    mutex_unlock(&o->lock);
    return is_there;
}

static void oidc_keep(struct login_oidc *o, struct login_kept *in, struct str text)
{
    int64_t now_us = clock_mono_us(o->clock);
    mutex_lock(&o->lock);
    login_kept_drop(in);
    *in = (struct login_kept){ str_of(xmemdup(text.ptr, text.len), text.len), now_us };
    mutex_unlock(&o->lock);
}

static enum login_oidc_verdict oidc_get(struct login_oidc *o, struct str url, struct arena *a,
                                        struct str *out, struct buf *why)
{
    const struct question q = { .method = HTTP_GET, .url = url, .headers = STR(AGENT) };
    struct reply reply;
    enum login_oidc_verdict verdict = oidc_ask(o, &q, a, &reply, why);
    if (verdict != LOGIN_OIDC_OK)
        return verdict;
    *out = reply.text;
    if (reply.status == 200)
        return LOGIN_OIDC_OK;
    buf_say(why, "%.*s answered %d", STR_ARGS(url), reply.status);
    return LOGIN_OIDC_UNREACHABLE;
}

/* --- the provider's description and keys --------------------------------------------------------------- */

static struct str description_url(const struct login_oidc *o, struct arena *a)
{
    struct str issuer = o->issuer;
    while (str_ends(issuer, STR("/")))
        issuer.len--;
    return arena_fmt(a, "%.*s/.well-known/openid-configuration", STR_ARGS(issuer));
}

enum login_oidc_verdict login_ask_provider(struct login_oidc *o, struct arena *a,
                                           struct login_provider *out, struct buf *why)
{
    struct str text;
    if (login_recall(o, &o->description, description_us, a, &text) &&
        login_provider_read(text, o->issuer, a, out, NULL) == RC_OK)
        return LOGIN_OIDC_OK;
    enum login_oidc_verdict verdict = oidc_get(o, description_url(o, a), a, &text, why);
    if (verdict != LOGIN_OIDC_OK)
        return verdict;
    if (login_provider_read(text, o->issuer, a, out, why) != RC_OK)
        return LOGIN_OIDC_UNREACHABLE;
    oidc_keep(o, &o->description, text);
    return LOGIN_OIDC_OK;
}

/* For a token of a key that is not known. False: that was done less than a minute ago. */
static bool may_ask_keys(struct login_oidc *o)
{
    int64_t now_us = clock_mono_us(o->clock);
    mutex_lock(&o->lock);
    bool may = o->keys_asked_us == 0 ||
               now_us - o->keys_asked_us >= LOGIN_OIDC_KEYS_GAP_S * INT64_C(1000000);
    if (may)
        o->keys_asked_us = now_us;
    mutex_unlock(&o->lock);
    return may;
}

/* Nothing else than a set is kept, whatever a host says that is in trouble. */
static bool is_key_set(struct str json)
{
    struct json_member keys = { .name = STR("keys") };
    return json_scan_object(json, &keys, 1, NULL) == RC_OK && keys.value.type == JSON_SPAN_ARRAY;
}

enum login_oidc_verdict login_ask_keys(struct login_oidc *o, const struct login_provider *p,
                                       struct arena *a, struct str *out, struct buf *why)
{
    enum login_oidc_verdict verdict = oidc_get(o, p->keys, a, out, why);
    if (verdict != LOGIN_OIDC_OK)
        return verdict;
    if (!is_key_set(*out)) {
        buf_say(why, "%.*s: there is no set of keys", STR_ARGS(p->keys));
        return LOGIN_OIDC_UNREACHABLE;
    }
    oidc_keep(o, &o->keys, *out);
    return LOGIN_OIDC_OK;
}

/* Those that are kept; without any, those of now. */
static enum login_oidc_verdict load_keys(struct login_oidc *o, const struct login_provider *p,
                                         struct arena *a, struct str *out, struct buf *why)
{
    if (login_recall(o, &o->keys, keys_us, a, out))
        return LOGIN_OIDC_OK;
    return login_ask_keys(o, p, a, out, why);
}

/* A provider that has changed its keys signs with one that is not in the set that is kept. */
enum login_oidc_verdict login_ask_signature(struct login_oidc *o, const struct login_provider *p,
                                            struct str token, struct arena *a, struct buf *why)
{
    struct str keys;
    int64_t now_us = clock_wall_us(o->clock);
    enum login_oidc_verdict verdict = load_keys(o, p, a, &keys, why);
    if (verdict != LOGIN_OIDC_OK)
        return verdict;
    enum grapnel_status status = login_token_verify(o->scheme, token, keys, now_us);
    if (status == GRAPNEL_NO_MATCHING_KEY && may_ask_keys(o)) {
        verdict = login_ask_keys(o, p, a, &keys, why);
        if (verdict != LOGIN_OIDC_OK)
            return verdict;
        status = login_token_verify(o->scheme, token, keys, now_us);
    }
    if (status == GRAPNEL_VERIFIED)
        return LOGIN_OIDC_OK;
    buf_say(why, "the id_token is refused: %s", grapnel_status_name(status));
    return LOGIN_OIDC_TOKEN;
}

/* --- the code for the token ----------------------------------------------------------------------------- */

/* "Authorization: Basic ...\r\n" (RFC 6749, 2.3.1: both parts are form-encoded first). */
static struct str basic_line(const struct login_oidc *o, struct arena *a)
{
    struct buf pair;
    buf_init(&pair, QUERY_ROOM);
    enum rc rc = percent_encode(o->client_id, &pair);
    if (rc == RC_OK)
        rc = buf_add_char(&pair, ':');
    if (rc == RC_OK)
        rc = percent_encode(o->client_secret, &pair);
    char *text = arena_alloc(a, BASE64_LEN(pair.len) + 1);
    base64_encode(pair.ptr, pair.len, text);
    mem_wipe(pair.ptr, pair.len);
    buf_fini(&pair);
    return rc == RC_OK ? arena_fmt(a, "Authorization: Basic %s\r\n", text) : STR("");
}

/* Empty: longer than we ask with. */
static struct str token_body(const struct login_oidc *o, struct str code, struct str verifier,
                             bool says_client, bool says_secret, struct arena *a)
{
    struct buf out;
    buf_init(&out, QUERY_ROOM);
    enum rc rc = login_add_parameter(&out, "grant_type", STR("authorization_code"));
    if (rc == RC_OK)
        rc = login_add_parameter(&out, "code", code);
    if (rc == RC_OK)
        rc = login_add_parameter(&out, "redirect_uri", o->redirect_uri);
    if (rc == RC_OK)
        rc = login_add_parameter(&out, "code_verifier", verifier);
    if (rc == RC_OK && says_client)
        rc = login_add_parameter(&out, "client_id", o->client_id);
    if (rc == RC_OK && says_secret)
        rc = login_add_parameter(&out, "client_secret", o->client_secret);
    struct str body = rc == RC_OK ? arena_str(a, buf_str(&out)) : STR_NONE;
    mem_wipe(out.ptr, out.len);
    buf_fini(&out);
    return body;
}

static enum login_oidc_verdict read_tokens(const struct reply *reply, struct arena *a,
                                           struct str *token, struct buf *why)
{
    json_t *object = NULL;
    if (json_parse(reply->text, &object, NULL) != RC_OK || !json_is_object(object)) {
        buf_say(why, "the provider's token endpoint answered %d, without a JSON object",
                reply->status);
        json_decref(object);
        return LOGIN_OIDC_UNREACHABLE;
    }
    *token = arena_str(a, json_str_member(object, "id_token"));
    struct str error = arena_str(a, json_str_member(object, "error"));
    struct str words = arena_str(a, json_str_member(object, "error_description"));
    json_decref(object);
    if (reply->status == 200 && token->len > 0)
        return LOGIN_OIDC_OK;
    if (reply->status == 200) {
        buf_say(why,
                "the provider answered without an id_token; is openid allowed to this client?");
        return LOGIN_OIDC_TOKEN;
    }
    buf_say(why, "the provider's token endpoint answered %d %.*s %.*s", reply->status,
            STR_ARGS(str_sub(error, 0, LOGIN_SHOWN)), STR_ARGS(str_sub(words, 0, LOGIN_SHOWN)));
    return reply->status >= 500 ? LOGIN_OIDC_UNREACHABLE : LOGIN_OIDC_DENIED;
}

enum login_oidc_verdict login_ask_token(struct login_oidc *o, const struct login_provider *p,
                                        struct str code, struct str verifier, struct arena *a,
                                        struct str *token, struct buf *why)
{
    bool has_secret = o->client_secret.len > 0;
    bool in_header = has_secret && !p->posts_secret;
    const struct question q = {
        .method = HTTP_POST,
        .url = p->token,
        .headers = arena_fmt(a, "%sContent-Type: application/x-www-form-urlencoded\r\n%.*s", AGENT,
                             STR_ARGS(in_header ? basic_line(o, a) : STR(""))),
        .body = token_body(o, code, verifier, !in_header, has_secret && p->posts_secret, a)
    };
    struct reply reply;
    enum login_oidc_verdict verdict = oidc_ask(o, &q, a, &reply, why);
    return verdict == LOGIN_OIDC_OK ? read_tokens(&reply, a, token, why) : verdict;
}
