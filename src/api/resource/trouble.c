/* SPDX-License-Identifier: Apache-2.0
 *
 * What is wrong now, worst first. Everything is read from what is kept by endpoint, source and filter: health rows, the
 * lanes in memory, refused requests (which are bounded for each source), breakers. No message is looked at, so the
 * cost does not grow with traffic; details (what the receiver said, how many wait) are read for the page alone, and
 * while there is time.
 */
#include "store/trouble.h"

#include "api/resource/waiting_priv.h"
#include "api/schemas/schemas.h"
#include "store/filter.h"
#include "store/filter_run.h"
#include "store/find.h"
#include "webfilter/chain.h"
#include "work/wait.h"

#include <stdlib.h>

enum {
    ENDPOINTS_MAX = 10000, /* failing, and as many disabled */
    SOURCES_MAX = 500,
    FILTER_APPS_MAX = 200,
    BREAKERS_MAX = 1000,
    ITEMS_MAX = 2 * ENDPOINTS_MAX + SOURCES_MAX + FILTER_APPS_MAX + BREAKERS_MAX + 5000,
    WAITING_MAX = 1000,
    RESPONSE_SHOWN = 300,
    RUNS_JUDGED = 20,
    RUNS_MIN = 5
};
#define SECOND_US INT64_C(1000000)
#define HOUR_US (3600 * SECOND_US)
#define DAY_US (24 * HOUR_US)
#define LATE_US (300 * SECOND_US) /* what waits longer is an ageing backlog */
#define LOOK_US \
    INT64_C(150000) /* for finding trouble outside of endpoints, and as much for details */

/* Worst first; the kinds' names are below. */
enum rank {
    RANK_DISABLED,
    RANK_BREAKER,
    RANK_PARKED,
    RANK_FAILING,
    RANK_HALTING,
    RANK_REFUSING,
    RANK_AGEING,
    RANK_DISABLED_LONG,
    RANKS
};
static const char *const kinds[RANKS] = {
    [RANK_DISABLED] = "endpoint_disabled", [RANK_BREAKER] = "filter_breaker",
    [RANK_PARKED] = "endpoint_parked",     [RANK_FAILING] = "endpoint_failing",
    [RANK_HALTING] = "filter_halting",     [RANK_REFUSING] = "source_refusing",
    [RANK_AGEING] = "endpoint_ageing",     [RANK_DISABLED_LONG] = "endpoint_disabled",
};

struct trouble {
    enum rank rank;
    int64_t app;
    int64_t since_us, last_us; /* wall clock; 0: not known */
    struct store_endpoint ep;  /* num 0: none */
    struct store_trouble_source source;
    struct store_refused refused;
    struct store_filter filter; /* num 0: none */
    struct str event;
    int64_t until_us, oldest_us;
    int64_t count;
};

struct look {
    struct api_ctx *c;
    int64_t app; /* only this one; 0: all */
    struct str kind;
    struct trouble **items;
    size_t count;
    int64_t counts[RANKS];
    struct map64 *by_endpoint; /* items */
    int64_t until_us;
    bool is_complete;
};

static struct trouble *trouble_new(struct look *l, enum rank rank)
{
    struct trouble *t = ARENA_NEW(l->c->arena, struct trouble);
    if (l->count < ITEMS_MAX)
        l->items[l->count++] = t;
    else
        l->is_complete = false;
    t->rank = rank;
    return t;
}

static bool is_time_over(const struct look *l)
{
    return clock_mono_us(l->c->api->o.clock) > l->until_us;
}

/* --- endpoints ---------------------------------------------------------------------------------------- */

static void add_ailing(struct look *l, const struct store_ailing *row)
{
    struct api_ctx *c = l->c;
    struct store *store = c->api->o.store;
    const struct store_endpoint *ep = &row->ep;
    bool is_fresh = ep->disabled && ep->updated_us > c->now_us - DAY_US;
    struct trouble *t = trouble_new(l, !ep->disabled ? RANK_FAILING
                                       : is_fresh    ? RANK_DISABLED
                                                     : RANK_DISABLED_LONG);
    t->app = ep->app;
    t->ep = *ep;
    t->since_us = ep->disabled ? ep->updated_us : store_shown_us(store, ep->failing_since_us);
    t->last_us = store_shown_us(store, ep->last_failure_us);
    (void)map64_set(l->by_endpoint, (uint64_t)ep->num, t);
}

