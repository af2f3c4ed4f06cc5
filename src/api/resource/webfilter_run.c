/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs of chains that were kept: list, read, ask again elsewhere, and try a changed chain on them.
 */
#include "store/filter_run.h"

#include "api/resource/webfilter_priv.h"
#include "api/schemas/schemas.h"

enum { US_PER_MS = 1000, TRIAL_DEFAULT = 50 };

static const int64_t trial_max_us = INT64_C(60000000);

/* --- seeing ---------------------------------------------------------------------------------------- */

static void write_run(struct api_out *o, const struct store_filter_run *r)
{
    api_out_begin(o, '{');
    api_out_id(o, "id", STR("frun_"), &r->id);
    api_out_str(o, "event", r->event);
    api_out_date(o, "startedAt", r->started_us);
    api_out_int(o, "tookMs", r->took_us / US_PER_MS);
    api_out_bool(o, "hasData", r->has_data);
    api_out_bool(o, "redacted", r->is_redacted);
    api_out_raw(o, "summary", r->summary);
    api_out_raw(o, "detail", r->detail);
    api_out_end(o, '}');
}

static bool read_halted(struct api_ctx *c, int *halted)
{
    struct str value;
    *halted = -1;
    if (!http_query(c->req, "halted", 0, &value) || value.len == 0)
        return true;
    *halted = str_eq(value, STR("true"));
    if (*halted == 1 || str_eq(value, STR("false")))
        return true;
    http_invalid(c->req, "query.halted", "value_error", "Expected true or false.");
    return false;
}

static void webfilter_run_write_row(struct api_ctx *c, struct api_out *o, const void *row,
                                    const void *arg)
{
    (void)c;
    (void)arg;
    write_run(o, row);
}

static void list_runs(struct api_ctx *c)
{
    struct store_page page;
    struct store_filter_run_filter f = { 0 };
    if (!api_page(c, "frun_", true, &page) ||
        !api_query_chars(c, "event", API_CHARS_NAME, &f.event) ||
        !api_query_chars(c, "filter_id", API_CHARS_NAME, &f.filter) ||
        !api_query_date(c, "before", &f.before_us) || !api_query_date(c, "after", &f.after_us) ||
        !read_halted(c, &f.halted))
        return;
    f.app = c->app.num;
    api_page_from(&page, f.after_us, f.before_us);
    struct store_filter_run *rows = api_page_room(c, &page, sizeof(*rows));
    struct store_page_end end = { 0 };
    enum rc rc = store_filter_run_list(c->api->o.store, &f, &page, c->arena, rows, &end);
    api_reply_page(c, rc, &page, &end, API_ROWS(rows, id, "frun_", webfilter_run_write_row, NULL));
}

/* False: answered. */
static bool find_run(struct api_ctx *c, int64_t app, struct store_filter_run *out)
{
    struct id id;
    enum rc rc = RC_NOT_FOUND;
    if (id_parse(STR("frun_"), api_param(c, "run_id"), &id) == RC_OK)
        rc = store_filter_run_get(c->api->o.store, app, &id, c->arena, out);
    return api_ok(c, rc);
}

static void get_run(struct api_ctx *c)
{
    struct store_filter_run run;
    if (!find_run(c, c->app.num, &run))
        return;
    struct api_out o;
    api_out_open(c, &o);
    write_run(&o, &run);
    api_reply(c, 200, &o);
}

/* --- again ----------------------------------------------------------------------------------------- */

static void webfilter_run_drop_json(void *value)
{
    json_decref(value);
}

static void drop_set(void *set)
{
    webfilter_set_unref(set);
}

/* The kept data and metadata of a run; NULL when there are none. They live as long as the request. */
static json_t *kept_data(struct api_ctx *c, const struct store_filter_run *run, json_t **metadata)
{
    json_t *detail = NULL;
    if (!run->has_data || json_parse_any(run->detail, &detail, NULL) != RC_OK)
        return NULL;
    arena_defer(c->arena, webfilter_run_drop_json, detail);
    *metadata = json_object_get(detail, "eventMetadata");
    return json_object_get(detail, "data");
}

/* On the run's loop. The worker gets a copy, as the verdict shares values with the run. */
static void take_verdict(struct webfilter_run *run)
{
    json_t *verdict = api_webfilter_verdict(run);
    *(json_t **)run->arg = json_deep_copy(verdict);
    json_decref(verdict);
}

