/* SPDX-License-Identifier: Apache-2.0
 *
 * Chains: running one, how one is run, and the URL for callers without a token. Running is the hot
 * path: on the loop, from memory. What is not cached (token, application, filters) is fetched on a
 * worker first; then the same code goes on, on the loop.
 */
#include "api/schemas.h"
#include "api/webfilter_priv.h"

enum { VERDICT_MAX = 80 * 1024 * 1024, US_PER_MS = 1000, US_PER_S = 1000000 };

struct chain_call {
    struct http_request *req;
    struct api *api;
    struct core_identity *who; /* released with the request */
    struct filter_set *set;    /* a reference */
    struct work_job job;
    struct loop_task task;
};

/* --- answering ------------------------------------------------------------------------------------- */

static json_t *text_or_null(struct str s)
{
    return s.len == 0 ? json_null() : json_stringn(s.ptr, s.len);
}

json_t *api_webfilter_verdict(const struct filter_run *run)
{
    struct filter_halt h = filter_verdict_halt(&run->verdict);
    json_t *o = json_object(), *parts = json_array();
    for (size_t i = 0; i < run->part_count; i++)
        json_array_append_new(parts, filter_record_part(&run->parts[i]));
    json_object_set_new(o, "id", json_string(run->id_text));
    json_object_set(o, "data", run->verdict.data);
    json_object_set(o, "exception", run->verdict.exception);
    json_object_set_new(o, "halt", json_boolean(h.halt));
    json_object_set_new(o, "reason", text_or_null(h.reason));
    json_object_set_new(o, "redirect", text_or_null(h.redirect));
    json_object_set_new(o, "status", h.status != 0 ? json_integer(h.status) : json_null());
    json_object_set_new(o, "tookMs", json_real((double)run->took_us / US_PER_MS));
    json_object_set_new(o, "filters", parts);
    return o;
}

void api_webfilter_reply(struct api_ctx *c, int status, const json_t *value)
{
    struct buf *text = api_buf(c, VERDICT_MAX);
    if (json_write(value, text) != RC_OK) {
        http_error(c->req, 500, "answer_too_large", "The answer is larger than %d bytes.",
                   VERDICT_MAX);
        return;
    }
    c->req->reply.status = status;
    c->req->reply.content_type = STR("application/json");
    c->req->reply.body = buf_str(text);
}

static void answered(struct filter_run *run)
{
    struct chain_call *cc = run->arg;
    struct api_ctx c = { .api = cc->api, .req = cc->req, .arena = cc->req->arena };
    json_t *verdict = api_webfilter_verdict(run);
    api_webfilter_reply(&c, 200, verdict);
    json_decref(verdict);
    http_answer(cc->req);
}

/* --- running --------------------------------------------------------------------------------------- */

static bool is_event(struct api_ctx *c, struct str name)
{
    if (api_chars_ok(name, API_CHARS_NAME))
        return true;
    http_invalid(c->req, "path.event", "value_error", "Not the name of an event.");
    return false;
}

static void start(struct chain_call *cc)
{
    struct api_ctx c = { .api = cc->api, .req = cc->req, .arena = cc->req->arena };
    struct filter_set *set = cc->set;
    cc->set = NULL;
    if (!is_event(&c, cc->req->params[1]) || !api_body(&c, &api_schema_FilterChainRunIn, false)) {
        filter_set_unref(set);
        http_answer(cc->req);
        return;
    }
    struct filter_run_input in = { .set = set,
                                   .chain = filter_set_chain(set, cc->req->params[1]),
                                   .data = json_object_get(c.body, "data"),
                                   .metadata = api_get(&c, "eventMetadata"),
                                   .keeps_record = true,
                                   .answered = answered,
                                   .arg = cc };
    enum rc rc = filter_run_start(cc->api->o.filter_engine, cc->req->call->loop, &in);
    filter_set_unref(set);
    if (rc == RC_OK)
        return;
    api_fail(&c, rc);
    http_answer(cc->req);
}

static void resume(void *arg)
{
    struct chain_call *cc = arg;
    if (cc->set == NULL)
        http_answer(cc->req);
    else
        start(cc);
}

static void fetch_cold(void *arg)
{
    struct chain_call *cc = arg;
    struct api_ctx c;
    if (api_begin(cc->req, &c)) {
        struct core_app *app = NULL;
        enum rc rc =
            core_directory_load_named(c.api->o.directory, c.who->org, cc->req->params[0], &app);
        if (rc == RC_OK)
            rc = filter_sets_load(c.api->o.filter_sets, app->num, &cc->set);
        core_app_unref(app);
        if (rc != RC_OK)
            api_fail(&c, rc);
    }
    cc->task = (struct loop_task){ .fn = resume, .arg = cc };
    loop_post(cc->req->call->loop, &cc->task);
}

