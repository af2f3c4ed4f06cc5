/* SPDX-License-Identifier: Apache-2.0
 *
 * What came in at a source: list, look at, send again; and why a request is judged as it is.
 */
#include "api/resource/ingest_priv.h"
#include "api/resource/waiting_priv.h"
#include "api/schemas/schemas.h"

enum { REPLAY_MAX = 1000, COUNT_MAX = 100000, HEADERS_MAX = 100, PAGE_ROWS = 100 };

/* --- out --------------------------------------------------------------------------------------------- */

/* A body as text when it is text, else as base64. */
static void write_body(struct api_ctx *c, struct api_out *o, const struct store_request *r)
{
    bool is_text = r->body.ptr != NULL && str_is_utf8(r->body);
    api_out_opt(o, "body", is_text ? r->body : STR_NONE);
    struct str encoded = STR_NONE;
    if (r->body.ptr != NULL && !is_text) {
        char *text = arena_alloc(c->arena, BASE64_LEN(r->body.len) + 1);
        base64_encode(r->body.ptr, r->body.len, text);
        encoded = str_from(text);
    }
    api_out_opt(o, "bodyBase64", encoded);
}

/* Those of the source's application. */
static void write_messages(struct api_out *o, const struct store_request *r)
{
    bool is_split = r->item_count > 0;
    if (is_split)
        api_out_int(o, "eventCount", (int64_t)r->item_count);
    else
        api_out_null(o, "eventCount");
    api_out_key(o, "messages");
    api_out_begin(o, '[');
    if (!is_split && r->has_message)
        api_out_id(o, NULL, STR("msg_"), &r->id);
    for (size_t i = 0; i < r->message_count; i++)
        api_out_id(o, NULL, STR("msg_"), &r->messages[i]);
    api_out_end(o, ']');
}

static void write_request_members(struct api_ctx *c, struct api_out *o,
                                  const struct store_request *r)
{
    api_out_id(o, "id", STR("req_"), &r->id);
    api_out_date(o, "timestamp", r->at_us);
    api_out_str(o, "outcome", str_from(store_request_outcome_text(r->outcome)));
    api_out_opt(o, "reason", r->reason);
    api_out_int(o, "status", r->status);
    api_out_opt(o, "method", r->method);
    api_out_opt(o, "url", r->url);
    api_out_opt(o, "peer", r->peer);
    api_out_raw(o, "headers", r->headers.ptr == NULL ? STR("[]") : r->headers);
    api_out_opt(o, "eventType", r->event_type);
    api_out_opt(o, "dedupeId", r->dedupe_id);
    api_out_int(o, "bodyBytes", r->body_bytes);
    if (r->has_original)
        api_out_id(o, "original", STR("req_"), &r->original);
    else
        api_out_null(o, "original");
    write_messages(o, r);
    write_body(c, o, r);
}

/* --- in ---------------------------------------------------------------------------------------------- */

static bool outcomes_of(struct api_ctx *c, struct str words, unsigned *bits)
{
    struct str word;
    *bits = 0;
    while (str_split(&words, ',', &word)) {
        enum store_request_outcome outcome = STORE_REQUEST_ACCEPTED;
        if (store_request_outcome_find(word, &outcome) != RC_OK) {
            http_invalid(c->req, "outcome", "value_error",
                         "Expected accepted, rejected, duplicate or ignored.");
            return false;
        }
        *bits |= 1u << outcome;
    }
    return true;
}

static struct str query_text(struct api_ctx *c, const char *name)
{
    struct str value = STR_NONE;
    return http_query(c->req, name, 0, &value) ? value : STR_NONE;
}

static bool query_filter(struct api_ctx *c, struct store_request_filter *f)
{
    f->reason = query_text(c, "reason");
    f->event_type = query_text(c, "event_type");
    f->text = str_sub(query_text(c, "text"), 0, 1024);
    f->with_body = api_query_bool(c, "with_content", false);
    return outcomes_of(c, query_text(c, "outcome"), &f->outcomes) &&
           api_query_date(c, "before", &f->before_us) && api_query_date(c, "after", &f->after_us);
}

static bool body_filter(struct api_ctx *c, struct store_request_filter *f)
{
    f->reason = api_get_str(c, "reason");
    f->event_type = api_get_str(c, "eventType");
    f->text = api_get_str(c, "text");
    f->before_us = api_get_date(c, "before", 0);
    f->after_us = api_get_date(c, "after", 0);
    return outcomes_of(c, api_get_str(c, "outcome"), &f->outcomes);
}

/* --- lists ------------------------------------------------------------------------------------------- */

