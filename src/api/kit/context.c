/* SPDX-License-Identifier: Apache-2.0
 *
 * What every handler needs: access, transactions with idempotency, and answers for failures.
 */
#include "api/kit/context.h"

#include "access/session.h"
#include "api/kit/act.h"
#include "api/kit/mistakes.h"
#include "api/kit/seek.h"
#include "api/kit/uses.h"
#include "store/held.h"

struct loop *api_loop(struct api *api)
{
    size_t turn = atomic_fetch_add_explicit(&api->turn, 1, memory_order_relaxed);
    return api->o.loops[turn % api->o.loop_count];
}

/* --- access ----------------------------------------------------------------------------------- */

static void context_denied(struct http_request *req, const char *words)
{
    http_error(req, 401, "authentication_failed", "%s", words);
    http_add_header(req, STR("WWW-Authenticate"), STR("Bearer"));
}

static void context_release(void *identity)
{
    access_identity_unref(identity);
}

bool api_allowed(struct http_request *req, const struct access_identity *who)
{
    const struct api *api = req->ctx;
    unsigned access = req->route->access;
    unsigned missing = (access >> API_CAPABILITY_SHIFT) & ~who->capabilities;
    if ((access & API_ACCESS_MASK) == API_ORG && who->app != 0)
        http_error(req, 403, API_INSUFFICIENT,
                   "This token is bound to one application. Use the organisation's token.");
    else if ((access & API_WRITE) != 0 && who->read_only)
        http_error(req, 403, API_INSUFFICIENT, "This token may only read. Use one that may write.");
    else if ((access & API_OWNS) != 0 && who->role != ACCESS_OWNER)
        http_error(req, 403, API_INSUFFICIENT,
                   "This token may not administer access: its role is %s. Use an owner's.",
                   access_role_name(who->role));
    else if ((access & API_PROVED) != 0 && !access_session_is_proved(api->o.access, who))
        http_error(req, 403, API_PROOF_NEEDED,
                   "To change who has access, prove again who you are: it is more than 15 minutes "
                   "since this session last did (POST /console/api/session/proof).");
    else if ((who->app != 0 || who->role == ACCESS_VIEWER) && missing != 0)
        http_error(req, 403, API_INSUFFICIENT,
                   "This token lacks the capability %s. Use one that has it.",
                   access_capability_name(missing));
    else
        return true;
    return false;
}

/* False: answered. */
static bool is_served(struct http_request *req, const struct access_identity *who)
{
    const struct api *api = req->ctx;
    if (!store_org_is_held(api->o.store, who->org))
        return true;
    http_error(req, 503, STORE_HELD_CODE, "%s", STORE_HELD_WORDS);
    http_add_header(req, STR("Retry-After"), STR(STORE_HELD_RETRY));
    return false;
}

/* What a cookie brings is for this server's own page and for nobody's cache. */
static void keep_private(struct http_request *req, const struct access_proof *proof)
{
    if (!proof->is_session)
        return;
    req->is_private = true;
    http_add_header(req, STR("Cache-Control"), STR("no-store"));
}

enum rc api_authorize_cached(struct http_request *req, struct access_identity **out)
{
    const struct api *api = req->ctx;
    struct access_proof proof = api_proof_of(&api->door, req->call);
    enum rc rc = access_find(api->o.access, proof, out);
    if (rc != RC_NOT_FOUND)
        keep_private(req, &proof);
    if (rc == RC_DENIED)
        context_denied(req, "Invalid token");
    if (rc != RC_OK)
        return rc;
    arena_defer(req->arena, context_release, *out);
    if (!is_served(req, *out))
        return RC_DENIED;
    api_note_use(req, *out);
    return api_allowed(req, *out) ? RC_OK : RC_DENIED;
}

