/* SPDX-License-Identifier: Apache-2.0
 *
 * Charts: statistics of one object, or of the objects in a table, over time. They are read from roll-ups (stats/stats.h),
 * so they cost the same whatever the traffic was.
 */
#include "api/resource/series_priv.h"
#include "api/schemas/schemas.h"

/* --- numbers ------------------------------------------------------------------------------------------ */

static void write_ms(struct api_ctx *c, struct api_out *o, const char *name, int64_t us)
{
    if (us < 0)
        api_out_null(o, name);
    else
        api_out_raw(o, name, arena_fmt(c->arena, "%.1f", (double)us / 1000));
}

static void write_value(struct api_ctx *c, struct api_out *o, const char *name,
                        const struct api_measure *m, const struct stats_cell *cell)
{
    uint64_t sum = 0;
    if (m->count == 0) {
        write_ms(c, o, name, stats_cell_quantile_us(cell, m->field, m->unit_us, m->q));
        return;
    }
    for (int i = 0; i < m->count; i++)
        sum += cell->n[(int)m->field + i];
    api_out_int(o, name, (int64_t)sum);
}

static void write_series(struct api_ctx *c, struct api_out *o, const struct api_measure *m,
                         const struct stats_point *points, size_t count)
{
    struct stats_cell total = { .n = { 0 } };
    bool is_known = false;
    api_out_key(o, NULL);
    api_out_begin(o, '{');
    api_out_str(o, "measure", str_from(m->name));
    api_out_str(o, "unit", str_from(m->unit));
    api_out_key(o, "values");
    api_out_begin(o, '[');
    for (size_t i = 0; i < count; i++) {
        if (!points[i].is_known) {
            api_out_null(o, NULL);
            continue;
        }
        is_known = true;
        stats_cell_add(&total, &points[i].cell);
        write_value(c, o, NULL, m, &points[i].cell);
    }
    api_out_end(o, ']');
    if (is_known)
        write_value(c, o, "total", m, &total);
    else
        api_out_null(o, "total");
    api_out_end(o, '}');
}

static void write_all(struct api_ctx *c, struct api_out *o, const struct api_series_ask *ask,
                      const struct stats_point *points)
{
    api_out_key(o, "series");
    api_out_begin(o, '[');
    for (size_t i = 0; i < ask->measure_count; i++)
        write_series(c, o, ask->measures[i], points, ask->period.count);
    api_out_end(o, ']');
}

static void write_period(struct api_out *o, const struct api_series_period *p)
{
    api_out_date(o, "from", p->from_us);
    api_out_date(o, "to", p->from_us + p->step_us * (int64_t)p->count);
    api_out_int(o, "stepSeconds", p->step_us / 1000000);
    api_out_int(o, "count", (int64_t)p->count);
}

/* --- reading -------------------------------------------------------------------------------------------- */

/* False: answered. */
static bool read_points(struct api_ctx *c, const struct api_series_ask *ask,
                        const struct stats_subject *subjects, size_t count,
                        struct stats_point **points)
{
    struct stats_query q = { .subjects = subjects,
                             .subject_count = count,
                             .from_us = ask->period.from_us,
                             .step_us = ask->period.step_us,
                             .count = ask->period.count };
    api_tx_end(c);
    *points = arena_array(c->arena, (count + 1) * q.count, sizeof(**points));
    enum rc rc = stats_read(c->api->o.stats, &q, *points);
    if (rc == RC_NOT_FOUND)
        http_error(
            c->req, 404, "not_found",
            "This server keeps no statistics. Set stats.size_max above 0 to switch them on.");
    else if (rc != RC_OK)
        http_error(c->req, 503, "unavailable",
                   "The statistics cannot be read now. Try again in a minute.");
    return rc == RC_OK;
}