static enum rc find_ailing(struct look *l)
{
    struct store_ailing *rows = NULL;
    size_t count = 0;
    enum rc rc = store_trouble_endpoints(l->c->tx, l->c->who->org, l->app, ENDPOINTS_MAX,
                                         l->c->arena, &rows, &count);
    size_t disabled = 0;
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        add_ailing(l, &rows[i]);
        disabled += rows[i].ep.disabled ? 1 : 0;
    }
    if (disabled == ENDPOINTS_MAX || count - disabled == ENDPOINTS_MAX)
        l->is_complete = false;
    return rc;
}

static void on_late(void *arg)
{
    work_wait_over(arg);
}

/* What the lanes know: whose is parked, and what has waited for long. */
static struct deliver_late *ask_lanes(struct look *l, size_t *count)
{
    struct api *api = l->c->api;
    struct work_wait wait;
    *count = 0;
    if (api->o.deliver == NULL)
        return NULL;
    struct deliver_late *late =
        arena_array(l->c->arena, api->o.loop_count * DELIVER_LATE_MAX, sizeof(*late));
    work_wait_init(&wait);
    deliver_late_ask(api->o.deliver, l->c->who->org, LATE_US, late, count, on_late, &wait);
    work_wait(&wait);
    l->is_complete = l->is_complete && *count < DELIVER_LATE_MAX;
    return late;
}

static enum rc add_late(struct look *l, const struct deliver_late *late)
{
    struct trouble *t = map64_get(l->by_endpoint, (uint64_t)late->endpoint);
    struct store_endpoint ep;
    if (l->app != 0 && l->app != late->app)
        return RC_OK;
    if (t == NULL) {
        enum rc rc = store_endpoint_by_num(l->c->tx, late->endpoint, l->c->arena, &ep);
        if (rc != RC_OK || ep.deleted || ep.disabled)
            return rc == RC_NOT_FOUND ? RC_OK : rc;
        t = trouble_new(l, RANK_AGEING);
        t->ep = ep;
        t->app = late->app;
        t->since_us = late->oldest_us;
    }
    if (late->parked && !t->ep.disabled)
        t->rank = RANK_PARKED;
    t->until_us = late->parked_until_us;
    t->oldest_us = late->oldest_us;
    return RC_OK;
}

/* --- sources and filters --------------------------------------------------------------------------------- */

static enum rc add_refusing(struct look *l, const struct store_trouble_source *sources,
                            size_t count)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        struct store_refused refused;
        if (is_time_over(l)) {
            l->is_complete = false;
            break;
        }
        rc = store_request_refused(l->c->api->o.store, sources[i].num, l->c->now_us - DAY_US,
                                   l->c->arena, &refused);
        if (rc != RC_OK || refused.count == 0)
            continue;
        struct trouble *t = trouble_new(l, RANK_REFUSING);
        t->app = sources[i].app;
        t->source = sources[i];
        t->refused = refused;
        t->since_us = refused.first_us;
        t->last_us = refused.last_us;
        t->count = (int64_t)refused.count;
    }
    return rc;
}

static void add_breakers(struct look *l, const struct store_filter *filters, size_t count,
                         const struct webfilter_open *open, size_t open_count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < open_count; k++) {
            if (open[k].filter != filters[i].num || open[k].updated_us != filters[i].updated_us ||
                !filters[i].enabled)
                continue;
            struct trouble *t = trouble_new(l, RANK_BREAKER);
            t->app = filters[i].app;
            t->filter = filters[i];
            t->event = filters[i].event;
            t->until_us = open[k].left_us > 0 ? l->c->now_us + open[k].left_us : 0;
            t->count = open[k].failures;
        }
}

