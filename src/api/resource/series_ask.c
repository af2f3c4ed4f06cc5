/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading what a chart is asked for: of what, what, from when to when and how finely.
 */
#include "api/resource/series_priv.h"
#include "store/owner.h"

enum { CHART_POINTS = 300 /* about so many when no step is given */ };

/* --- measures --------------------------------------------------------------------------------------- */

#define SUM(name, unit, first, count) \
    { \
        name, unit, STATS_##first, count, 0, 0 \
    }
#define QUANTILE(name, first, unit_us, q) \
    { \
        name, "ms", STATS_##first, 0, unit_us, q \
    }
static const struct api_measure measures[] = {
    SUM("accepted", "count", ACCEPTED, 1),
    SUM("delivered", "count", DELIVERED, 1),
    SUM("failed", "count", FAILED, 1),
    SUM("canceled", "count", CANCELED, 1),
    SUM("attempts", "count", ATTEMPTS_NONE, 6),
    SUM("attemptsNone", "count", ATTEMPTS_NONE, 1),
    SUM("attempts1xx", "count", ATTEMPTS_1XX, 1),
    SUM("attempts2xx", "count", ATTEMPTS_2XX, 1),
    SUM("attempts3xx", "count", ATTEMPTS_3XX, 1),
    SUM("attempts4xx", "count", ATTEMPTS_4XX, 1),
    SUM("attempts5xx", "count", ATTEMPTS_5XX, 1),
    SUM("retries", "count", RETRIES, 1),
    SUM("bytesIn", "bytes", BYTES_IN, 1),
    SUM("bytesOut", "bytes", BYTES_OUT, 1),
    QUANTILE("attemptP50", TOOK_FIRST, STATS_TOOK_UNIT_US, 0.5),
    QUANTILE("attemptP95", TOOK_FIRST, STATS_TOOK_UNIT_US, 0.95),
    QUANTILE("deliveryP50", DELIVERY_FIRST, STATS_DELIVERY_UNIT_US, 0.5),
    QUANTILE("deliveryP95", DELIVERY_FIRST, STATS_DELIVERY_UNIT_US, 0.95),
    SUM("requestsAccepted", "count", REQUESTS_ACCEPTED, 1),
    SUM("requestsRejected", "count", REQUESTS_REJECTED, 1),
    SUM("requestsDuplicate", "count", REQUESTS_DUPLICATE, 1),
    SUM("requestsIgnored", "count", REQUESTS_IGNORED, 1),
    SUM("runs", "count", RUNS, 1),
    SUM("halts", "count", HALTS, 1),
    SUM("noAnswer", "count", NO_ANSWER, 1),
};

static const struct api_measure *find_measure(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(measures); i++)
        if (str_eq(name, str_from(measures[i].name)))
            return &measures[i];
    return NULL;
}

static bool ask_measures(struct api_ctx *c, struct api_series_ask *out)
{
    struct str list = STR("accepted"), name;
    (void)http_query(c->req, "measure", 0, &list);
    while (str_split(&list, ',', &name)) {
        const struct api_measure *m = find_measure(str_trim(name));
        if (m == NULL) {
            http_invalid(
                c->req, "query.measure", "value_error",
                "There is no measure \"%.*s\". Take accepted, delivered, failed, canceled, attempts, attemptsNone,"
                " attempts1xx to attempts5xx, retries, bytesIn, bytesOut, attemptP50, attemptP95, deliveryP50,"
                " deliveryP95, requestsAccepted, requestsRejected, requestsDuplicate, requestsIgnored, runs, halts"
                " or noAnswer; several separated by commas.",
                STR_ARGS(str_cut_utf8(name, 64)));
            return false;
        }
        if (out->measure_count == API_SERIES_MEASURES_MAX) {
            http_invalid(c->req, "query.measure", "value_error", "At most %d measures at once.",
                         API_SERIES_MEASURES_MAX);
            return false;
        }
        out->measures[out->measure_count++] = m;
    }
    if (out->measure_count > 0)
        return true;
    http_invalid(c->req, "query.measure", "value_error", "Name at least one measure.");
    return false;
}

/* --- times --------------------------------------------------------------------------------------------- */