/* Runs a set's chain on a loop and waits. A new reference; NULL: *rc says why. */
static json_t *webfilter_run_ask(struct api_ctx *c, struct webfilter_set *set, struct str event,
                                 json_t *data, const json_t *metadata, enum rc *rc)
{
    json_t *verdict = NULL;
    struct webfilter_run_input in = { .set = set,
                                      .chain = webfilter_set_chain(set, event),
                                      .data = data,
                                      .metadata = metadata,
                                      .is_trial = true,
                                      .answered = take_verdict,
                                      .arg = &verdict };
    *rc = webfilter_run_wait(c->api->o.webfilter_engine, &in);
    return verdict;
}

/* The filter whose settings a replay has: the named one, or the first of the event. False: answered. */
static bool replay_filter(struct api_ctx *c, int64_t app, struct str event,
                          struct store_filter *out)
{
    struct store_filter *all = NULL;
    size_t count = 0;
    struct str wanted = api_get_str(c, "filterId");
    if (!api_tx_read(c))
        return false;
    enum rc rc = store_filter_all(c->tx, app, c->arena, &all, &count);
    api_tx_end(c);
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        if (wanted.ptr == NULL ? str_eq(all[i].event, event) : str_eq(all[i].id, wanted)) {
            *out = all[i];
            return true;
        }
    }
    api_fail(c, rc == RC_OK ? RC_NOT_FOUND : rc);
    return false;
}

static void no_data(struct api_ctx *c)
{
    http_error(c->req, 400, "no_data", "The data of this run was not kept.");
}

static void replay_run(struct api_ctx *c)
{
    struct store_filter_run run;
    struct store_filter f;
    json_t *metadata = NULL;
    if (!find_run(c, c->app.num, &run) || !replay_filter(c, c->app.num, run.event, &f))
        return;
    json_t *data = kept_data(c, &run, &metadata);
    if (data == NULL) {
        no_data(c);
        return;
    }
    enum rc rc;
    if (!api_webfilter_set_url(c, "body", api_get_str(c, "url"), &f))
        return;
    f.event = run.event;
    f.enabled = true;
    struct webfilter_set *set = webfilter_set_build(c->api->o.vault, c->app.num, &f, 1, NULL, 0);
    json_t *verdict = webfilter_run_ask(c, set, run.event, data, metadata, &rc);
    webfilter_set_unref(set);
    json_object_set_new(verdict, "redacted", json_boolean(run.is_redacted));
    if (rc == RC_OK)
        api_webfilter_reply(c, 200, verdict);
    else
        api_fail(c, rc);
    json_decref(verdict);
}

/* --- trying a chain ---------------------------------------------------------------------------------- */

struct tally {
    int64_t runs, halted, would_halt;
};

struct trial {
    struct webfilter_set *set;
    struct str event;
    int64_t until_us;
    struct tally whole, redacted; /* runs whose data was kept whole, and the others */
    bool complete;
    json_t *differ;
};

/* The chain of the body, or the present one. False: answered. */
static bool trial_set(struct api_ctx *c, int64_t app, struct str event, struct webfilter_set **out)
{
    const json_t *filters = api_get(c, "filters");
    if (filters == NULL) {
        enum rc rc = webfilter_sets_load(c->api->o.webfilter_sets, app, out);
        if (rc != RC_OK)
            api_fail(c, rc);
        return rc == RC_OK;
    }
    size_t count = json_array_size(filters);
    struct store_filter *rows = arena_array(c->arena, count + 1, sizeof(*rows));
    for (size_t i = 0; i < count; i++) {
        rows[i].num = (int64_t)i + 1;
        rows[i].id = api_new_id_text(c, "flt_");
        if (!api_webfilter_fill(c, json_array_get(filters, i), "body.filters", &rows[i], true))
            return false;
        rows[i].event = event;
    }
    *out = webfilter_set_build(c->api->o.vault, app, rows, count, NULL, 0);
    return true;
}

static bool webfilter_run_is_same(const struct store_filter_run *run, const json_t *verdict)
{
    json_t *detail = NULL;
    bool same = run->halted == json_is_true(json_object_get(verdict, "halt"));
    if (same && json_parse_any(run->detail, &detail, NULL) == RC_OK)
        same = webfilter_record_fits(json_object_get(detail, "resultData"),
                                     json_object_get(verdict, "data"));
    json_decref(detail);
    return same;
}

