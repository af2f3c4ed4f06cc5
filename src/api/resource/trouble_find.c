/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding what is wrong now. Everything is read from what is kept by endpoint, source and filter: health rows, the lanes in
 * memory, refused requests (which are bounded for each source), breakers. No message is looked at, so the cost does not grow
 * with traffic.
 */
#include "api/resource/trouble_priv.h"

#include "store/filter_run.h"
#include "webfilter/chain.h"
#include "work/wait.h"

#include <stdlib.h>

enum {
    ENDPOINTS_MAX = 10000, /* failing, and as many disabled */
    SOURCES_MAX = 500,
    FILTER_APPS_MAX = 200,
    BREAKERS_MAX = 1000,
    ITEMS_MAX = 2 * ENDPOINTS_MAX + SOURCES_MAX + FILTER_APPS_MAX + BREAKERS_MAX + 5000,
    RUNS_JUDGED = 20,
    RUNS_MIN = 5
};
#define LATE_US INT64_C(300000000) /* what waits longer is an ageing backlog */

static const char *const kinds[API_TROUBLE_RANKS] = {
    [API_TROUBLE_DISABLED] = "endpoint_disabled", [API_TROUBLE_BREAKER] = "filter_breaker",
    [API_TROUBLE_PARKED] = "endpoint_parked",     [API_TROUBLE_FAILING] = "endpoint_failing",
    [API_TROUBLE_HALTING] = "filter_halting",     [API_TROUBLE_REFUSING] = "source_refusing",
    [API_TROUBLE_AGEING] = "endpoint_ageing",     [API_TROUBLE_DISABLED_LONG] = "endpoint_disabled",
};

const char *api_trouble_kind(enum api_trouble_rank rank)
{
    return kinds[rank];
}

static struct api_trouble *trouble_new(struct api_trouble_look *l, enum api_trouble_rank rank)
{
    struct api_trouble *t = ARENA_NEW(l->arena, struct api_trouble);
    if (l->count < ITEMS_MAX)
        l->items[l->count++] = t;
    else
        l->is_complete = false;
    t->rank = rank;
    return t;
}

/* The first few are looked at in any case: on a machine that is busy with something else, a source that refuses would
 * otherwise seem to have stopped. */
static bool is_time_over(struct api_trouble_look *l, size_t looked_at)
{
    if (looked_at < API_TROUBLE_LOOKED_AT_MIN || clock_mono_us(l->api->o.clock) <= l->until_us)
        return false;
    l->is_complete = false;
    return true;
}

/* --- endpoints ---------------------------------------------------------------------------------------- */

static void add_ailing(struct api_trouble_look *l, const struct store_ailing *row)
{
    struct store *store = l->api->o.store;
    const struct store_endpoint *ep = &row->ep;
    bool is_fresh = ep->disabled && ep->updated_us > l->now_us - API_TROUBLE_DAY_US;
    struct api_trouble *t = trouble_new(l, !ep->disabled ? API_TROUBLE_FAILING
                                           : is_fresh    ? API_TROUBLE_DISABLED
                                                         : API_TROUBLE_DISABLED_LONG);
    t->app = ep->app;
    t->ep = *ep;
    t->since_us = ep->disabled ? ep->updated_us : store_shown_us(store, ep->failing_since_us);
    t->last_us = store_shown_us(store, ep->last_failure_us);
    (void)map64_set(l->by_endpoint, (uint64_t)ep->num, t);
}

static enum rc find_ailing(struct api_trouble_look *l)
{
    struct store_ailing *rows = NULL;
    size_t count = 0;
    enum rc rc =
        store_trouble_endpoints(l->tx, l->org, l->app, ENDPOINTS_MAX, l->arena, &rows, &count);
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
static struct deliver_late *ask_lanes(struct api_trouble_look *l, size_t *count)
{
    struct api *api = l->api;
    struct work_wait wait;
    *count = 0;
    if (api->o.deliver == NULL)
        return NULL;
    struct deliver_late *late =
        arena_array(l->arena, api->o.loop_count * DELIVER_LATE_MAX, sizeof(*late));
    work_wait_init(&wait);
    deliver_late_ask(api->o.deliver, l->org, LATE_US, late, count, on_late, &wait);
    work_wait(&wait);
    l->is_complete = l->is_complete && *count < DELIVER_LATE_MAX;
    return late;
}

static enum rc add_late(struct api_trouble_look *l, const struct deliver_late *late)
{
    struct api_trouble *t = map64_get(l->by_endpoint, (uint64_t)late->endpoint);
    struct store_endpoint ep;
    if (l->app != 0 && l->app != late->app)
        return RC_OK;
    if (t == NULL) {
        enum rc rc = store_endpoint_by_num(l->tx, late->endpoint, l->arena, &ep);
        if (rc != RC_OK || ep.deleted || ep.disabled)
            return rc == RC_NOT_FOUND ? RC_OK : rc;
        t = trouble_new(l, API_TROUBLE_AGEING);
        t->ep = ep;
        t->app = late->app;
        t->since_us = late->oldest_us;
    }
    if (late->parked && !t->ep.disabled)
        t->rank = API_TROUBLE_PARKED;
    t->until_us = late->parked_until_us;
    t->oldest_us = late->oldest_us;
    return RC_OK;
}

/* --- sources and filters --------------------------------------------------------------------------------- */

static enum rc add_refusing(struct api_trouble_look *l, const struct store_trouble_source *sources,
                            size_t count)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        struct store_refused refused;
        if (is_time_over(l, i))
            break;
        rc = store_request_refused(l->api->o.store, sources[i].num, l->now_us - API_TROUBLE_DAY_US,
                                   l->arena, &refused);
        if (rc != RC_OK || refused.count == 0)
            continue;
        struct api_trouble *t = trouble_new(l, API_TROUBLE_REFUSING);
        t->app = sources[i].app;
        t->source = sources[i];
        t->refused = refused;
        t->since_us = refused.first_us;
        t->last_us = refused.last_us;
        t->count = (int64_t)refused.count;
    }
    return rc;
}