bool api_authorize(struct http_request *req, struct access_identity **out)
{
    const struct api *api = req->ctx;
    struct access_identity *who = NULL;
    if ((req->route->access & API_ACCESS_MASK) == API_OPEN) {
        if (out != NULL)
            *out = NULL;
        return true;
    }
    struct buf why;
    struct access_proof proof = api_proof_of(&api->door, req->call);
    keep_private(req, &proof);
    buf_init(&why, 256);
    enum rc rc = access_load(api->o.access, proof, &who, &why);
    if (rc == RC_DENIED || rc == RC_NOT_FOUND)
        context_denied(req, why.ptr == NULL ? "Invalid token" : why.ptr);
    else if (rc != RC_OK)
        http_error(req, 503, "unavailable", "The store cannot be read now.");
    buf_fini(&why);
    if (rc == RC_NOT_FOUND)
        api_seek_proof(req, proof);
    if (rc != RC_OK)
        return false;
    arena_defer(req->arena, context_release, who);
    if (!is_served(req, who))
        return false;
    api_act_is(req, who);
    access_session_touch(api->o.access, who);
    api_note_use(req, who);
    if (out != NULL)
        *out = who;
    return api_allowed(req, who);
}

bool api_begin(struct http_request *req, struct api_ctx *c)
{
    *c = (struct api_ctx){ .api = req->ctx, .req = req, .arena = req->arena };
    c->now_us = clock_wall_us(c->api->o.clock);
    c->own_us = clock_wall_us(store_clock(c->api->o.store));
    c->route = api_route_of(req->ctx, req->route);
    return api_authorize(req, &c->who) && api_mistakes_of_query(req) && api_mistakes_of_bare(req);
}

/* --- failures --------------------------------------------------------------------------------- */

const struct api_refusal api_key_reused = {
    .status = 409,
    .code = "idempotency_key_reused",
    .words = "This idempotency key was used with another body.",
};
const struct api_refusal api_event_id_taken = {
    .status = 409,
    .code = "conflict",
    .words = "A message with this eventId exists.",
};

struct api_refusal api_refusal_of(const struct api *api, enum rc rc)
{
    static const struct api_refusal without_database = {
        .status = 503,
        .code = "unavailable",
        .words =
            "The server's database cannot be had now. Try again later; whether a change was made is not known, so look first.",
        .retry_after = "1",
    };
    static const struct api_refusal refusals[] = {
        [RC_OK] = { .status = 500,
                    .code = "server_error",
                    .words = "The server failed unexpectedly." },
        [RC_INVALID] = { .status = 400,
                         .code = "generic_error",
                         .words =
                             "The query parameter 'iterator' is not one of this list: take `iterator` or `prevIterator` of an "
                             "earlier answer, or leave it out." },
        [RC_NOT_FOUND] = { .status = 404, .code = "not_found", .words = "Entity not found" },
        [RC_CONFLICT] = { .status = 409, .code = "conflict", .words = "A conflict has occurred" },
        [RC_DENIED] = { .status = 500,
                        .code = "server_error",
                        .words = "The server failed: a secret could not be opened." },
        [RC_LIMIT] = { .status = 507,
                       .code = "storage_full",
                       .words =
                           "The disk of the server is nearly full: nothing new is accepted until there is space again." },
        [RC_BUSY] = { .status = 503,
                      .code = "busy",
                      .words = "The server is busy. Try again later." },
        [RC_CORRUPT] = { .status = 500,
                         .code = "server_error",
                         .words = "The server failed: stored data is damaged." },
        [RC_IO] = { .status = 500,
                    .code = "server_error",
                    .words = "The server failed: the disk could not be read or written." },
    };
    return rc == RC_IO && store_is_in_database(api->o.store) ? without_database : refusals[rc];
}

void api_refuse(struct http_request *req, struct api_refusal why)
{
    http_error(req, why.status, why.code, "%s", why.words);
    if (why.retry_after != NULL)
        http_add_header(req, STR("Retry-After"), str_from(why.retry_after));
}

void api_fail(struct api_ctx *c, enum rc rc)
{
    api_refuse(c->req, api_refusal_of(c->api, rc));
}

bool api_ok(struct api_ctx *c, enum rc rc)
{
    if (rc == RC_OK)
        return true;
    api_fail(c, rc);
    return false;
}

