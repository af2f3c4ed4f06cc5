/* SPDX-License-Identifier: Apache-2.0
 *
 * Reference pages. Options and API write their own; metrics and log events are lists, so they are
 * written here straight from their tables.
 */
#include "server/reference.h"

#include "server/ops_priv.h"
#include "server/system_priv.h"

static const char NOTE[] =
    "<!-- Written by `make docs` from the program's tables; edit those. -->\n";

enum rc server_reference_options(struct buf *out)
{
    conf_reference(out);
    return RC_OK;
}

struct metric_row {
    const char *kind, *name, *labels, *help;
};

static const struct metric_row metric_rows[] = {
#define METRIC_COUNTER(id, name, labels, help) { "counter", name, labels, help },
#define METRIC_GAUGE(id, name, labels, help) { "gauge", name, labels, help },
#define METRIC_MOMENT(id, name, labels, help) { "gauge", name, labels, help },
#define METRIC_HISTOGRAM(id, name, labels, help) { "histogram", name, labels, help },
#include "tables/metrics.def"
#undef METRIC_COUNTER
#undef METRIC_GAUGE
#undef METRIC_MOMENT
#undef METRIC_HISTOGRAM
};

enum rc server_reference_metrics(struct buf *out)
{
    enum rc rc = buf_addf(out,
                          "%s# Metrics\n\n`GET /metrics` returns these in Prometheus's text "
                          "format. Histograms are in seconds.\n\n"
                          "| metric | labels | type | meaning |\n|---|---|---|---|\n",
                          NOTE);

    for (size_t i = 0; rc == RC_OK && i < COUNT_OF(metric_rows); i++) {
        const struct metric_row *m = &metric_rows[i];
        const char *tick = m->labels[0] == '\0' ? "" : "`";
        rc = buf_addf(out, "| `%s` | %s%s%s | %s | %s |\n", m->name, tick, m->labels, tick, m->kind,
                      m->help);
    }
    return rc;
}

struct event_row {
    const char *level, *name, *help;
};

static const struct event_row event_rows[] = {
#define LOG_EVENT(id, level, name, doc) { #level, name, doc },
#include "tables/events.def"
#undef LOG_EVENT
};

enum rc server_reference_log_events(struct buf *out)
{
    enum rc rc =
        buf_addf(out,
                 "%s# Log events\n\nEach event is one line, in logfmt or JSON (`log.format`). "
                 "These fields link related lines: `req`, `msg`, `attempt`, `app`, "
                 "`endpoint`.\n\n| event | level | meaning |\n|---|---|---|\n",
                 NOTE);

    for (size_t i = 0; rc == RC_OK && i < COUNT_OF(event_rows); i++) {
        const struct event_row *e = &event_rows[i];
        rc = buf_addf(out, "| `%s` | %s | %s |\n", e->name, e->level, e->help);
    }
    return rc;
}

/* An API that is only described: nothing behind it is started or asked. */
static enum rc reference_describe(enum rc (*write)(const struct api *api, struct buf *out),
                                  struct buf *out)
{
    struct api *api = api_new(&(struct api_options){
        .clock = clock_system(), .rng = rng_system(), .public_url = "http://127.0.0.1:8071" });
    struct http_router *router = http_router_new(&(struct http_router_options){ .ctx = api });

    api_add_routes(api, router);
    dialect_add_routes(api, router);
    server_ops_routes(router);
    api_add_table(api, router, &server_system_rows);
    face_add_operations(api, router);
    enum rc rc = write(api, out);
    http_router_free(router);
    api_free(api);
    return rc;
}

enum rc server_reference_api(struct buf *out)
{
    return reference_describe(api_reference, out);
}

enum rc server_reference_openapi(struct buf *out)
{
    return reference_describe(api_openapi, out);
}