static void get_series(struct api_ctx *c)
{
    struct str of = c->who->app == 0
                        ? STR("organisation")
                        : arena_fmt(c->arena, "application:%.*s", STR_ARGS(c->who->app_id));
    struct api_series_ask ask;
    struct stats_subject subject;
    struct stats_point *points;
    (void)http_query(c->req, "of", 0, &of);
    if (!api_series_subject(c, of, &subject) || !api_series_ask(c, STATS_POINTS_MAX, &ask) ||
        !read_points(c, &ask, &subject, 1, &points))
        return;
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_str(&o, "of", of);
    write_period(&o, &ask.period);
    write_all(c, &o, &ask, points);
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

/* --- several ---------------------------------------------------------------------------------------------- */

struct named {
    struct str ids[API_SERIES_IDS_MAX]; /* those that were found, in order */
    struct stats_subject subjects[API_SERIES_IDS_MAX];
    size_t count;
    struct str unknown[API_SERIES_IDS_MAX];
    size_t unknown_count;
};

/* False: answered. */
static bool find_named(struct api_ctx *c, enum stats_kind kind, struct named *out)
{
    struct str list = kind == STATS_APP ? c->who->app_id : STR_NONE, id;
    (void)http_query(c->req, "ids", 0, &list);
    while (str_split(&list, ',', &id)) {
        if (out->count + out->unknown_count == API_SERIES_IDS_MAX) {
            http_invalid(c->req, "query.ids", "value_error", "At most %d ids at once.",
                         API_SERIES_IDS_MAX);
            return false;
        }
        enum rc rc = api_series_find(c, kind, id, &out->subjects[out->count]);
        if (rc == RC_OK)
            out->ids[out->count++] = id;
        else if (rc == RC_NOT_FOUND)
            out->unknown[out->unknown_count++] = id;
        else
            return api_ok(c, rc);
    }
    if (out->count + out->unknown_count > 0)
        return true;
    http_invalid(c->req, "query.ids", "value_error.missing",
                 "Name up to %d ids, separated by commas.", API_SERIES_IDS_MAX);
    return false;
}

static void write_named(struct api_ctx *c, struct api_out *o, const struct api_series_ask *ask,
                        const struct named *named, const struct stats_point *points)
{
    api_out_key(o, "data");
    api_out_begin(o, '[');
    for (size_t i = 0; i < named->count; i++) {
        api_out_key(o, NULL);
        api_out_begin(o, '{');
        api_out_str(o, "id", named->ids[i]);
        write_all(c, o, ask, points + i * ask->period.count);
        api_out_end(o, '}');
    }
    api_out_end(o, ']');
    api_out_key(o, "unknown");
    api_out_begin(o, '[');
    for (size_t i = 0; i < named->unknown_count; i++)
        api_out_str(o, NULL, named->unknown[i]);
    api_out_end(o, ']');
}

static void get_rows(struct api_ctx *c)
{
    struct str of = STR("application");
    struct api_series_ask ask;
    enum stats_kind kind;
    struct stats_point *points;
    struct named *named = ARENA_NEW(c->arena, struct named);
    (void)http_query(c->req, "of", 0, &of);
    if (!api_series_kind(c, of, &kind) || !find_named(c, kind, named) ||
        !api_series_ask(c, API_SERIES_ROW_POINTS_MAX, &ask) ||
        !read_points(c, &ask, named->subjects, named->count, &points))
        return;
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_str(&o, "of", of);
    write_period(&o, &ask.period);
    write_named(c, &o, &ask, named, points);
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

#define SEE (API_ANY | API_CAN(ACCESS_MAY_VIEW))
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, "/api/v1/series", SEE, "v1.series.get",
                "Statistics of one object over time"),
      .run = get_series, .steps = API_READS, .out = &api_schema_SeriesOut, .status = 200,
      .query = "of measure from to step" },
    { API_ROUTE(HTTP_GET, "/api/v1/series/rows", SEE, "v1.series.rows",
                "Statistics of several objects of a kind over time, for tables"),
      .run = get_rows, .steps = API_READS, .out = &api_schema_SeriesRowsOut, .status = 200,
      .query = "of ids measure from to step" },
};
API_ROUTES(series, routes);
