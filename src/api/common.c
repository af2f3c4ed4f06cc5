/* SPDX-License-Identifier: Apache-2.0
 *
 * What every handler needs: access, transactions with idempotency, and answers for failures.
 */
#include "api/api_priv.h"

#include "api/task_priv.h"

struct api *api_new(const struct api_options *o)
{
    struct api *api = XNEW(struct api);
    api->o = *o;
    api->o.loops = xmemdup(o->loops, o->loop_count * sizeof(struct loop *));
    api_tasks_init(api);
    return api;
}

void api_free(struct api *api)
{
    if (api == NULL)
        return;
    api_tasks_fini(api);
    xfree(api->o.loops);
    xfree(api);
}

void *api_owner(const struct api *api)
{
    return api->o.owner;
}

struct api_filters api_filters_of(const struct api *api)
{
    return (struct api_filters){ api->o.filter_sets, api->o.filter_engine, api->o.pool };
}

void api_set_dialects(struct api *api, void *dialects)
{
    api->dialects = dialects;
}

void *api_dialects(const struct api *api)
{
    return api->dialects;
}

struct loop *api_loop(struct api *api)
{
    size_t turn = atomic_fetch_add_explicit(&api->turn, 1, memory_order_relaxed);
    return api->o.loops[turn % api->o.loop_count];
}

/* --- access
 * ---------------------------------------------------------------------------------------- */

static struct str bearer(const struct http_call *call)
{
    struct str value = http_call_header(call, "authorization");
    if (value.len < 7 || !str_ieq(str_sub(value, 0, 7), STR("bearer ")))
        return STR_NONE;
    return str_trim(str_sub(value, 7, value.len));
}

static void denied(struct http_request *req, const char *words)
{
    static const struct http_header challenge = { { "www-authenticate", 16 }, { "Bearer", 6 } };
    http_error(req, 401, "authentication_failed", "%s", words);
    req->reply.headers = &challenge;
    req->reply.header_count = 1;
}

static void release(void *identity)
{
    core_identity_unref(identity);
}

bool api_allowed(struct http_request *req, const struct core_identity *who)
{
    unsigned access = req->route->access;
    unsigned needed = access >> API_CAPABILITY_SHIFT;
    bool enough = true;
    if ((access & API_ACCESS_MASK) == API_ORG)
        enough = who->app == 0;
    if ((access & API_WRITE) != 0 && who->read_only)
        enough = false;
    if (who->app != 0 && (who->capabilities & needed) != needed)
        enough = false;
    if (!enough)
        http_error(req, 403, "insufficient access", "This token may not do that.");
    return enough;
}

enum rc api_authorize_cached(struct http_request *req, struct core_identity **out)
{
    const struct api *api = req->ctx;
    enum rc rc = core_access_find(api->o.access, bearer(req->call), out);
    if (rc == RC_DENIED)
        denied(req, "Invalid token");
    if (rc != RC_OK)
        return rc;
    arena_defer(req->arena, release, *out);
    return api_allowed(req, *out) ? RC_OK : RC_DENIED;
}

bool api_authorize(struct http_request *req, struct core_identity **out)
{
    const struct api *api = req->ctx;
    struct core_identity *who = NULL;
    if ((req->route->access & API_ACCESS_MASK) == API_OPEN) {
        if (out != NULL)
            *out = NULL;
        return true;
    }
    struct buf why;
    buf_init(&why, 256);
    enum rc rc = core_access_load(api->o.access, bearer(req->call), &who, &why);
    if (rc == RC_DENIED)
        denied(req, why.ptr == NULL ? "Invalid token" : why.ptr);
    else if (rc != RC_OK)
        http_error(req, 503, "unavailable", "The store cannot be read now.");
    buf_fini(&why);
    if (rc != RC_OK)
        return false;
    arena_defer(req->arena, release, who);
    if (out != NULL)
        *out = who;
    return api_allowed(req, who);
}

bool api_begin(struct http_request *req, struct api_ctx *c)
{
    *c = (struct api_ctx){ .api = req->ctx, .req = req, .arena = req->arena };
    c->now_us = clock_wall_us(c->api->o.clock);
    c->operational = strstr(req->route->pattern, "/operational-webhook/") != NULL;
    c->ingest = str_starts(str_from(req->route->pattern), STR("/ingest/"));
    return api_authorize(req, &c->who);
}

/* --- failures
 * -------------------------------------------------------------------------------------- */

const struct api_refusal api_key_reused = { 409, "idempotency_key_reused",
                                            "This idempotency key was used with another body." };