/* "90s", "5m", "24h", "7d", "2w" */
static bool read_span(struct str text, int64_t *us)
{
    static const struct {
        char unit;
        int64_t us;
    } units[] = { { 's', 1000000 },
                  { 'm', STATS_MINUTE_US },
                  { 'h', STATS_HOUR_US },
                  { 'd', STATS_DAY_US },
                  { 'w', 7 * STATS_DAY_US } };
    uint64_t number = 0;
    if (text.len < 2 || str_to_u64(str_sub(text, 0, text.len - 1), &number) != RC_OK ||
        number == 0 || number > 1000000)
        return false;
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (units[i].unit != text.ptr[text.len - 1])
            continue;
        *us = (int64_t)number * units[i].us;
        return true;
    }
    return false;
}

/* RFC 3339, "now", or "now-24h". */
static bool ask_time(struct api_ctx *c, const char *name, const char *absent, int64_t *us)
{
    struct str text = str_from(absent);
    int64_t back_us = 0;
    (void)http_query(c->req, name, 0, &text);
    struct str rest = text;
    if (str_skip_prefix(&rest, STR("now"))) {
        bool ok = rest.len == 0 ||
                  (rest.ptr[0] == '-' && read_span(str_sub(rest, 1, rest.len), &back_us));
        if (ok) {
            *us = c->now_us - back_us;
            return true;
        }
    } else if (time_parse_relaxed(text, us) == RC_OK && *us >= 0) {
        return true;
    }
    http_invalid(
        c->req, arena_fmt(c->arena, "query.%s", name).ptr, "value_error",
        "\"%.*s\" is no time. Give RFC 3339, now, or a time before now as in now-24h (s, m, h, d, w).",
        STR_ARGS(str_cut_utf8(text, 64)));
    return false;
}

/* The finest that gives a chart's worth of points and that is still kept at `from`. */
static int64_t choose_step(struct api_ctx *c, int64_t from_us, int64_t to_us, size_t points_max)
{
    int64_t most = points_max > CHART_POINTS ? CHART_POINTS : (int64_t)points_max - 1;
    static const int64_t minutes[] = { 1, 5, 15, 60, 6 * 60, 24 * 60, 7 * 24 * 60 };
    int64_t age_us = c->now_us - from_us;
    int64_t least_us = age_us > STATS_HOURS_KEPT_US     ? STATS_DAY_US
                       : age_us > STATS_MINUTES_KEPT_US ? STATS_HOUR_US
                                                        : STATS_MINUTE_US;
    for (size_t i = 0; i < COUNT_OF(minutes); i++) {
        int64_t step_us = minutes[i] * STATS_MINUTE_US;
        if (step_us >= least_us && (to_us - from_us) / step_us <= most)
            return step_us;
    }
    return 7 * STATS_DAY_US;
}

static bool ask_step(struct api_ctx *c, int64_t from_us, int64_t to_us, size_t points_max,
                     int64_t *step_us)
{
    struct str text;
    if (!http_query(c->req, "step", 0, &text)) {
        *step_us = choose_step(c, from_us, to_us, points_max);
        return true;
    }
    bool ok = read_span(text, step_us) && *step_us % STATS_MINUTE_US == 0;
    ok = ok && (*step_us <= STATS_HOUR_US || *step_us % STATS_HOUR_US == 0) &&
         (*step_us <= STATS_DAY_US || *step_us % STATS_DAY_US == 0) &&
         *step_us <= 366 * STATS_DAY_US;
    if (!ok)
        http_invalid(
            c->req, "query.step", "value_error",
            "\"%.*s\" is no step. Give minutes up to an hour, whole hours up to a day, or whole days: 1m, 5m, 1h, 6h, 1d, 1w.",
            STR_ARGS(str_cut_utf8(text, 64)));
    return ok;
}

static bool ask_period(struct api_ctx *c, size_t points_max, struct api_series_period *out)
{
    int64_t from_us = 0, to_us = 0;
    if (!ask_time(c, "from", "now-24h", &from_us) || !ask_time(c, "to", "now", &to_us))
        return false;
    if (from_us >= to_us) {
        http_invalid(c->req, "query.from", "value_error", "`from` must be before `to`.");
        return false;
    }
    if (!ask_step(c, from_us, to_us, points_max, &out->step_us))
        return false;
    out->from_us = from_us - from_us % out->step_us;
    uint64_t count = (uint64_t)((to_us - out->from_us + out->step_us - 1) / out->step_us);
    if (count > points_max) {
        http_invalid(
            c->req, "query.step", "value_error",
            "This would be %llu points; at most %zu are answered. Take a longer step or a shorter period.",
            (unsigned long long)count, points_max);
        return false;
    }
    out->count = (size_t)count;
    return true;
}

