/* SPDX-License-Identifier: Apache-2.0
 *
 * Chains: running one, how one is run, and the URL for callers without a token. Running is the hot
 * path: on the loop, from memory. What is not cached (token, application, filters) is fetched on a
 * worker first; then the same code goes on, on the loop.
 */
#include "api/kit/mistakes.h"
#include "api/resource/webfilter_priv.h"
#include "api/schemas/schemas.h"

enum { VERDICT_MAX = 80 * 1024 * 1024, US_PER_MS = 1000, US_PER_S = 1000000 };

struct chain_call {
    struct http_request *req;
    struct api *api;
    struct access_identity *who; /* released with the request */
    struct webfilter_set *set;   /* a reference */
    struct work_job job;
    struct loop_task task;
};

/* --- answering ------------------------------------------------------------------------------------- */

static json_t *text_or_null(struct str s)
{
    json_t *text = s.len == 0 ? NULL : json_any_string(s);
    return text != NULL ? text : json_null();
}

json_t *api_webfilter_verdict(const struct webfilter_run *run)
{
    struct webfilter_halt h = webfilter_verdict_halt(&run->verdict);
    json_t *o = json_object(), *parts = json_array();
    for (size_t i = 0; i < run->part_count; i++)
        json_array_append_new(parts, webfilter_record_part(&run->parts[i]));
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

static void webfilter_chain_answered(struct webfilter_run *run)
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

static void webfilter_chain_start(struct chain_call *cc)
{
    struct api_ctx c = { .api = cc->api, .req = cc->req, .arena = cc->req->arena };
    struct webfilter_set *set = cc->set;
    cc->set = NULL;
    if (!is_event(&c, cc->req->params[1]) || !api_body_any(&c, &api_schema_FilterChainRunIn)) {
        webfilter_set_unref(set);
        http_answer(cc->req);
        return;
    }
    struct webfilter_run_input in = { .set = set,
                                      .chain = webfilter_set_chain(set, cc->req->params[1]),
                                      .data = json_object_get(c.body, "data"),
                                      .metadata = api_get(&c, "eventMetadata"),
                                      .keeps_record = true,
                                      .answered = webfilter_chain_answered,
                                      .arg = cc };
    enum rc rc = webfilter_run_start(cc->api->o.webfilter_engine, cc->req->call->loop, &in);
    webfilter_set_unref(set);
    if (rc == RC_OK)
        return;
    api_fail(&c, rc);
    http_answer(cc->req);
}

static void webfilter_chain_resume(void *arg)
{
    struct chain_call *cc = arg;
    if (cc->set == NULL)
        http_answer(cc->req);
    else
        webfilter_chain_start(cc);
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
            rc = webfilter_sets_load(c.api->o.webfilter_sets, app->num, &cc->set);
        core_app_unref(app);
        if (rc != RC_OK)
            api_fail(&c, rc);
    }
    cc->task = (struct loop_task){ .fn = webfilter_chain_resume, .arg = cc };
    loop_post(cc->req->call->loop, &cc->task);
}

static void go_cold(struct chain_call *cc)
{
    uint64_t owner;
    struct api_ctx c = { .api = cc->api, .req = cc->req, .arena = cc->req->arena };
    cc->job = (struct work_job){ .fn = fetch_cold, .arg = cc };
    if (!api_request_owner(cc->req, &owner) ||
        work_submit_for(cc->api->o.pool, owner, &cc->job) == RC_OK)
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
    if (rc == RC_DENIED || (rc == RC_OK && !api_mistakes_of_query(req))) {
        http_answer(req);
        return;
    }
    if (rc == RC_OK) {
        struct core_app *app =
            core_directory_find(cc->api->o.directory, cc->who->org, req->params[0]);
        if (app != NULL)
            cc->set = webfilter_sets_get(cc->api->o.webfilter_sets, app->num);
        core_app_unref(app);
    }
    if (cc->set != NULL) {
        webfilter_chain_start(cc);
        return;
    }
    webfilter_set_unref(cc->set);
    cc->set = NULL;
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
    *out =
        (struct store_filter_chain){ .app = app,
                                     .event = event,
                                     .deadline_ms = WEBFILTER_DEADLINE_MS,
                                     .keep = str_from(webfilter_keep_name(WEBFILTER_KEEP_HEADERS)),
                                     .redact = STR("[]"),
                                     .created_us = c->now_us };
    return RC_OK;
}

static bool may_see_url(const struct api_ctx *c)
{
    return (c->who->capabilities & ACCESS_MAY_VIEW_SECRET) != 0;
}