const struct api_refusal api_event_id_taken = { 409, "conflict",
                                                "A message with this eventId exists." };

struct api_refusal api_refusal_of(enum rc rc)
{
    static const struct api_refusal refusals[] = {
        [RC_OK] = { 500, "server_error", "The server failed: ok." },
        [RC_INVALID] = { 400, "generic_error", "The request makes no sense." },
        [RC_NOT_FOUND] = { 404, "not_found", "Entity not found" },
        [RC_CONFLICT] = { 409, "conflict", "A conflict has occurred" },
        [RC_DENIED] = { 500, "server_error", "The server failed: denied." },
        [RC_LIMIT] = { 507, "storage_full", "The server's disk is nearly full." },
        [RC_BUSY] = { 503, "busy", "The server is busy. Try again." },
        [RC_CORRUPT] = { 500, "server_error", "The server failed: corrupt." },
        [RC_IO] = { 500, "server_error", "The server failed: io." },
    };
    return refusals[rc];
}

void api_refuse(struct http_request *req, struct api_refusal why)
{
    http_error(req, why.status, why.code, "%s", why.words);
}

void api_not_found(struct api_ctx *c)
{
    api_fail(c, RC_NOT_FOUND);
}

void api_fail(struct api_ctx *c, enum rc rc)
{
    api_refuse(c->req, api_refusal_of(rc));
}

/* --- transactions
 * ---------------------------------------------------------------------------------- */

bool api_read(struct api_ctx *c, struct store_tx **tx)
{
    enum rc rc = store_read(c->api->o.store, tx);
    if (rc != RC_OK)
        api_fail(c, rc);
    return rc == RC_OK;
}

bool api_idempotency_key(const struct http_call *call, const struct core_identity *who,
                         uint8_t key[static 16], uint8_t body_hash[static 16])
{
    struct str given = http_call_header(call, "idempotency-key");
    if (given.len == 0)
        return false;
    uint8_t part[32 + 32 + 2 * sizeof(int64_t)];
    uint8_t hash[32];
    sign_sha256(given, part);
    sign_sha256(call->head->path, part + 32);
    memcpy(part + 64, &who->org, sizeof(int64_t));
    memcpy(part + 64 + sizeof(int64_t), &who->app, sizeof(int64_t));
    sign_sha256(str_of((const char *)part, sizeof(part)), hash);
    memcpy(key, hash, 16);
    sign_sha256(call->body, hash);
    memcpy(body_hash, hash, 16);
    return true;
}

static void free_buf(void *b)
{
    buf_fini(b);
}

struct buf *api_buf(struct api_ctx *c, size_t max)
{
    struct buf *b = ARENA_NEW(c->arena, struct buf);
    buf_init(b, max);
    arena_defer(c->arena, free_buf, b);
    return b;
}

/* Answers may hold secrets: they are kept sealed, under the key they answer to. */
static struct str answer_context(struct api_ctx *c)
{
    char hex[HEX_LEN(16) + 1];
    hex_encode(c->key, sizeof(c->key), hex);
    return arena_fmt(c->arena, "answer:%s", hex);
}

static void answer_again(struct api_ctx *c, const struct store_answer *before)
{
    struct buf *body = api_buf(c, API_REPLY_MAX);
    enum rc rc = sign_open(c->api->o.vault, answer_context(c), before->body, body);
    if (rc != RC_OK) {
        api_fail(c, rc);
        return;
    }
    c->req->reply.status = before->status;
    c->req->reply.body = buf_str(body);
    if (body->len > 0)
        c->req->reply.content_type = STR("application/json");
}

/* False: answered as before, or refused. */
static bool first_time(struct api_ctx *c, struct store_tx *tx)
{
    struct store_answer before;
    int64_t since = c->now_us - c->api->o.idempotency_us;
    enum rc rc = store_answer_find(tx, c->key, since, c->arena, &before);
    if (rc == RC_NOT_FOUND)
        return true;
    if (rc != RC_OK) {
        api_fail(c, rc);
    } else if (memcmp(before.body_hash, c->body_hash, sizeof(c->body_hash)) != 0) {
        api_refuse(c->req, api_key_reused);
    } else {
        answer_again(c, &before);
    }
    return false;
}

bool api_write(struct api_ctx *c, struct store_tx **tx)
{
    enum rc rc = store_write(c->api->o.store, tx);
    if (rc != RC_OK) {
        api_fail(c, rc);
        return false;
    }
    if (c->req->call->head->method != HTTP_POST || c->who == NULL)
        return true;
    c->has_key = api_idempotency_key(c->req->call, c->who, c->key, c->body_hash);
    if (c->has_key && !first_time(c, *tx)) {
        store_end(*tx);
        return false;
    }
    return true;
}

