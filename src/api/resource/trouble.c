/* SPDX-License-Identifier: Apache-2.0
 *
 * What is wrong now, worst first. Details (what the receiver said, how many wait) are read for the page alone, and beyond
 * the first few while there is time.
 */
#include "api/resource/trouble_priv.h"

#include "api/resource/waiting_priv.h"
#include "api/schemas/schemas.h"
#include "store/find.h"

enum { WAITING_MAX = 1000, RESPONSE_SHOWN = 300 };

/* --- one of it --------------------------------------------------------------------------------------------- */

static bool is_late(const struct api_ctx *c, int64_t until_us)
{
    return clock_mono_us(c->api->o.clock) > until_us;
}

static void write_application(struct api_ctx *c, struct api_out *o, const struct api_trouble *t)
{
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

static void write_thing(struct api_out *o, const struct api_trouble *t)
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
static bool last_attempt(struct api_ctx *c, const struct api_trouble *t, int64_t until_us,
                         struct store_attempt_row *out)
{
    const struct store_attempt_filter f = { .app = t->app,
                                            .endpoint = t->ep.num,
                                            .status = -1,
                                            .status_class = -1,
                                            .after_us = t->last_us > 0
                                                            ? t->last_us - API_TROUBLE_HOUR_US
                                                            : 0 };
    const struct store_page page = { .limit = 1, .descending = true };
    struct store_page_end end = { 0 };
    return t->ep.num != 0 && t->last_us != 0 && !is_late(c, until_us) &&
           store_attempt_list(c->api->o.store, &f, &page, c->arena, out, &end) == RC_OK &&
           end.count == 1;
}

static void write_refused(struct api_out *o, const struct api_trouble *t)
{
    api_out_int(o, "responseStatusCode", t->refused.status);
    api_out_opt(o, "error", t->refused.reason);
    api_out_null(o, "response");
    api_out_id(o, "requestId", STR("req_"), &t->refused.last);
    api_out_null(o, "msgId");
}

static void write_said(struct api_ctx *c, struct api_out *o, const struct api_trouble *t,
                       int64_t until_us)
{
    struct store_attempt_row row = { 0 };
    if (t->source.num != 0) {
        write_refused(o, t);
        return;
    }
    bool has = last_attempt(c, t, until_us, &row);
    struct str response = str_cut_utf8(row.response, RESPONSE_SHOWN);
    bool has_text = response.len > 0 && str_is_utf8(response);
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

static void write_waiting(struct api_ctx *c, struct api_out *o, const struct api_trouble *t,
                          int64_t until_us)
{
    struct store *store = c->api->o.store;
    size_t count = 0;
    int64_t made_us = 0, oldest_us = t->oldest_us;
    bool is_known = t->ep.num != 0 && !is_late(c, until_us) &&
                    store_due_count(store, t->ep.num, WAITING_MAX, &count, &made_us) == RC_OK;
    if (is_known && count > 0) {
        int64_t shown_us = store_shown_us(store, made_us);
        oldest_us = oldest_us == 0 || shown_us < oldest_us ? shown_us : oldest_us;
    }
    if (is_known)
        api_out_int(o, "waitingCount", (int64_t)count);
    else
        api_out_null(o, "waitingCount");
    api_out_opt_date(o, "oldestWaitingAt", oldest_us);
}

void api_trouble_write(struct api_ctx *c, struct api_out *o, const struct api_trouble *t,
                       size_t written, int64_t until_us)
{
    if (written < API_TROUBLE_LOOKED_AT_MIN)
        until_us = INT64_MAX;
    api_out_str(o, "kind", str_from(api_trouble_kind(t->rank)));
    write_application(c, o, t);
    write_thing(o, t);
    api_out_opt_date(o, "since", t->since_us);
    api_out_opt_date(o, "lastAt", t->last_us);
    api_out_opt_date(o, "until", t->until_us);
    api_out_opt_int(o, "count", t->count);
    write_said(c, o, t, until_us);
    write_waiting(c, o, t, until_us);
}

/* --- all of it --------------------------------------------------------------------------------------------- */

void api_trouble_counts_write(struct api_out *o, const char *name,
                              const int64_t counts[static API_TROUBLE_RANKS])
{
    api_out_key(o, name);
    api_out_begin(o, '{');
    for (enum api_trouble_rank i = 0; i < API_TROUBLE_DISABLED_LONG; i++) {
        int64_t also = i == API_TROUBLE_DISABLED ? counts[API_TROUBLE_DISABLED_LONG] : 0;
        api_out_int(o, api_trouble_kind(i), counts[i] + also);
    }
    api_out_end(o, '}');
}

static void trouble_answer(struct api_ctx *c, const struct api_trouble_look *l, struct str kind,
                           size_t limit)
{
    struct api_out o;
    size_t shown = 0;
    int64_t until_us = clock_mono_us(c->api->o.clock) + API_TROUBLE_LOOK_US;
    if (!api_tx_read(c))
        return;
    api_list_open(c, &o);
    for (size_t i = 0; i < l->count && shown < limit; i++)
        if (kind.len == 0 || str_eq(kind, str_from(api_trouble_kind(l->items[i]->rank)))) {
            api_out_key(&o, NULL);
            api_out_begin(&o, '{');
            api_trouble_write(c, &o, l->items[i], shown, until_us);
            api_out_end(&o, '}');
            shown++;
        }
    api_out_end(&o, ']');
    api_trouble_counts_write(&o, "counts", l->counts);
    api_out_bool(&o, "complete", l->is_complete);
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

/* --- the question ------------------------------------------------------------------------------------------ */

static bool read_kind(struct api_ctx *c, struct str *kind)
{
    *kind = STR("");
    if (!http_query(c->req, "kind", 0, kind) || kind->len == 0)
        return true;
    for (enum api_trouble_rank i = 0; i < API_TROUBLE_RANKS; i++)
        if (str_eq(*kind, str_from(api_trouble_kind(i))))
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

bool api_trouble_query(struct api_ctx *c, struct str *kind, int64_t *app)
{
    return read_kind(c, kind) && read_app(c, app);
}

static void show_trouble(struct api_ctx *c)
{
    struct api_trouble_look *l = ARENA_NEW(c->arena, struct api_trouble_look);
    struct str kind;
    int64_t limit = 0;
    *l = (struct api_trouble_look){
        .api = c->api, .arena = c->arena, .org = c->who->org, .now_us = c->now_us
    };
    if (!api_query_int(c, "limit", 1, API_LIMIT_MAX, API_LIMIT_DEFAULT, &limit) ||
        !api_trouble_query(c, &kind, &l->app))
        return;
    if (api_ok(c, api_trouble_find(l)))
        trouble_answer(c, l, kind, (size_t)limit);
}

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, "/api/v1/trouble", API_ANY | API_CAN(ACCESS_MAY_VIEW), "v1.trouble.get",
                "What is wrong now, worst first"),
      .run = show_trouble, .out = &api_schema_TroubleListOut, .status = 200,
      .query = "limit kind app_id" },
};
API_ROUTES(trouble, routes);