bool api_series_ask(struct api_ctx *c, size_t points_max, struct api_series_ask *out)
{
    *out = (struct api_series_ask){ .measure_count = 0 };
    return ask_measures(c, out) && ask_period(c, points_max, &out->period);
}

/* --- of what ---------------------------------------------------------------------------------------------- */

static const struct {
    const char *word;
    enum stats_kind kind;
} kinds[] = { { "application", STATS_APP },
              { "endpoint", STATS_ENDPOINT },
              { "source", STATS_SOURCE },
              { "filter", STATS_FILTER },
              { "type", STATS_TYPE } };

static bool find_kind(struct str word, enum stats_kind *out)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (!str_eq(word, str_from(kinds[i].word)))
            continue;
        *out = kinds[i].kind;
        return true;
    }
    return false;
}

bool api_series_kind(struct api_ctx *c, struct str word, enum stats_kind *out)
{
    if (find_kind(word, out))
        return true;
    http_invalid(c->req, "query.of", "value_error",
                 "\"%.*s\" is no kind. Take application, endpoint, source, filter or type.",
                 STR_ARGS(str_cut_utf8(word, 64)));
    return false;
}

static enum rc find_application(struct api_ctx *c, struct str id, struct store_owner *out)
{
    struct store_application app;
    enum rc rc = store_application_find(c->tx, c->who->org, id, c->arena, &app);
    if (rc == RC_OK)
        *out = (struct store_owner){ .num = app.num, .app = app.num, .org = app.org };
    return rc;
}

enum rc api_series_find(struct api_ctx *c, enum stats_kind kind, struct str id,
                        struct stats_subject *out)
{
    struct store_owner owner = { .num = 0 };
    enum rc rc = RC_NOT_FOUND;
    if (kind == STATS_APP)
        rc = find_application(c, id, &owner);
    else if (kind == STATS_ENDPOINT)
        rc = store_owner_find(c->tx, STORE_OWNED_ENDPOINT, id, &owner);
    else if (kind == STATS_SOURCE)
        rc = store_owner_find(c->tx, STORE_OWNED_SOURCE, id, &owner);
    else if (kind == STATS_FILTER)
        rc = store_owner_find(c->tx, STORE_OWNED_FILTER, id, &owner);
    if (kind == STATS_TYPE) { /* of all applications: nothing for one of them */
        if (c->who->app != 0 || id.len == 0 || !api_chars_ok(id, API_CHARS_NAME))
            return RC_NOT_FOUND;
        *out = (struct stats_subject){ kind, stats_type_id(c->api->o.stats, c->who->org, id) };
        return RC_OK;
    }
    if (rc == RC_OK && (owner.org != c->who->org || (c->who->app != 0 && owner.app != c->who->app)))
        rc = RC_NOT_FOUND; /* and not, whether there is one */
    *out = (struct stats_subject){ kind, owner.num };
    return rc;
}

/* What all applications together do is nothing for one of them, and what all organisations do is the operator's. */
static bool may_see_all(struct api_ctx *c, bool is_server)
{
    if (c->who->app == 0 && (!is_server || c->who->org == c->api->o.operator_org))
        return true;
    http_error(c->req, 403, API_INSUFFICIENT,
               c->who->app != 0
                   ? "This token is bound to one application. Ask of=application:<its id>."
                   : "This token is of one of several organisations. Ask of=organisation.");
    return false;
}

bool api_series_subject(struct api_ctx *c, struct str of, struct stats_subject *out)
{
    bool is_server = str_eq(of, STR("server"));
    if (is_server || str_eq(of, STR("organisation"))) {
        *out = is_server ? (struct stats_subject){ STATS_SERVER, 0 }
                         : (struct stats_subject){ STATS_ORG, c->who->org };
        return may_see_all(c, is_server);
    }
    size_t colon = str_find(of, ':');
    enum stats_kind kind;
    if (colon >= of.len || !find_kind(str_sub(of, 0, colon), &kind)) {
        http_invalid(
            c->req, "query.of", "value_error",
            "\"%.*s\" names nothing. Give server, organisation, application:<id or uid>, endpoint:<id>, source:<id>,"
            " filter:<id> or type:<name>.",
            STR_ARGS(str_cut_utf8(of, 64)));
        return false;
    }
    return api_ok(c, api_series_find(c, kind, str_sub(of, colon + 1, of.len), out));
}