/* Every one of an event's last runs stopped the process: that is no judgement any more. */
static enum rc add_halting(struct look *l, int64_t app)
{
    const struct store_filter_run_filter f = { .app = app,
                                               .halted = -1,
                                               .after_us = l->c->now_us - HOUR_US };
    const struct store_page page = { .limit = RUNS_JUDGED, .descending = true };
    struct store_filter_run *runs = arena_array(l->c->arena, RUNS_JUDGED, sizeof(*runs));
    struct store_page_end end = { 0 };
    enum rc rc = store_filter_run_list(l->c->api->o.store, &f, &page, l->c->arena, runs, &end);
    for (size_t i = 0; rc == RC_OK && i < end.count; i++) {
        size_t all = 0, halted = 0, first = 0;
        for (size_t k = end.count; k-- > 0;) {
            if (!str_eq(runs[k].event, runs[i].event))
                continue;
            first = k;
            all++;
            halted += runs[k].halted ? 1 : 0;
        }
        if (first != i || all < RUNS_MIN || halted < all)
            continue;
        struct trouble *t = trouble_new(l, RANK_HALTING);
        t->app = app;
        t->event = runs[i].event;
        t->last_us = runs[i].started_us;
        t->count = (int64_t)halted;
    }
    return rc;
}

static enum rc find_in_filters(struct look *l, const int64_t *apps, size_t count)
{
    struct api_ctx *c = l->c;
    struct webfilter_open *open = arena_array(c->arena, BREAKERS_MAX, sizeof(*open));
    size_t open_count =
        c->api->o.webfilter_engine == NULL
            ? 0
            : webfilter_open_breakers(c->api->o.webfilter_engine, open, BREAKERS_MAX);
    for (size_t i = 0; open_count > 0 && i < count; i++) {
        struct store_filter *filters = NULL;
        size_t filter_count = 0;
        enum rc rc = store_filter_all(c->tx, apps[i], c->arena, &filters, &filter_count);
        if (rc != RC_OK)
            return rc;
        add_breakers(l, filters, filter_count, open, open_count);
    }
    return RC_OK;
}

/* --- all of it ------------------------------------------------------------------------------------------- */

static int trouble_compare(const void *left, const void *right)
{
    const struct trouble *a = *(struct trouble *const *)left;
    const struct trouble *b = *(struct trouble *const *)right;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    bool is_newest_first = a->rank == RANK_DISABLED || a->rank == RANK_DISABLED_LONG;
    if (a->since_us != b->since_us)
        return (a->since_us < b->since_us) != is_newest_first ? -1 : 1;
    return (a->ep.num > b->ep.num) - (a->ep.num < b->ep.num);
}

/* In a snapshot that ends with it. */
static enum rc find_configured(struct look *l, const struct deliver_late *late, size_t late_count,
                               struct store_trouble_source **sources, size_t *source_count,
                               int64_t **apps, size_t *app_count)
{
    struct api_ctx *c = l->c;
    enum rc rc = store_read(c->api->o.store, &c->tx);
    if (rc == RC_OK)
        rc = find_ailing(l);
    for (size_t i = 0; rc == RC_OK && i < late_count; i++)
        rc = add_late(l, &late[i]);
    if (rc == RC_OK)
        rc = store_trouble_sources(c->tx, c->who->org, l->app, SOURCES_MAX, c->arena, sources,
                                   source_count);
    if (rc == RC_OK)
        rc = store_trouble_filter_apps(c->tx, c->who->org, l->app, FILTER_APPS_MAX, c->arena, apps,
                                       app_count);
    if (rc == RC_OK)
        rc = find_in_filters(l, *apps, *app_count);
    api_tx_end(c);
    l->is_complete = l->is_complete && *source_count < SOURCES_MAX && *app_count < FILTER_APPS_MAX;
    return rc;
}

static enum rc find_all(struct look *l)
{
    struct store_trouble_source *sources = NULL;
    size_t source_count = 0, app_count = 0, late_count = 0;
    int64_t *apps = NULL;
    struct deliver_late *late = ask_lanes(l, &late_count);
    enum rc rc = find_configured(l, late, late_count, &sources, &source_count, &apps, &app_count);
    if (rc == RC_OK)
        rc = add_refusing(l, sources, source_count);
    for (size_t i = 0; rc == RC_OK && i < app_count; i++) {
        if (is_time_over(l)) {
            l->is_complete = false;
            break;
        }
        rc = add_halting(l, apps[i]);
    }
    if (rc != RC_OK)
        return rc;
    qsort(l->items, l->count, sizeof(*l->items), trouble_compare);
    for (size_t i = 0; i < l->count; i++)
        l->counts[l->items[i]->rank]++;
    return RC_OK;
}

/* --- the answer -------------------------------------------------------------------------------------------- */