static enum rc put_answer(struct api_ctx *c, struct store_tx *tx)
{
    const struct http_reply *reply = &c->req->reply;
    struct buf *sealed = api_buf(c, API_REPLY_MAX + 1024);
    enum rc rc = sign_seal(c->api->o.vault, answer_context(c), reply->body, sealed);
    struct store_answer answer = { .status = reply->status, .body = buf_str(sealed) };
    memcpy(answer.body_hash, c->body_hash, sizeof(c->body_hash));
    return rc == RC_OK ? store_answer_put(tx, c->key, c->now_us, &answer) : rc;
}

bool api_first(struct api_ctx *c)
{
    struct store_tx *tx = NULL;
    uint8_t key[16];
    uint8_t body_hash[16];
    if (!api_idempotency_key(c->req->call, c->who, key, body_hash))
        return true;
    if (!api_write(c, &tx))
        return false;
    store_end(tx);
    return true;
}

void api_remember(struct api_ctx *c)
{
    struct store_tx *tx = NULL;
    if (!c->has_key || c->req->reply.status >= 300)
        return;
    enum rc rc = store_write(c->api->o.store, &tx);
    if (rc == RC_OK) {
        rc = put_answer(c, tx);
        if (rc == RC_OK)
            rc = store_commit(tx);
        else
            store_end(tx);
    }
    if (rc != RC_OK)
        LOG(API_ANSWER_LOST, F_STR("req", c->req->call->request_id), F_TEXT("rc", rc_name(rc)));
}

bool api_commit(struct api_ctx *c, struct store_tx *tx)
{
    enum rc rc = RC_OK;
    if (c->has_key && c->req->reply.status < 300)
        rc = put_answer(c, tx);
    if (rc == RC_OK)
        rc = store_commit(tx);
    else
        store_end(tx);
    if (rc != RC_OK)
        api_fail(c, rc);
    return rc == RC_OK;
}

void api_abort(struct api_ctx *c, struct store_tx *tx, enum rc rc)
{
    store_end(tx);
    api_fail(c, rc);
}

/* --- answers
 * --------------------------------------------------------------------------------------- */

void api_out_open(struct api_ctx *c, struct api_out *o)
{
    *o = (struct api_out){ .b = api_buf(c, API_REPLY_MAX) };
}

void api_reply(struct api_ctx *c, int status, struct api_out *o)
{
    if (o->rc != RC_OK) {
        http_error(c->req, 500, "answer_too_large",
                   "The answer is larger than %d bytes. Ask for less at once.", API_REPLY_MAX);
        return;
    }
    c->req->reply.status = status;
    c->req->reply.content_type = STR("application/json");
    c->req->reply.body = buf_str(o->b);
}

void api_reply_empty(struct api_ctx *c, int status)
{
    c->req->reply.status = status;
    if (status == 204)
        return;
    c->req->reply.content_type = STR("application/json");
    c->req->reply.body = STR("{}");
}

void api_list_open(struct api_ctx *c, struct api_out *o)
{
    api_out_open(c, o);
    api_out_begin(o, '{');
    api_out_key(o, "data");
    api_out_begin(o, '[');
}

void api_list_reply(struct api_ctx *c, struct api_out *o, const struct store_page_end *end,
                    struct str first, struct str last)
{
    api_out_end(o, ']');
    api_out_opt(o, "iterator", last.len == 0 ? STR_NONE : last);
    if (first.len > 0)
        api_out_str(o, "prevIterator", arena_fmt(c->arena, "-%.*s", STR_ARGS(first)));
    else
        api_out_null(o, "prevIterator");
    api_out_bool(o, "done", end->done);
    api_out_end(o, '}');
    api_reply(c, 200, o);
}

void api_list_resume(struct api_ctx *c, const char *prefix, const struct store_page *page,
                     const struct store_page_end *end, struct str *first, struct str *last)
{
    if (end->is_short)
        *(page->backwards ? first : last) = api_id_text(c, prefix, &end->resume);
}

struct str api_id_text(struct api_ctx *c, const char *prefix, const struct id *id)
{
    char text[ID_TEXT_MAX + 1];
    return arena_str(c->arena, id_format(str_from(prefix), id, text));
}

struct id api_new_id(struct api_ctx *c)
{
    return id_new(store_ids(c->api->o.store));
}

struct str api_new_id_text(struct api_ctx *c, const char *prefix)
{
    struct id id = api_new_id(c);
    return api_id_text(c, prefix, &id);
}