static void reply_chain(struct api_ctx *c, const struct store_filter_chain *chain)
{
    struct api_out o;
    struct buf *token = api_buf(c, 256);
    bool has_url = chain->token.ptr != NULL && may_see_url(c) &&
                   webfilter_token_open(c->api->o.vault, chain->app, chain->event, chain->token,
                                        token) == RC_OK;
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

/* False: answered. */
static bool find_chain(struct api_ctx *c, struct store_filter_chain *chain)
{
    return is_event(c, api_param(c, "event")) && api_ok(c, load_chain(c, c->tx, c->app.num, chain));
}

static void get_chain(struct api_ctx *c)
{
    struct store_filter_chain chain;
    if (find_chain(c, &chain))
        reply_chain(c, &chain);
}

static bool fill_chain(struct api_ctx *c, struct store_filter_chain *chain)
{
    const json_t *redact = api_get(c, "redact");
    struct str keep = api_get_str(c, "keep");
    enum webfilter_keep known;
    if (keep.ptr != NULL && webfilter_keep_find(keep, &known) != RC_OK) {
        http_invalid(c->req, "body.keep", "value_error", "Expected none, headers or all.");
        return false;
    }
    for (size_t i = 0; i < json_array_size(redact); i++) {
        if (!str_starts(json_str_of(json_array_get(redact, i)), STR("/"))) {
            http_invalid(c->req, "body.redact", "value_error",
                         "A JSON pointer begins with a slash.");
            return false;
        }
    }
    chain->keep = keep.ptr != NULL ? keep : str_from(webfilter_keep_name(WEBFILTER_KEEP_HEADERS));
    chain->redact = redact != NULL ? json_text(c->arena, redact) : STR("[]");
    chain->deadline_ms = api_get_int(c, "deadlineMs", WEBFILTER_DEADLINE_MS);
    chain->updated_us = c->now_us;
    return true;
}

static void store_chain(struct api_ctx *c, const struct store_filter_chain *chain)
{
    if (!api_ok(c, store_filter_chain_put(c->tx, chain)))
        return;
    reply_chain(c, chain);
}

static void put_chain(struct api_ctx *c)
{
    struct store_filter_chain chain;
    if (find_chain(c, &chain) && fill_chain(c, &chain))
        store_chain(c, &chain);
}

/* --- its URL ------------------------------------------------------------------------------------------ */

static enum rc give_token(struct api_ctx *c, struct store_filter_chain *chain)
{
    char token[WEBFILTER_TOKEN_LEN + 1];
    struct buf *sealed = api_buf(c, 1024);
    uint8_t *hash = arena_alloc(c->arena, WEBFILTER_TOKEN_HASH);
    webfilter_token_make(c->api->o.rng, token);
    webfilter_token_hash(str_from(token), hash);
    enum rc rc =
        webfilter_token_seal(c->api->o.vault, chain->app, chain->event, str_from(token), sealed);
    mem_wipe(token, sizeof(token));
    chain->token = buf_str(sealed);
    chain->token_hash = str_of((const char *)hash, WEBFILTER_TOKEN_HASH);
    return rc;
}

static void rotate_url(struct api_ctx *c)
{
    struct store_filter_chain chain;
    if (!find_chain(c, &chain))
        return;
    int64_t grace_s = api_get_int(c, "gracePeriodSeconds", 0);
    chain.old_hash = grace_s > 0 ? chain.token_hash : STR_NONE;
    chain.old_until_us = c->own_us + grace_s * US_PER_S;
    chain.updated_us = c->now_us;
    enum rc rc = give_token(c, &chain);
    if (api_ok(c, rc))
        store_chain(c, &chain);
}

static void delete_url(struct api_ctx *c)
{
    struct store_filter_chain chain;
    if (!find_chain(c, &chain))
        return;
    chain.token = chain.token_hash = chain.old_hash = STR_NONE;
    chain.old_until_us = 0;
    chain.updated_us = c->now_us;
    store_chain(c, &chain);
}

#define BASE "/api/v1/app/{app_id}/filter-chain/{event}"
#define SEE (API_APP | API_CAN(ACCESS_MAY_VIEW))
#define CHANGE (API_APP | API_WRITE | API_CAN(ACCESS_MAY_MANAGE_ENDPOINT))
#define CHANGE_URL (API_APP | API_WRITE | API_CAN(ACCESS_MAY_MANAGE_SECRET))
static const struct api_route routes[] = {
    { .http = { HTTP_POST, BASE, HTTP_INLINE, run_chain, API_ORG | API_WRITE, "v1.filter-chain.run",
                "Ask an event's filters, and get the verdict" },
      .in = &api_schema_FilterChainRunIn,
      .out = &api_schema_FilterChainRunOut,
      .status = 200 },
    { API_ROUTE(HTTP_GET, BASE, SEE, "v1.filter-chain.get", "Get how an event's chain is run"),
      .run = get_chain, .steps = API_READS | API_FINDS_APP, .out = &api_schema_FilterChainOut,
      .status = 200 },
    { API_ROUTE(HTTP_PUT, BASE, CHANGE, "v1.filter-chain.update",
                "Set how an event's chain is run"),
      .run = put_chain, .steps = API_BODY_MAYBE | API_WRITES | API_FINDS_APP,
      .in = &api_schema_FilterChainIn, .out = &api_schema_FilterChainOut, .status = 200 },
    { API_ROUTE(HTTP_POST, BASE "/url", CHANGE_URL, "v1.filter-chain.rotate-url",
                "Give the chain a URL, or a new one"),
      .run = rotate_url, .steps = API_BODY_MAYBE | API_WRITES | API_FINDS_APP,
      .in = &api_schema_FilterChainUrlIn, .out = &api_schema_FilterChainOut, .status = 200 },
    { API_ROUTE(HTTP_DELETE, BASE "/url", CHANGE_URL, "v1.filter-chain.delete-url",
                "Take the chain's URL away"),
      .run = delete_url, .steps = API_WRITES | API_FINDS_APP, .out = &api_schema_FilterChainOut,
      .status = 200 },
};
API_ROUTES(webfilter_chain, routes);