static void write_application(struct look *l, struct api_out *o, const struct trouble *t)
{
    struct api_ctx *c = l->c;
    struct store_application app = { 0 };
    struct store_source source = { 0 };
    bool has_source = store_source_by_app(c->tx, t->app, c->arena, &source) == RC_OK;
    bool has_app = !has_source && store_application_by_num(c->tx, t->app, c->arena, &app) == RC_OK;
    api_out_opt(o, "applicationId", has_app ? app.id : STR_NONE);
    api_out_opt(o, "applicationUid", has_app ? app.uid : STR_NONE);
    api_out_opt(o, "applicationName", has_app ? app.name : STR_NONE);
    api_out_opt(o, "sourceId", has_source ? source.id : STR_NONE);
    api_out_opt(o, "sourceName", has_source ? source.name : STR_NONE);
}

static void write_thing(struct api_out *o, const struct trouble *t)
{
    bool has_endpoint = t->ep.num != 0, has_filter = t->filter.num != 0;
    struct str url = has_endpoint ? t->ep.url : has_filter ? t->filter.url : STR_NONE;
    struct str text = has_endpoint ? t->ep.description
                      : has_filter ? t->filter.description
                                   : STR_NONE;
    api_out_opt(o, "endpointId", has_endpoint ? t->ep.id : STR_NONE);
    api_out_opt(o, "filterId", has_filter ? t->filter.id : STR_NONE);
    api_out_opt(o, "event", t->event.len > 0 ? t->event : STR_NONE);
    api_out_opt(o, "url", url);
    api_out_opt(o, "description", text);
    api_out_opt(o, "disabledReason", t->ep.disabled ? t->ep.disabled_reason : STR_NONE);
}

/* The endpoint's newest attempt; around its last failure, so that no long history is walked. */
static bool last_attempt(struct look *l, const struct trouble *t, struct store_attempt_row *out)
{
    const struct store_attempt_filter f = { .app = t->app,
                                            .endpoint = t->ep.num,
                                            .status = -1,
                                            .status_class = -1,
                                            .after_us = t->last_us > 0 ? t->last_us - HOUR_US : 0 };
    const struct store_page page = { .limit = 1, .descending = true };
    struct store_page_end end = { 0 };
    return t->ep.num != 0 && t->last_us != 0 && !is_time_over(l) &&
           store_attempt_list(l->c->api->o.store, &f, &page, l->c->arena, out, &end) == RC_OK &&
           end.count == 1;
}

static void write_said(struct look *l, struct api_out *o, const struct trouble *t)
{
    struct store_attempt_row row = { 0 };
    bool has = last_attempt(l, t, &row);
    struct str response = str_cut_utf8(row.response, RESPONSE_SHOWN);
    bool has_text = response.len > 0 && str_is_utf8(response);
    if (t->source.num != 0) {
        api_out_int(o, "responseStatusCode", t->refused.status);
        api_out_opt(o, "error", t->refused.reason);
        api_out_null(o, "response");
        api_out_id(o, "requestId", STR("req_"), &t->refused.last);
        api_out_null(o, "msgId");
        return;
    }
    if (has)
        api_out_int(o, "responseStatusCode", row.http_status);
    else
        api_out_null(o, "responseStatusCode");
    api_out_opt(o, "error",
                row.detail.len > 0  ? row.detail
                : row.error.len > 0 ? row.error
                                    : STR_NONE);
    api_out_opt(o, "response", has_text ? response : STR_NONE);
    api_out_null(o, "requestId");
    if (has)
        api_out_id(o, "msgId", STR("msg_"), &row.message);
    else
        api_out_null(o, "msgId");
}

static void write_waiting(struct look *l, struct api_out *o, const struct trouble *t)
{
    struct store *store = l->c->api->o.store;
    struct store_due *due = arena_array(l->c->arena, WAITING_MAX, sizeof(*due));
    size_t count = 0;
    bool is_known = t->ep.num != 0 && !is_time_over(l) &&
                    store_due_list(store, t->ep.num, 0, NULL, WAITING_MAX, due, &count) == RC_OK;
    int64_t oldest_us = t->oldest_us;
    for (size_t i = 0; is_known && i < count; i++) {
        int64_t at_us = store_shown_us(store, id_time_us(&due[i].message));
        oldest_us = oldest_us == 0 || at_us < oldest_us ? at_us : oldest_us;
    }
    if (is_known)
        api_out_int(o, "waitingCount", (int64_t)count);
    else
        api_out_null(o, "waitingCount");
    api_out_opt_date(o, "oldestWaitingAt", oldest_us);
}

