/* SPDX-License-Identifier: Apache-2.0
 *
 * Acting on many things: count first, then do what was counted. The answer to a count holds a plan: the filter, with
 * its end in time fixed, and what was found. It is sealed for whoever counted (an organisation or an application), so
 * that it cannot be changed or used by others, and names the task that it becomes, so that it is used once.
 */
#include "api/resource/bulk_priv.h"
#include "api/resource/task_priv.h"
#include "api/schemas/schemas.h"

#include <stdio.h>

enum {
    LOOK_US = 2000000,    /* how long a count looks, at most */
    MATCHED_MAX = 250000, /* and how many it counts */
    SAMPLE = 5,
    PLAN_MINUTES = 10,
    PLAN_MAX = 256 * 1024 /* bytes of its text */
};

/* --- what is asked for ------------------------------------------------------------------------- */

enum { BULK_SHOWN_MAX = 64 };

PRINTF_LIKE(3, 4)
static bool bulk_refuse(struct api_ctx *c, const char *where, const char *fmt, ...)
{
    char words[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
    http_invalid(c->req, where, "value_error", "%s", words);
    return false;
}

/* False. */
static bool refuse_given(struct api_ctx *c, const char *where, struct str given, const char *what)
{
    struct str shown = str_sub(given, 0, BULK_SHOWN_MAX);
    return bulk_refuse(c, where, "\"%.*s\" is %s.", STR_ARGS(shown), what);
}

/* What it is to be about, as numbers. */
struct objects {
    int64_t app, endpoint, to, source;
    struct str app_id, endpoint_id, to_id, source_id;
};

static bool find_source(struct api_ctx *c, struct objects *o)
{
    struct store_source source;
    struct str given = api_get_str(c, "sourceId");
    enum rc rc = store_source_find(c->tx, c->who->org, given, c->arena, &source);
    if (rc == RC_OK && c->who->app != 0 && c->who->app != source.app)
        rc = RC_NOT_FOUND;
    if (rc == RC_NOT_FOUND)
        return refuse_given(c, "body.sourceId", given, "not the id or uid of a source");
    if (!api_ok(c, rc))
        return false;
    o->source = source.num;
    o->source_id = source.id;
    o->app = source.app;
    return true;
}

static bool find_app(struct api_ctx *c, struct objects *o)
{
    struct store_application app;
    struct str name = api_get_str(c, "appId");
    if (name.ptr == NULL && c->who->app == 0)
        return bulk_refuse(c, "body.appId",
                           "Which application? Give its id or uid, or a sourceId.");
    enum rc rc = store_application_find(c->tx, c->who->org,
                                        name.ptr == NULL ? c->who->app_id : name, c->arena, &app);
    if (rc == RC_OK && c->who->app != 0 && c->who->app != app.num)
        rc = RC_NOT_FOUND;
    if (rc == RC_NOT_FOUND)
        return refuse_given(c, "body.appId", name, "not the id or uid of an application");
    if (!api_ok(c, rc))
        return false;
    o->app = app.num;
    o->app_id = app.id;
    return true;
}

/* Absent: 0. `sends`: it must be enabled. */
static bool find_endpoint(struct api_ctx *c, int64_t app, const char *name, bool sends,
                          int64_t *num, struct str *id)
{
    struct store_endpoint ep;
    struct str given = api_get_str(c, name);
    if (given.ptr == NULL)
        return true;
    const char *where = arena_fmt(c->arena, "body.%s", name).ptr;
    enum rc rc = store_endpoint_find(c->tx, app, given, c->arena, &ep);
    if (rc == RC_NOT_FOUND)
        return refuse_given(c, where, given,
                            "not the id or uid of an endpoint of this application");
    if (!api_ok(c, rc))
        return false;
    if (sends && ep.disabled) {
        http_error(c->req, 400, "endpoint_disabled", "The endpoint is disabled: enable it first.");
        return false;
    }
    *num = ep.num;
    *id = ep.id;
    return true;
}

static bool find_endpoints(struct api_ctx *c, const struct api_bulk_action *action,
                           struct objects *o)
{
    bool is_elsewhere = action->needs_to;
    if (is_elsewhere != (api_get_str(c, "to").ptr != NULL))
        return bulk_refuse(c, "body.to", "%s",
                           is_elsewhere ? "To which endpoint? `resend` needs its id or uid."
                                        : "Only `resend` sends to another endpoint.");
    if (!find_endpoint(c, o->app, "endpointId", action->deed == API_BULK_SENDS && !is_elsewhere,
                       &o->endpoint, &o->endpoint_id) ||
        !find_endpoint(c, o->app, "to", true, &o->to, &o->to_id))
        return false;
    if (is_elsewhere && o->endpoint == 0)
        return bulk_refuse(c, "body.endpointId",
                           "From which endpoint? `resend` needs its id or uid.");
    return o->to == 0 || o->to != o->endpoint ||
           bulk_refuse(c, "body.to", "That is the endpoint itself: use `replay`.");
}

static bool find_objects(struct api_ctx *c, const struct api_bulk_action *action, struct objects *o)
{
    *o = (struct objects){ 0 };
    if (!api_tx_read(c))
        return false;
    bool found = api_get_str(c, "sourceId").ptr != NULL
                     ? find_source(c, o)
                     : find_app(c, o) && find_endpoints(c, action, o);
    api_tx_end(c);
    return found;
}

static unsigned bulk_state_of(struct str word)
{
    for (int state = STORE_PENDING; state <= STORE_CANCELED; state++)
        if (str_eq(word, str_from(store_state_text((enum store_state)state))))
            return 1U << state;
    return 0;
}

/* The bits of the words in the list, or `absent`. */
static bool read_states(struct api_ctx *c, const struct api_bulk_action *action, unsigned *bits)
{
    const json_t *words = api_get(c, "states");
    *bits = words == NULL ? action->states : 0;
    for (size_t i = 0; i < json_array_size(words); i++) {
        unsigned bit = bulk_state_of(json_str_of(json_array_get(words, i)));
        if ((bit & action->may) == 0) {
            http_invalid(c->req, "body.states", "value_error",
                         "`%s` does not take '%s'. The states are success, pending, fail, sending "
                         "and canceled; the guide says which action takes which.",
                         action->name, json_string_value(json_array_get(words, i)));
            return false;
        }
        *bits |= bit;
    }
    return true;
}

static bool read_outcomes(struct api_ctx *c, unsigned *bits)
{
    const json_t *words = api_get(c, "outcomes");
    *bits = words == NULL ? 1U << STORE_REQUEST_REJECTED : 0;
    for (size_t i = 0; i < json_array_size(words); i++) {
        enum store_request_outcome outcome = STORE_REQUEST_ACCEPTED;
        struct str given = json_str_of(json_array_get(words, i));
        enum rc rc = store_request_outcome_find(given, &outcome);
        if (rc != RC_OK || outcome == STORE_REQUEST_DUPLICATE)
            return refuse_given(c, "body.outcomes", given,
                                "not an outcome: use accepted, rejected or ignored");
        *bits |= 1U << outcome;
    }
    return true;
}

/* What only one of the two is asked about. */
static bool has_none_of(struct api_ctx *c, const char *const *names, size_t count, const char *why)
{
    for (size_t i = 0; i < count; i++)
        if (api_get(c, names[i]) != NULL)
            return bulk_refuse(c, arena_fmt(c->arena, "body.%s", names[i]).ptr, "%s", why);
    return true;
}

static bool check_source(struct api_ctx *c, const struct api_bulk_action *action)
{
    static const char *const others[] = { "appId", "endpointId",     "to", "states", "channels",
                                          "tags",  "statusCodeClass" };
    if (strcmp(action->name, "replay") != 0)
        return bulk_refuse(c, "body.action",
                           "Requests of a source can be replayed, and nothing else.");
    if (json_array_size(api_get(c, "eventTypes")) > 1)
        return bulk_refuse(c, "body.eventTypes", "Requests are looked for by one type at a time.");
    return has_none_of(c, others, COUNT_OF(others),
                       "Requests of a source are not looked for by this.");
}

static bool check_deliveries(struct api_ctx *c, const struct api_bulk_action *action)
{
    static const char *const others[] = { "outcomes", "reason", "text" };
    bool by_delivery = api_get(c, "states") != NULL || api_get(c, "statusCodeClass") != NULL;
    if (action->deed == API_BULK_ERASES && c->who->app != 0) {
        http_error(c->req, 403, API_INSUFFICIENT,
                   "This token is bound to one application. Use the organisation's token.");
        return false;
    }
    if (action->deed == API_BULK_ERASES && by_delivery && api_get_str(c, "endpointId").ptr == NULL)
        return bulk_refuse(
            c, "body.endpointId",
            "`expunge` is about messages: by state or status only with an endpoint.");
    return has_none_of(c, others, COUNT_OF(others), "Only requests of a source have this.");
}

static bool read_times(struct api_ctx *c, json_t *input)
{
    int64_t since_us = api_get_date(c, "since", 0);
    int64_t until_us = api_get_date(c, "until", c->now_us);
    if (until_us > c->now_us)
        until_us = c->now_us; /* what comes later was not counted */
    if (until_us <= since_us)
        return bulk_refuse(c, "body.until", "Must be after since.");
    json_object_set_new(input, "since", json_integer(since_us));
    json_object_set_new(input, "until", json_integer(until_us));
    return true;
}

static void copy_filters(struct api_ctx *c, json_t *input)
{
    static const char *const names[] = { "eventTypes",      "channels", "tags",
                                         "statusCodeClass", "reason",   "text" };
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (api_get(c, names[i]) != NULL)
            json_object_set(input, names[i], (json_t *)(uintptr_t)api_get(c, names[i]));
}

static void set_id(json_t *input, const char *name, struct str id)
{
    if (id.ptr != NULL)
        json_object_set_new(input, name, json_stringn(id.ptr, id.len));
}

/* Fills what a task's input is to hold. False: answered. */
static bool read_request(struct api_ctx *c, json_t *input)
{
    const struct api_bulk_action *action = api_bulk_action_find(api_get_str(c, "action"));
    struct objects o;
    unsigned states = 0, outcomes = 0;
    if (action == NULL)
        return refuse_given(c, "body.action", api_get_str(c, "action"),
                            "not an action: use recover, replay, resend, cancel or expunge");
    bool of_source = api_get_str(c, "sourceId").ptr != NULL;
    if (!(of_source ? check_source(c, action) : check_deliveries(c, action)) ||
        !find_objects(c, action, &o) ||
        !(of_source ? read_outcomes(c, &outcomes) : read_states(c, action, &states)) ||
        !read_times(c, input))
        return false;
    copy_filters(c, input);
    json_object_set_new(input, "action", json_string(action->name));
    json_object_set_new(input, "app", json_integer(o.app));
    json_object_set_new(input, "endpoint", json_integer(o.endpoint));
    json_object_set_new(input, "to", json_integer(o.to));
    json_object_set_new(input, "source", json_integer(o.source));
    json_object_set_new(input, "states", json_integer(states));
    json_object_set_new(input, "outcomes", json_integer(outcomes));
    set_id(input, "appId", o.app_id);
    set_id(input, "endpointId", o.endpoint_id);
    set_id(input, "toId", o.to_id);
    set_id(input, "sourceId", o.source_id);
    return true;
}

/* --- counting ---------------------------------------------------------------------------------- */

enum { STATUSES = 6 };

struct tally {
    int64_t matched;
    bool complete;
    int64_t by_status[STATUSES]; /* by state of deliveries, or outcome of requests; messages: [0] */
    int64_t oldest_us, newest_us; /* 0: none */
    struct api_bulk_row sample[SAMPLE];
    size_t sample_count;
};

static void tally_row(struct api_ctx *c, const struct api_bulk_row *row, struct tally *t)
{
    t->matched++;
    t->by_status[row->request != NULL ? (unsigned)row->request->outcome : (unsigned)row->state]++;
    if (t->oldest_us == 0 || row->at_us < t->oldest_us)
        t->oldest_us = row->at_us;
    if (row->at_us > t->newest_us)
        t->newest_us = row->at_us;
    if (t->sample_count == SAMPLE)
        return;
    struct api_bulk_row *kept = &t->sample[t->sample_count++];
    *kept = *row;
    kept->event_type =
        row->event_type.ptr == NULL ? STR_NONE : arena_str(c->arena, row->event_type);
    kept->endpoint_id =
        row->endpoint_id.ptr == NULL ? STR_NONE : arena_str(c->arena, row->endpoint_id);
    if (row->request != NULL) {
        struct store_request *request = ARENA_NEW(c->arena, struct store_request);
        request->outcome = row->request->outcome;
        kept->request = request;
    }
}

/* Each page in an arena of its own. */
static enum rc count_page(struct api_ctx *c, const struct api_bulk *b, struct str *cursor,
                          struct api_bulk_page *page, struct tally *t)
{
    struct arena a;
    arena_init(&a);
    page->limit = API_BULK_ROWS_MAX;
    enum rc rc = api_bulk_look(c->api, b, *cursor, &a, page);
    for (size_t i = 0; rc == RC_OK && i < page->count; i++)
        if (page->rows[i].fits)
            tally_row(c, &page->rows[i], t);
    if (rc == RC_OK)
        *cursor = arena_str(c->arena, page->next);
    arena_fini(&a);
    return rc;
}

static enum rc bulk_count(struct api_ctx *c, const struct api_bulk *b, struct tally *t)
{
    int64_t until_us = clock_mono_us(c->api->o.clock) + LOOK_US;
    struct api_bulk_page *page = ARENA_NEW(c->arena, struct api_bulk_page);
    struct str cursor = STR("");
    enum rc rc = RC_OK;
    do {
        rc = count_page(c, b, &cursor, page, t);
    } while (rc == RC_OK && !page->done && t->matched < MATCHED_MAX &&
             clock_mono_us(c->api->o.clock) < until_us);
    t->complete = page->done;
    return rc;
}

/* --- plans ------------------------------------------------------------------------------------- */

static struct str plan_context(struct api_ctx *c)
{
    return arena_fmt(c->arena, "bulk-plan:%lld:%lld", (long long)c->who->org,
                     (long long)c->who->app);
}

/* False: answered. */
static bool seal_plan(struct api_ctx *c, json_t *input, const struct tally *t, struct str *out)
{
    json_t *plan = json_object();
    struct str id = api_new_id_text(c, "qtask_");
    json_object_set_new(plan, "id", json_stringn(id.ptr, id.len));
    json_object_set_new(plan, "expires",
                        json_integer(c->own_us + PLAN_MINUTES * INT64_C(60000000)));
    json_object_set_new(plan, "total", t->complete ? json_integer(t->matched) : json_null());
    json_object_set(plan, "input", input);
    struct str text = json_text(c->arena, plan);
    json_decref(plan);
    struct buf *sealed = api_buf(c, PLAN_MAX);
    if (!api_ok(c, sign_seal(c->api->o.vault, plan_context(c), text, sealed)))
        return false;
    char *encoded = arena_alloc(c->arena, BASE64_LEN(sealed->len) + 1);
    base64_encode(sealed->ptr, sealed->len, encoded);
    *out = str_from(encoded);
    return true;
}

static json_t *open_plan(struct api_ctx *c)
{
    struct str text = api_get_str(c, "plan");
    json_t *plan = NULL;
    size_t len = 0;
    char *sealed = arena_alloc(c->arena, text.len + 1);
    struct buf *opened = api_buf(c, PLAN_MAX);
    if (base64_decode(text, sealed, text.len, &len) != RC_OK ||
        sign_open(c->api->o.vault, plan_context(c), str_of(sealed, len), opened) != RC_OK ||
        json_parse(buf_str(opened), &plan, NULL) != RC_OK)
        bulk_refuse(
            c, "body.plan",
            "Not a plan that this server made for this token's organisation or application, or "
            "it was changed: count again.");
    return plan;
}

/* --- answers ----------------------------------------------------------------------------------- */

static void write_statuses(struct api_out *o, const struct api_bulk *b, const struct tally *t)
{
    api_out_key(o, "byStatus");
    api_out_begin(o, '{');
    for (unsigned i = 0; i < STATUSES; i++) {
        if (t->by_status[i] == 0)
            continue;
        if (b->source != 0)
            api_out_int(o, store_request_outcome_text((enum store_request_outcome)i),
                        t->by_status[i]);
        else if (i != 0)
            api_out_int(o, store_state_text((enum store_state)i), t->by_status[i]);
    }
    api_out_end(o, '}');
}

static void write_sample(struct api_out *o, const struct api_bulk *b, const struct tally *t)
{
    api_out_key(o, "sample");
    api_out_begin(o, '[');
    for (size_t i = 0; i < t->sample_count; i++) {
        const struct api_bulk_row *row = &t->sample[i];
        const char *status = row->request != NULL
                                 ? store_request_outcome_text(row->request->outcome)
                             : row->state != 0 ? store_state_text(row->state)
                                               : NULL;
        api_out_key(o, NULL);
        api_out_begin(o, '{');
        api_out_id(o, "id", b->source != 0 ? STR("req_") : STR("msg_"), &row->id);
        api_out_opt(o, "endpointId", row->endpoint_id);
        api_out_opt(o, "eventType", row->event_type);
        api_out_date(o, "timestamp", row->at_us);
        api_out_opt(o, "status", status == NULL ? STR_NONE : str_from(status));
        api_out_end(o, '}');
    }
    api_out_end(o, ']');
}

static void reply_count(struct api_ctx *c, const struct api_bulk *b, const struct tally *t,
                        struct str plan)
{
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_str(&o, "plan", plan);
    api_out_date(&o, "expiresAt", c->now_us + PLAN_MINUTES * INT64_C(60000000));
    api_out_str(&o, "action", str_from(b->action->name));
    api_out_int(&o, "matched", t->matched);
    api_out_bool(&o, "complete", t->complete);
    write_statuses(&o, b, t);
    api_out_opt_date(&o, "oldest", t->oldest_us);
    api_out_opt_date(&o, "newest", t->newest_us);
    write_sample(&o, b, t);
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

static void count_with(struct api_ctx *c, json_t *input)
{
    struct api_bulk b;
    struct tally t = { .matched = 0 };
    struct str plan;
    if (!read_request(c, input) || !api_ok(c, api_bulk_read(input, c->arena, &b)) ||
        !api_ok(c, bulk_count(c, &b, &t)) || !seal_plan(c, input, &t, &plan))
        return;
    reply_count(c, &b, &t, plan);
}

static void count_bulk(struct api_ctx *c)
{
    json_t *input = json_object();
    count_with(c, input);
    json_decref(input);
}

/* What shows of the task besides how far it is. */
static json_t *data_of(const json_t *input, const json_t *plan)
{
    static const char *const shown[] = { "action", "appId", "endpointId", "toId", "sourceId" };
    json_t *data = json_object();
    json_object_set(data, "total", json_object_get(plan, "total"));
    for (size_t i = 0; i < COUNT_OF(shown); i++)
        if (json_object_get(input, shown[i]) != NULL)
            json_object_set(data, shown[i], json_object_get(input, shown[i]));
    return data;
}

static void start_with(struct api_ctx *c, const json_t *plan)
{
    struct api_bulk b;
    json_t *input = json_object_get(plan, "input");
    if (json_integer_value(json_object_get(plan, "expires")) < c->own_us) {
        bulk_refuse(c, "body.plan",
                    "The plan has expired: it is good for 10 minutes. Count again.");
        return;
    }
    if (!api_ok(c, api_bulk_read(input, c->arena, &b)))
        return;
    const struct api_task task = { .kind = str_from(b.action->kind),
                                   .app = b.app,
                                   .endpoint = b.to != 0 ? b.to : b.endpoint,
                                   .since_us = b.messages.after_us,
                                   .until_us = b.messages.before_us,
                                   .filter = json_incref(input),
                                   .id = json_str_member(plan, "id"),
                                   .rate = api_get_int(c, "rate", 0),
                                   .data = data_of(input, plan) };
    api_task_create(c, &task, NULL);
}

static void start_bulk(struct api_ctx *c)
{
    json_t *plan = open_plan(c);
    if (plan != NULL)
        start_with(c, plan);
    json_decref(plan);
}

static void list_bulk(struct api_ctx *c)
{
    api_task_list(c, true);
}

static void get_bulk(struct api_ctx *c)
{
    api_task_reply(c, STR("bulk."));
}

#define BASE "/api/v1/bulk"
#define MAY API_CAN(ACCESS_MAY_ATTEMPT)
#define SEE API_CAN(ACCESS_MAY_VIEW)
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_POST, BASE "/count", API_ANY | MAY, "v1.bulk.count",
                "Count what an action would be done to, and get the plan to do it"),
      .run = count_bulk, .in = &api_schema_BulkCountIn, .out = &api_schema_BulkCountOut,
      .status = 200 },
    { API_ROUTE(HTTP_POST, BASE, API_ANY | API_WRITE | MAY, "v1.bulk.create",
                "Do what was counted, as a background task"),
      .run = start_bulk, .in = &api_schema_BulkIn, .out = &api_schema_TaskOut, .status = 202 },
    { API_ROUTE(HTTP_GET, BASE, API_ANY | SEE, "v1.bulk.list", "List bulk actions, newest first"),
      .run = list_bulk, .steps = API_READS, .out = &api_schema_BackgroundTaskOut, .status = 200,
      .is_list = true, .query = API_PAGE_ORDER " status" },
    { API_ROUTE(HTTP_GET, BASE "/{task_id}", API_ANY | SEE, "v1.bulk.get",
                "Get a bulk action and how far it is"),
      .run = get_bulk, .steps = API_READS, .out = &api_schema_BackgroundTaskOut, .status = 200 },
};
API_ROUTES(bulk, routes);