static void reply_list(struct api_ctx *c, const struct store_request_filter *f,
                       const struct store_page *page,
                       void (*write)(struct api_ctx *, struct api_out *, const void *,
                                     const void *))
{
    struct store_request *rows = api_page_room(c, page, sizeof(*rows));
    struct store_page_end end = { 0 };
    enum rc rc = store_request_list(c->api->o.store, f, page, c->arena, rows, &end);
    api_reply_page(c, rc, page, &end, API_ROWS(rows, id, "req_", write, NULL));
}

static void ingest_request_write_row(struct api_ctx *c, struct api_out *o, const void *row,
                                     const void *arg)
{
    (void)arg;
    api_out_begin(o, '{');
    write_request_members(c, o, row);
    api_out_end(o, '}');
}

static void list_requests(struct api_ctx *c)
{
    struct store_page page;
    struct store_request_filter f = { 0 };
    if (!api_page(c, "req_", true, &page) || !query_filter(c, &f))
        return;
    f.source = c->source.num;
    api_page_from(&page, f.after_us, f.before_us);
    reply_list(c, &f, &page, ingest_request_write_row);
}

static void write_log_headers(struct api_out *o, struct str text)
{
    json_t *pairs = NULL;
    api_out_key(o, "headers");
    api_out_begin(o, '{');
    if (text.ptr != NULL && json_parse(text, &pairs, NULL) == RC_OK) {
        for (size_t i = 0; i < json_array_size(pairs); i++) {
            const json_t *pair = json_array_get(pairs, i);
            const char *name = json_string_value(json_array_get(pair, 0));
            if (name != NULL)
                api_out_str(o, name, json_str_of(json_array_get(pair, 1)));
        }
    }
    json_decref(pairs);
    api_out_end(o, '}');
}

/* What was refused, in the shape the Svix clients know. */
static void write_log(struct api_ctx *c, struct api_out *o, const void *row, const void *arg)
{
    const struct store_request *r = row;
    (void)arg;
    api_out_begin(o, '{');
    api_out_id(o, "id", STR("req_"), &r->id);
    api_out_str(o, "source_id", api_param(c, "source_id"));
    api_out_int(o, "status_code", r->status);
    api_out_str(o, "error_text", r->reason.ptr == NULL ? STR("") : r->reason);
    write_log_headers(o, r->headers);
    api_out_str(o, "payload", r->body.ptr == NULL ? STR("") : r->body);
    api_out_date(o, "created_at", r->at_us);
    api_out_date(o, "updated_at", r->at_us);
    api_out_end(o, '}');
}

static void list_log(struct api_ctx *c)
{
    struct store_page page;
    if (!api_page(c, "req_", true, &page))
        return;
    const struct store_request_filter f = { .source = c->source.num,
                                            .outcomes = 1u << STORE_REQUEST_REJECTED,
                                            .with_body = true };
    reply_list(c, &f, &page, write_log);
}

/* --- one ---------------------------------------------------------------------------------------------- */

static bool find_request(struct api_ctx *c, struct store_request *out)
{
    struct id id;
    enum rc rc = RC_NOT_FOUND;
    if (id_parse(STR("req_"), api_param(c, "request_id"), &id) == RC_OK)
        rc = store_request_get(c->api->o.store, c->source.num, &id, c->arena, out);
    return api_ok(c, rc);
}

static void write_deliveries_of(struct api_ctx *c, struct api_out *o, const struct store_request *r,
                                const struct id *message)
{
    struct store_delivery_row *rows = NULL;
    size_t count = 0;
    struct store_tx *tx = NULL;
    if (store_delivery_by_message(c->api->o.store, r->app, message, c->arena, &rows, &count) !=
        RC_OK)
        return;
    if (count == 0 || store_read(c->api->o.store, &tx) != RC_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        struct store_endpoint ep;
        if (store_endpoint_by_num(tx, rows[i].endpoint, c->arena, &ep) != RC_OK)
            continue;
        api_out_key(o, NULL);
        api_out_begin(o, '{');
        api_out_id(o, "messageId", STR("msg_"), message);
        api_out_str(o, "endpointId", ep.id);
        api_out_str(o, "state", str_from(store_state_text(rows[i].state)));
        api_out_opt(o, "reason", store_reason_name(rows[i].reason));
        api_out_int(o, "attempts", rows[i].attempt_count);
        api_out_opt_date(
            o, "nextAttempt",
            api_waiting_next(&(struct api_waiting){ .store = c->api->o.store }, &rows[i]));
        api_out_end(o, '}');
    }
    store_end(tx);
}

static void write_deliveries(struct api_ctx *c, struct api_out *o, const struct store_request *r)
{
    api_out_key(o, "deliveries");
    api_out_begin(o, '[');
    if (r->has_message && r->item_count == 0)
        write_deliveries_of(c, o, r, &r->id);
    for (size_t i = 0; i < r->message_count; i++)
        write_deliveries_of(c, o, r, &r->messages[i]);
    api_out_end(o, ']');
}