static void write_trouble(struct look *l, struct api_out *o, const struct trouble *t)
{
    api_out_key(o, NULL);
    api_out_begin(o, '{');
    api_out_str(o, "kind", str_from(kinds[t->rank]));
    write_application(l, o, t);
    write_thing(o, t);
    api_out_opt_date(o, "since", t->since_us);
    api_out_opt_date(o, "lastAt", t->last_us);
    api_out_opt_date(o, "until", t->until_us);
    api_out_opt_int(o, "count", t->count);
    write_said(l, o, t);
    write_waiting(l, o, t);
    api_out_end(o, '}');
}

static void write_counts(struct api_out *o, const struct look *l)
{
    api_out_key(o, "counts");
    api_out_begin(o, '{');
    for (size_t i = 0; i < RANK_DISABLED_LONG; i++)
        api_out_int(o, kinds[i],
                    l->counts[i] + (i == RANK_DISABLED ? l->counts[RANK_DISABLED_LONG] : 0));
    api_out_end(o, '}');
}

static void trouble_answer(struct look *l, size_t limit)
{
    struct api_ctx *c = l->c;
    struct api_out o;
    size_t shown = 0;
    l->until_us = clock_mono_us(c->api->o.clock) + LOOK_US;
    if (!api_tx_read(c))
        return;
    api_list_open(c, &o);
    for (size_t i = 0; i < l->count && shown < limit; i++)
        if (l->kind.len == 0 || str_eq(l->kind, str_from(kinds[l->items[i]->rank]))) {
            write_trouble(l, &o, l->items[i]);
            shown++;
        }
    api_out_end(&o, ']');
    write_counts(&o, l);
    api_out_bool(&o, "complete", l->is_complete);
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

/* --- the question ------------------------------------------------------------------------------------------ */

static bool read_kind(struct api_ctx *c, struct str *kind)
{
    if (!http_query(c->req, "kind", 0, kind) || kind->len == 0)
        return true;
    for (size_t i = 0; i < RANKS; i++)
        if (str_eq(*kind, str_from(kinds[i])))
            return true;
    http_invalid(c->req, "query.kind", "value_error",
                 "Expected a kind of trouble, for example endpoint_failing.");
    return false;
}

static bool read_app(struct api_ctx *c, int64_t *app)
{
    struct store_application found;
    struct str name = STR_NONE;
    *app = c->who->app;
    if (!http_query(c->req, "app_id", 0, &name) || name.len == 0)
        return true;
    if (!api_tx_read(c))
        return false;
    enum rc rc = store_application_find(c->tx, c->who->org, name, c->arena, &found);
    api_tx_end(c);
    if (rc == RC_OK && *app != 0 && *app != found.num)
        rc = RC_NOT_FOUND;
    *app = found.num;
    return api_ok(c, rc);
}

static void free_map(void *map)
{
    map64_free(map);
}

static void show_trouble(struct api_ctx *c)
{
    struct look *l = ARENA_NEW(c->arena, struct look);
    int64_t limit = 0;
    *l = (struct look){ .c = c, .is_complete = true };
    if (!api_query_int(c, "limit", 1, API_LIMIT_MAX, API_LIMIT_DEFAULT, &limit) ||
        !read_kind(c, &l->kind) || !read_app(c, &l->app))
        return;
    l->items = arena_array(c->arena, ITEMS_MAX, sizeof(*l->items));
    l->by_endpoint = map64_new();
    arena_defer(c->arena, free_map, l->by_endpoint);
    l->until_us = clock_mono_us(c->api->o.clock) + LOOK_US;
    if (api_ok(c, find_all(l)))
        trouble_answer(l, (size_t)limit);
}

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, "/api/v1/trouble", API_ANY | API_CAN(ACCESS_MAY_VIEW), "v1.trouble.get",
                "What is wrong now, worst first"),
      .run = show_trouble, .out = &api_schema_TroubleListOut, .status = 200,
      .query = "limit kind app_id" },
};
API_ROUTES(trouble, routes);