static void add_breakers(struct api_trouble_look *l, const struct store_filter *filters,
                         size_t count, const struct webfilter_open *open, size_t open_count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < open_count; k++) {
            if (open[k].filter != filters[i].num || open[k].updated_us != filters[i].updated_us ||
                !filters[i].enabled)
                continue;
            struct api_trouble *t = trouble_new(l, API_TROUBLE_BREAKER);
            t->app = filters[i].app;
            t->filter = filters[i];
            t->event = filters[i].event;
            t->until_us = open[k].left_us > 0 ? l->now_us + open[k].left_us : 0;
            t->count = open[k].failures;
        }
}

/* Every one of an event's last runs stopped the process: that is no judgement any more. */
static enum rc add_halting(struct api_trouble_look *l, int64_t app)
{
    const struct store_filter_run_filter f = { .app = app,
                                               .halted = -1,
                                               .after_us = l->now_us - API_TROUBLE_HOUR_US };
    const struct store_page page = { .limit = RUNS_JUDGED, .descending = true };
    struct store_filter_run *runs = arena_array(l->arena, RUNS_JUDGED, sizeof(*runs));
    struct store_page_end end = { 0 };
    enum rc rc = store_filter_run_list(l->api->o.store, &f, &page, l->arena, runs, &end);
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
        struct api_trouble *t = trouble_new(l, API_TROUBLE_HALTING);
        t->app = app;
        t->event = runs[i].event;
        t->last_us = runs[i].started_us;
        t->count = (int64_t)halted;
    }
    return rc;
}

static enum rc find_in_filters(struct api_trouble_look *l, const int64_t *apps, size_t count)
{
    struct webfilter_open *open = arena_array(l->arena, BREAKERS_MAX, sizeof(*open));
    size_t open_count =
        l->api->o.webfilter_engine == NULL
            ? 0
            : webfilter_open_breakers(l->api->o.webfilter_engine, open, BREAKERS_MAX);
    for (size_t i = 0; open_count > 0 && i < count; i++) {
        struct store_filter *filters = NULL;
        size_t filter_count = 0;
        enum rc rc = store_filter_all(l->tx, apps[i], l->arena, &filters, &filter_count);
        if (rc != RC_OK)
            return rc;
        add_breakers(l, filters, filter_count, open, open_count);
    }
    return RC_OK;
}

/* --- all of it ------------------------------------------------------------------------------------------- */

static int trouble_compare(const void *left, const void *right)
{
    const struct api_trouble *a = *(struct api_trouble *const *)left;
    const struct api_trouble *b = *(struct api_trouble *const *)right;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    bool is_newest_first = a->rank == API_TROUBLE_DISABLED || a->rank == API_TROUBLE_DISABLED_LONG;
    if (a->since_us != b->since_us)
        return (a->since_us < b->since_us) != is_newest_first ? -1 : 1;
    return (a->ep.num > b->ep.num) - (a->ep.num < b->ep.num);
}

/* In a snapshot that ends with it. */
static enum rc find_configured(struct api_trouble_look *l, const struct deliver_late *late,
                               size_t late_count, struct store_trouble_source **sources,
                               size_t *source_count, int64_t **apps, size_t *app_count)
{
    enum rc rc = store_read(l->api->o.store, &l->tx);
    if (rc != RC_OK)
        return rc;
    rc = find_ailing(l);
    for (size_t i = 0; rc == RC_OK && i < late_count; i++)
        rc = add_late(l, &late[i]);
    if (rc == RC_OK)
        rc = store_trouble_sources(l->tx, l->org, l->app, SOURCES_MAX, l->arena, sources,
                                   source_count);
    if (rc == RC_OK)
        rc = store_trouble_filter_apps(l->tx, l->org, l->app, FILTER_APPS_MAX, l->arena, apps,
                                       app_count);
    if (rc == RC_OK)
        rc = find_in_filters(l, *apps, *app_count);
    store_end(l->tx);
    l->tx = NULL;
    l->is_complete = l->is_complete && *source_count < SOURCES_MAX && *app_count < FILTER_APPS_MAX;
    return rc;
}

static void free_map(void *map)
{
    map64_free(map);
}

enum rc api_trouble_find(struct api_trouble_look *l)
{
    struct store_trouble_source *sources = NULL;
    size_t source_count = 0, app_count = 0, late_count = 0;
    int64_t *apps = NULL;
    l->items = arena_array(l->arena, ITEMS_MAX, sizeof(*l->items));
    l->by_endpoint = map64_new();
    arena_defer(l->arena, free_map, l->by_endpoint);
    l->is_complete = true;
    struct deliver_late *late = ask_lanes(l, &late_count);
    enum rc rc = find_configured(l, late, late_count, &sources, &source_count, &apps, &app_count);
    l->until_us = clock_mono_us(l->api->o.clock) + API_TROUBLE_LOOK_US;
    if (rc == RC_OK)
        rc = add_refusing(l, sources, source_count);
    for (size_t i = 0; rc == RC_OK && i < app_count; i++) {
        if (is_time_over(l, i))
            break;
        rc = add_halting(l, apps[i]);
    }
    if (rc != RC_OK)
        return rc;
    qsort(l->items, l->count, sizeof(*l->items), trouble_compare);
    for (size_t i = 0; i < l->count; i++)
        l->counts[l->items[i]->rank]++;
    return RC_OK;
}