static void go_cold(struct chain_call *cc)
{
    struct api_ctx c = { .api = cc->api, .req = cc->req, .arena = cc->req->arena };
    cc->job = (struct work_job){ .fn = fetch_cold, .arg = cc };
    if (work_submit(cc->api->o.pool, &cc->job) == RC_OK)
        return;
    api_fail(&c, RC_BUSY);
    http_answer(cc->req);
}

static void run_chain(struct http_request *req)
{
    struct chain_call *cc = ARENA_NEW(req->arena, struct chain_call);
    cc->req = req;
    cc->api = req->ctx;
    enum rc rc = api_authorize_cached(req, &cc->who);
    if (rc == RC_DENIED) {
        http_answer(req);
        return;
    }
    if (rc == RC_OK) {
        struct core_app *app =
            core_directory_find(cc->api->o.directory, cc->who->org, req->params[0]);
        if (app != NULL)
            cc->set = filter_sets_get(cc->api->o.filter_sets, app->num);
        core_app_unref(app);
    }
    if (cc->set != NULL)
        start(cc);
    else
        go_cold(cc);
}

/* --- how a chain is run ------------------------------------------------------------------------------ */

static enum rc load_chain(struct api_ctx *c, struct store_tx *tx, int64_t app,
                          struct store_filter_chain *out)
{
    struct str event = api_param(c, "event");
    enum rc rc = store_filter_chain_get(tx, app, event, c->arena, out);
    if (rc != RC_NOT_FOUND)
        return rc;
    *out = (struct store_filter_chain){ .app = app,
                                        .event = event,
                                        .deadline_ms = FILTER_DEADLINE_MS,
                                        .keep = str_from(filter_keep_name(FILTER_KEEP_HEADERS)),
                                        .redact = STR("[]"),
                                        .created_us = c->now_us };
    return RC_OK;
}

static bool may_see_url(const struct api_ctx *c)
{
    return c->who->app == 0 || (c->who->capabilities & CORE_MAY_VIEW_SECRET) != 0;
}

static void reply_chain(struct api_ctx *c, const struct store_filter_chain *chain)
{
    struct api_out o;
    struct buf *token = api_buf(c, 256);
    bool has_url =
        chain->token.ptr != NULL && may_see_url(c) &&
        filter_token_open(c->api->o.vault, chain->app, chain->event, chain->token, token) == RC_OK;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_str(&o, "event", chain->event);
    api_out_int(&o, "deadlineMs", chain->deadline_ms);
    api_out_str(&o, "keep", chain->keep);
    api_out_raw(&o, "redact", chain->redact);
    if (has_url)
        api_out_str(&o, "url",
                    arena_fmt(c->arena, "%s/filter/%.*s",
                              c->api->o.public_url == NULL ? "" : c->api->o.public_url,
                              STR_ARGS(buf_str(token))));
    else
        api_out_null(&o, "url");
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
    if (token->ptr != NULL)
        mem_wipe(token->ptr, token->len);
}

/* Application and chain in a transaction; false: answered and the transaction is over. */
static bool chain_of(struct api_ctx *c, struct store_tx *tx, struct store_filter_chain *chain)
{
    struct store_application app;
    if (is_event(c, api_param(c, "event")) && api_find_app(c, tx, &app)) {
        enum rc rc = load_chain(c, tx, app.num, chain);
        if (rc == RC_OK)
            return true;
        api_fail(c, rc);
    }
    store_end(tx);
    return false;
}

static void get_chain(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    struct store_filter_chain chain;
    if (!api_begin(req, &c) || !api_read(&c, &tx) || !chain_of(&c, tx, &chain))
        return;
    store_end(tx);
    reply_chain(&c, &chain);
}

static bool fill_chain(struct api_ctx *c, struct store_filter_chain *chain)
{
    const json_t *redact = api_get(c, "redact");
    struct str keep = api_get_str(c, "keep");
    enum filter_keep known;
    if (keep.ptr != NULL && filter_keep_find(keep, &known) != RC_OK) {
        http_invalid(c->req, "body.keep", "value_error", "Expected none, headers or all.");
        return false;
    }
    for (size_t i = 0; i < json_array_size(redact); i++) {
        if (!str_starts(api_json_str(json_array_get(redact, i)), STR("/"))) {
            http_invalid(c->req, "body.redact", "value_error",
                         "A JSON pointer begins with a slash.");
            return false;
        }
    }
    chain->keep = keep.ptr != NULL ? keep : str_from(filter_keep_name(FILTER_KEEP_HEADERS));
    chain->redact = redact != NULL ? json_text(c->arena, redact) : STR("[]");
    chain->deadline_ms = api_get_int(c, "deadlineMs", FILTER_DEADLINE_MS);
    chain->updated_us = c->now_us;
    return true;
}