void api_observe(const struct http_request *req, int status, int64_t took_us)
{
    (void)took_us;
    if (req->route == NULL || (req->route->access & API_MESSAGES) == 0)
        return;
    enum core_refusal why = (enum core_refusal)req->refusal;
    core_refusal_count(why == CORE_REFUSAL_NONE ? core_refusal_of_status(status) : why);
}

/* --- transactions ----------------------------------------------------------------------------- */

bool api_tx_read(struct api_ctx *c)
{
    MUST(c->tx == NULL);
    return api_ok(c, store_read(c->api->o.store, &c->tx));
}

void api_tx_end(struct api_ctx *c)
{
    if (c->tx != NULL)
        store_end(c->tx);
    c->tx = NULL;
    c->is_writing = false;
}

void api_key_of(struct str given, struct str path, int64_t org, int64_t app, uint8_t key[static 16])
{
    uint8_t part[32 + 32 + 2 * sizeof(int64_t)];
    uint8_t hash[32];
    sign_sha256(given, part);
    sign_sha256(path, part + 32);
    memcpy(part + 64, &org, sizeof(org));
    memcpy(part + 64 + sizeof(org), &app, sizeof(app));
    sign_sha256(str_of((const char *)part, sizeof(part)), hash);
    memcpy(key, hash, 16);
}

bool api_idempotency_key(const struct http_call *call, const struct access_identity *who,
                         uint8_t key[static 16], uint8_t body_hash[static 16])
{
    struct str given = http_call_header(call, "idempotency-key");
    uint8_t hash[32];
    if (given.len == 0)
        return false;
    api_key_of(given, call->head->path, who->org, who->app, key);
    sign_sha256(call->body, hash);
    memcpy(body_hash, hash, 16);
    return true;
}

static void context_free_buf(void *b)
{
    buf_fini(b);
}

struct buf *api_buf(struct api_ctx *c, size_t max)
{
    struct buf *b = ARENA_NEW(c->arena, struct buf);
    buf_init(b, max);
    arena_defer(c->arena, context_free_buf, b);
    return b;
}

/* Answers may hold secrets: they are kept sealed, under the key they answer to. */
static struct str answer_context(struct api_ctx *c)
{
    char hex[HEX_LEN(16) + 1];
    hex_encode(c->key, sizeof(c->key), hex);
    return arena_fmt(c->arena, "answer:%s", hex);
}

void api_mark_replayed(struct http_request *req)
{
    struct store_act *act = store_act_now();
    if (act != NULL)
        act->is_repeat = true;
    http_add_header(req, STR("Idempotency-Replayed"), STR("true"));
}

static void answer_again(struct api_ctx *c, const struct store_answer *before)
{
    struct buf *body = api_buf(c, API_REPLY_MAX);
    enum rc rc = sign_open(c->api->o.vault, answer_context(c), before->body, body);
    if (!api_ok(c, rc))
        return;
    api_mark_replayed(c->req);
    c->req->reply.status = before->status;
    c->req->reply.body = buf_str(body);
    if (body->len > 0)
        c->req->reply.content_type = STR("application/json");
}

/* False: answered as before, or refused. */
static bool first_time(struct api_ctx *c)
{
    struct store_answer before;
    int64_t since = c->own_us - store_idempotency_us(c->api->o.store);
    enum rc rc = store_answer_find(c->tx, c->key, since, c->arena, &before);
    if (rc == RC_NOT_FOUND)
        return true;
    if (!api_ok(c, rc))
        return false;
    if (memcmp(before.body_hash, c->body_hash, sizeof(c->body_hash)) != 0)
        api_refuse(c->req, api_key_reused);
    else
        answer_again(c, &before);
    return false;
}

bool api_tx_write(struct api_ctx *c)
{
    MUST(c->tx == NULL);
    if (!api_ok(c, store_write(c->api->o.store, &c->tx)))
        return false;
    c->is_writing = true;
    if (c->who != NULL && !is_served(c->req, c->who)) { /* held since it was let in */
        api_tx_end(c);
        return false;
    }
    if (c->req->call->head->method != HTTP_POST || c->who == NULL)
        return true;
    c->has_key = api_idempotency_key(c->req->call, c->who, c->key, c->body_hash);
    if (!c->has_key || first_time(c))
        return true;
    api_tx_end(c);
    return false;
}