static void get_request(struct api_ctx *c)
{
    struct store_request r;
    if (!find_request(c, &r))
        return;
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    write_request_members(c, &o, &r);
    write_deliveries(c, &o, &r);
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

/* --- again -------------------------------------------------------------------------------------------- */

static void replay_failed(struct api_ctx *c, enum rc rc)
{
    if (rc == RC_DENIED)
        http_error(c->req, 409, "not_verified", "The request still does not verify.");
    else if (rc == RC_INVALID)
        http_error(c->req, 409, "not_replayable",
                   "Duplicates and handshakes are not replayed, nor what is not kept whole.");
    else if (rc == RC_CONFLICT)
        http_error(c->req, 409, "paused", "The source is paused.");
    else
        api_fail(c, rc);
}

static void replay_one(struct api_ctx *c)
{
    struct store_request r;
    struct id id;
    if (!find_request(c, &r))
        return;
    enum rc rc = inbound_replay(c->api->o.inbound, &r, c->arena, &id);
    if (rc != RC_OK) {
        replay_failed(c, rc);
        return;
    }
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_id(&o, "id", STR("req_"), &id);
    api_out_end(&o, '}');
    api_reply(c, 202, &o);
}

struct replaying {
    struct api_ctx *c;
    struct store_request_filter filter;
    struct store_page page;
    bool dry;
    int64_t matched, replayed, refused, max;
    struct str last;
    bool done;
};

/* A page at a time, oldest first, each in an arena of its own. */
static enum rc replay_page(struct replaying *r)
{
    struct store_request rows[PAGE_ROWS];
    struct store_page_end end;
    struct arena a;
    arena_init(&a);
    enum rc rc = store_request_list(r->c->api->o.store, &r->filter, &r->page, &a, rows, &end);
    for (size_t i = 0; rc == RC_OK && i < end.count; i++) {
        struct id id;
        enum rc one = RC_OK;
        r->matched++;
        if (!r->dry)
            one = inbound_replay(r->c->api->o.inbound, &rows[i], &a, &id);
        if (one == RC_DENIED || one == RC_INVALID)
            r->refused++;
        else if (one != RC_OK)
            rc = one;
        else
            r->replayed += r->dry ? 0 : 1;
        if (rc == RC_OK)
            r->last = api_id_text(r->c, "req_", &rows[i].id);
    }
    r->page.after = r->last;
    r->done = rc == RC_OK && end.done;
    arena_fini(&a);
    return rc;
}

static void reply_replayed(struct replaying *r)
{
    struct api_out o;
    api_out_open(r->c, &o);
    api_out_begin(&o, '{');
    api_out_int(&o, "matched", r->matched);
    api_out_int(&o, "replayed", r->replayed);
    api_out_int(&o, "refused", r->refused);
    api_out_bool(&o, "dryRun", r->dry);
    api_out_bool(&o, "done", r->done);
    api_out_opt(&o, "iterator", r->last.len == 0 ? STR_NONE : r->last);
    api_out_end(&o, '}');
    api_reply(r->c, r->dry ? 200 : 202, &o);
}

/* Requests that the replay itself makes are not in its own reach: it ends at its beginning. */
static void replay_many(struct api_ctx *c)
{
    struct replaying r = { .c = c, .page = { .limit = PAGE_ROWS } };
    if (!body_filter(c, &r.filter))
        return;
    r.dry = api_get_bool(c, "dryRun", false);
    r.max = r.dry ? COUNT_MAX : REPLAY_MAX;
    r.filter.source = c->source.num;
    r.filter.with_body = !r.dry;
    if (r.filter.before_us == 0 || r.filter.before_us > c->now_us)
        r.filter.before_us = c->now_us;
    r.page.after = api_get_str(c, "iterator");
    enum rc rc = RC_OK;
    while (rc == RC_OK && !r.done && r.matched < r.max)
        rc = replay_page(&r);
    if (rc == RC_INVALID)
        http_invalid(c->req, "body.iterator", "value_error", "Not an iterator of this list.");
    else if (rc != RC_OK && r.replayed == 0)
        replay_failed(c, rc);
    else
        reply_replayed(&r);
}

/* --- why ---------------------------------------------------------------------------------------------- */

static void write_targets(struct api_out *o, const struct inbound_explanation *e)
{
    api_out_key(o, "destinations");
    api_out_begin(o, '[');
    for (size_t i = 0; i < e->target_count; i++) {
        const struct inbound_target *t = &e->targets[i];
        api_out_key(o, NULL);
        api_out_begin(o, '{');
        api_out_opt(o, "application", t->app.len == 0 ? STR_NONE : t->app);
        api_out_bool(o, "takes", t->takes);
        api_out_opt(o, "reason", t->reason.len == 0 ? STR_NONE : t->reason);
        api_out_int(o, "endpoints", (int64_t)t->endpoint_count);
        api_out_end(o, '}');
    }
    api_out_end(o, ']');
}

static void reply_explanation(struct api_ctx *c, const struct inbound_explanation *e)
{
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_str(&o, "verdict", str_from(e->status));
    api_out_bool(&o, "accepted", e->accepted);
    api_out_int(&o, "replyStatus", e->reply_status);
    api_out_opt(&o, "id", e->id.len == 0 ? STR_NONE : e->id);
    api_out_bool(&o, "idSigned", e->id_signed);
    api_out_opt(&o, "type", e->type.len == 0 ? STR_NONE : e->type);
    api_out_bool(&o, "typeSigned", e->type_signed);
    api_out_opt(&o, "eventType", e->event_type.len == 0 ? STR_NONE : e->event_type);
    api_out_int(&o, "eventCount", (int64_t)e->event_count);
    api_out_str(&o, "explanation", e->words);
    write_targets(&o, e);
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

static bool trial_body(struct api_ctx *c, struct inbound_trial *trial)
{
    struct str encoded = api_get_str(c, "bodyBase64");
    trial->body = api_get_str(c, "body");
    if (encoded.ptr == NULL)
        return true;
    char *bytes = arena_alloc(c->arena, encoded.len + 1);
    size_t len = 0;
    if (base64_decode(encoded, bytes, encoded.len, &len) != RC_OK) {
        http_invalid(c->req, "body.bodyBase64", "value_error", "Not base64.");
        return false;
    }
    trial->body = str_of(bytes, len);
    return true;
}

static void ingest_request_explain(struct api_ctx *c)
{
    struct inbound_explanation e;
    struct http_header headers[HEADERS_MAX];
    struct inbound_trial trial = { .method = api_get_str(c, "method"),
                                   .query = api_get_str(c, "query"),
                                   .headers = headers,
                                   .at_us = api_get_date(c, "at", c->now_us) };
    const char *name;
    json_t *value;
    if (trial.method.ptr == NULL)
        trial.method = STR("POST");
    json_object_foreach(json_object_get(c->body, "headers"), name,
                        value) if (trial.header_count < HEADERS_MAX) headers[trial.header_count++] =
        (struct http_header){ str_from(name), json_str_of(value) };
    if (!trial_body(c, &trial))
        return;
    enum rc rc = inbound_explain(c->api->o.inbound, c->source.num, &trial, c->arena, &e);
    if (rc != RC_OK)
        api_fail(c, rc);
    else
        reply_explanation(c, &e);
}

#define BASE "/ingest/api/v1/source/{source_id}"
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, BASE "/request", API_APP, "v1.ingest.request.list",
                "List what came in at a source"),
      .run = list_requests, .steps = API_FINDS_SOURCE, .out = &api_schema_IngestRequestOut,
      .status = 200, .is_list = true,
      .query = API_PAGE_ORDER " outcome reason event_type text before after with_content" },
    { API_ROUTE(HTTP_GET, BASE "/request/{request_id}", API_APP, "v1.ingest.request.get",
                "Get a request with its body and deliveries"),
      .run = get_request, .steps = API_FINDS_SOURCE, .out = &api_schema_IngestRequestOut,
      .status = 200 },
    { API_ROUTE(HTTP_POST, BASE "/request/{request_id}/replay", API_APP | API_WRITE,
                "v1.ingest.request.replay", "Send a request on again"),
      .run = replay_one, .steps = API_FINDS_SOURCE, .out = &api_schema_IngestIdOut, .status = 202 },
    { API_ROUTE(HTTP_POST, BASE "/request/replay", API_ORG | API_WRITE,
                "v1.ingest.request.bulk-replay", "Send many requests on again, or count them"),
      .run = replay_many, .steps = API_BODY_MAYBE | API_FINDS_SOURCE,
      .in = &api_schema_IngestReplayIn, .out = &api_schema_IngestReplayOut, .status = 202,
      .other_status = 200 },
    { API_ROUTE(HTTP_POST, BASE "/explain", API_ORG, "v1.ingest.source.explain",
                "Say how a request would be judged, and where it would go"),
      .run = ingest_request_explain, .steps = API_FINDS_SOURCE, .in = &api_schema_IngestExplainIn,
      .out = &api_schema_IngestExplainOut, .status = 200 },
    { API_ROUTE(HTTP_GET, BASE "/log", API_APP, "v1.ingest.log.list", "List what a source refused"),
      .run = list_log, .steps = API_FINDS_SOURCE, .out = &api_schema_IngestLogOut, .status = 200,
      .is_list = true, .query = API_PAGE_ORDER },
};
API_ROUTES(ingest_request, routes);