static enum rc try_run(struct api_ctx *c, struct trial *t, const struct store_filter_run *run)
{
    enum rc rc;
    json_t *metadata = NULL;
    json_t *data = kept_data(c, run, &metadata);
    if (data == NULL)
        return RC_OK;
    json_t *verdict = webfilter_run_ask(c, t->set, t->event, data, metadata, &rc);
    if (rc == RC_OK) {
        struct tally *tally = run->is_redacted ? &t->redacted : &t->whole;
        tally->runs++;
        tally->halted += run->halted;
        tally->would_halt += json_is_true(json_object_get(verdict, "halt"));
        if (!webfilter_run_is_same(run, verdict)) {
            struct str id = api_id_text(c, "frun_", &run->id);
            json_array_append_new(t->differ, json_stringn(id.ptr, id.len));
        }
    }
    json_decref(verdict);
    return rc;
}

static void write_tally(struct api_out *o, const struct tally *t)
{
    api_out_int(o, "runs", t->runs);
    api_out_int(o, "halted", t->halted);
    api_out_int(o, "wouldHalt", t->would_halt);
}

static void reply_trial(struct api_ctx *c, const struct trial *t)
{
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    write_tally(&o, &t->whole);
    api_out_key(&o, "redacted");
    api_out_begin(&o, '{');
    write_tally(&o, &t->redacted);
    api_out_end(&o, '}');
    api_out_raw(&o, "differ", json_text(c->arena, t->differ));
    api_out_bool(&o, "complete", t->complete);
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

static void try_chain(struct api_ctx *c)
{
    struct trial t = { .complete = true };
    t.event = api_param(c, "event");
    if (!trial_set(c, c->app.num, t.event, &t.set))
        return;
    arena_defer(c->arena, drop_set, t.set);
    struct store_filter_run_filter f = {
        .app = c->app.num, .event = t.event, .halted = -1, .with_data = true, .with_detail = true
    };
    struct store_page page = { .limit = (int)api_get_int(c, "last", TRIAL_DEFAULT),
                               .descending = true };
    struct store_filter_run *rows = arena_array(c->arena, (size_t)page.limit, sizeof(*rows));
    struct store_page_end end = { 0 };
    enum rc rc = store_filter_run_list(c->api->o.store, &f, &page, c->arena, rows, &end);
    t.differ = json_array();
    arena_defer(c->arena, webfilter_run_drop_json, t.differ);
    t.until_us = clock_mono_us(c->api->o.clock) + trial_max_us;
    for (size_t i = 0; rc == RC_OK && t.complete && i < end.count; i++) {
        rc = try_run(c, &t, &rows[i]);
        t.complete = clock_mono_us(c->api->o.clock) < t.until_us || i + 1 == end.count;
    }
    if (rc == RC_OK)
        reply_trial(c, &t);
    else
        api_fail(c, rc);
}

#define RUNS "/api/v1/app/{app_id}/filter-run"
#define SEE (API_APP | API_CAN(ACCESS_MAY_VIEW))
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, RUNS, SEE, "v1.filter-run.list", "List runs of filter chains"),
      .run = list_runs, .steps = API_FINDS_APP, .out = &api_schema_FilterRunOut, .status = 200,
      .is_list = true, .query = API_PAGE_ORDER " event filter_id halted before after" },
    { API_ROUTE(HTTP_GET, RUNS "/{run_id}", SEE, "v1.filter-run.get", "Get a run"), .run = get_run,
      .steps = API_FINDS_APP, .out = &api_schema_FilterRunOut, .status = 200 },
    { API_ROUTE(HTTP_POST, RUNS "/{run_id}/replay",
                API_APP | API_WRITE | API_CAN(ACCESS_MAY_MANAGE_ENDPOINT), "v1.filter-run.replay",
                "Ask another processor what a run asked"),
      .run = replay_run, .steps = API_FINDS_APP, .in = &api_schema_FilterReplayIn,
      .out = &api_schema_FilterReplayOut, .status = 200 },
    { API_ROUTE(HTTP_POST, "/api/v1/app/{app_id}/filter-chain/{event}/trial",
                API_APP | API_WRITE | API_CAN(ACCESS_MAY_MANAGE_ENDPOINT), "v1.filter-chain.trial",
                "Try a changed chain on kept runs"),
      .run = try_chain, .steps = API_BODY_MAYBE | API_FINDS_APP, .in = &api_schema_FilterTrialIn,
      .out = &api_schema_FilterTrialOut, .status = 200 },
};
API_ROUTES(webfilter_run, routes);