static enum rc put_answer(struct api_ctx *c)
{
    const struct http_reply *reply = &c->req->reply;
    struct buf *sealed = api_buf(c, API_REPLY_MAX + 1024);
    enum rc rc = sign_seal(c->api->o.vault, answer_context(c), reply->body, sealed);
    struct store_answer answer = { .status = reply->status,
                                   .body = buf_str(sealed),
                                   .org = c->who->org };
    memcpy(answer.body_hash, c->body_hash, sizeof(c->body_hash));
    return rc == RC_OK ? store_answer_put(c->tx, c->key, c->own_us, &answer) : rc;
}

/* Ends the transaction in any case. */
static enum rc commit_answer(struct api_ctx *c)
{
    enum rc rc = RC_OK;
    if (c->has_key && c->req->reply.status < 300)
        rc = put_answer(c);
    if (rc == RC_OK) {
        if (api_act_counts(c->req))
            store_audit_must(c->tx);
        rc = store_commit(c->tx);
        c->tx = NULL;
    }
    api_tx_end(c);
    return rc;
}

bool api_tx_commit(struct api_ctx *c)
{
    return api_ok(c, commit_answer(c));
}

bool api_first(struct api_ctx *c)
{
    uint8_t key[16];
    uint8_t body_hash[16];
    if (!api_idempotency_key(c->req->call, c->who, key, body_hash))
        return true;
    if (!api_tx_write(c))
        return false;
    api_tx_end(c);
    return true;
}

void api_remember(struct api_ctx *c)
{
    if (!c->has_key || c->req->reply.status >= 300)
        return;
    enum rc rc = store_write(c->api->o.store, &c->tx);
    if (rc == RC_OK)
        rc = commit_answer(c);
    if (rc != RC_OK)
        LOG(API_ANSWER_LOST, F_STR("req", c->req->call->request_id), F_TEXT("rc", rc_name(rc)));
}

/* --- answers ---------------------------------------------------------------------------------- */

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

void api_reply_key(struct api_ctx *c, struct sign_key *key)
{
    char text[SIGN_SECRET_TEXT_MAX];
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_str(&o, "key", sign_key_show(key, text));
    api_out_end(&o, '}');
    mem_wipe(key, sizeof(*key));
    mem_wipe(text, sizeof(text));
    api_reply(c, 200, &o);
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
    if (!page->is_forward || !page->backwards)
        return;
    struct str from = first->len > 0 ? *first : page->after;
    *last = from.len > 0 ? arena_fmt(c->arena, "-%.*s", STR_ARGS(from)) : STR_NONE;
}

void *api_page_room(struct api_ctx *c, const struct store_page *page, size_t size)
{
    return arena_array(c->arena, (size_t)page->limit, size);
}

static const char *row_at(const struct api_rows *r, size_t i)
{
    return (const char *)r->rows + i * r->size;
}

static struct str id_of_row(struct api_ctx *c, const struct api_rows *r, size_t i)
{
    const void *id = row_at(r, i) + r->id_at;
    return r->prefix == NULL ? *(const struct str *)id : api_id_text(c, r->prefix, id);
}

void api_reply_page(struct api_ctx *c, enum rc rc, const struct store_page *page,
                    const struct store_page_end *end, const struct api_rows *r)
{
    struct api_out o;
    struct str first = STR_NONE, last = STR_NONE;
    if (!api_ok(c, rc))
        return;
    api_list_open(c, &o);
    for (size_t i = 0; i < end->count; i++) {
        api_out_key(&o, NULL);
        r->write(c, &o, row_at(r, i), r->arg);
    }
    if (end->count > 0) {
        first = id_of_row(c, r, 0);
        last = id_of_row(c, r, end->count - 1);
    }
    if (r->prefix != NULL)
        api_list_resume(c, r->prefix, page, end, &first, &last);
    api_list_reply(c, &o, end, first, last);
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