static void store_chain(struct api_ctx *c, struct store_tx *tx,
                        const struct store_filter_chain *chain)
{
    enum rc rc = store_filter_chain_put(tx, chain);
    if (rc != RC_OK) {
        api_abort(c, tx, rc);
        return;
    }
    reply_chain(c, chain);
    if (api_commit(c, tx))
        filter_sets_changed(c->api->o.filter_sets, chain->app);
}

static void put_chain(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    struct store_filter_chain chain;
    if (!api_begin(req, &c) || !api_body(&c, &api_schema_FilterChainIn, true) ||
        !api_write(&c, &tx) || !chain_of(&c, tx, &chain))
        return;
    if (!fill_chain(&c, &chain)) {
        store_end(tx);
        return;
    }
    store_chain(&c, tx, &chain);
}

/* --- its URL ------------------------------------------------------------------------------------------ */

static enum rc give_token(struct api_ctx *c, struct store_filter_chain *chain)
{
    char token[FILTER_TOKEN_LEN + 1];
    struct buf *sealed = api_buf(c, 1024);
    uint8_t *hash = arena_alloc(c->arena, FILTER_TOKEN_HASH);
    filter_token_make(c->api->o.rng, token);
    filter_token_hash(str_from(token), hash);
    enum rc rc =
        filter_token_seal(c->api->o.vault, chain->app, chain->event, str_from(token), sealed);
    mem_wipe(token, sizeof(token));
    chain->token = buf_str(sealed);
    chain->token_hash = str_of((const char *)hash, FILTER_TOKEN_HASH);
    return rc;
}

static void rotate_url(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    struct store_filter_chain chain;
    if (!api_begin(req, &c) || !api_body(&c, &api_schema_FilterChainUrlIn, true) ||
        !api_write(&c, &tx) || !chain_of(&c, tx, &chain))
        return;
    int64_t grace_s = api_get_int(&c, "gracePeriodSeconds", 0);
    chain.old_hash = grace_s > 0 ? chain.token_hash : STR_NONE;
    chain.old_until_us = c.now_us + grace_s * US_PER_S;
    chain.updated_us = c.now_us;
    enum rc rc = give_token(&c, &chain);
    if (rc != RC_OK)
        api_abort(&c, tx, rc);
    else
        store_chain(&c, tx, &chain);
}

static void delete_url(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    struct store_filter_chain chain;
    if (!api_begin(req, &c) || !api_write(&c, &tx) || !chain_of(&c, tx, &chain))
        return;
    chain.token = chain.token_hash = chain.old_hash = STR_NONE;
    chain.old_until_us = 0;
    chain.updated_us = c.now_us;
    store_chain(&c, tx, &chain);
}

#define BASE "/api/v1/app/{app_id}/filter-chain/{event}"
#define SEE (API_APP | API_CAN(CORE_MAY_VIEW))
#define CHANGE (API_APP | API_WRITE | API_CAN(CORE_MAY_MANAGE_ENDPOINT))
#define CHANGE_URL (API_APP | API_WRITE | API_CAN(CORE_MAY_MANAGE_SECRET))
static const struct http_route routes[] = {
    { HTTP_POST, BASE, HTTP_INLINE, run_chain, API_ORG | API_WRITE, "v1.filter-chain.run",
      "Ask an event's filters, and get the verdict" },
    { HTTP_GET, BASE, HTTP_WORKER, get_chain, SEE, "v1.filter-chain.get",
      "Get how an event's chain is run" },
    { HTTP_PUT, BASE, HTTP_WORKER, put_chain, CHANGE, "v1.filter-chain.update",
      "Set how an event's chain is run" },
    { HTTP_POST, BASE "/url", HTTP_WORKER, rotate_url, CHANGE_URL, "v1.filter-chain.rotate-url",
      "Give the chain a URL, or a new one" },
    { HTTP_DELETE, BASE "/url", HTTP_WORKER, delete_url, CHANGE_URL, "v1.filter-chain.delete-url",
      "Take the chain's URL away" },
};
API_ROUTES(webfilter_chain, routes);
