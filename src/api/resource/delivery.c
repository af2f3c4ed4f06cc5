/* SPDX-License-Identifier: Apache-2.0
 *
 * Searching an application's deliveries: by state, endpoint, answer, and a text in what was sent or answered. There is no
 * index of texts, so a page looks at a bounded number of rows and says how far it came; whoever wants more goes on
 * with its iterator.
 */
#include "api/resource/attempt_priv.h"
#include "api/resource/explain_priv.h"
#include "api/resource/waiting_priv.h"
#include "api/schemas/schemas.h"

enum { TEXT_MIN = 2, TEXT_MAX = 512, STATUS_MAX = 999 };
#define BYTES_MAX (INT64_C(128) * 1024 * 1024) /* of payloads that a page reads for a text */
#define SEARCH_US INT64_C(400000)              /* a page stops after this time */

/* --- the question -------------------------------------------------------------------------------------- */

static bool is_bad(struct api_ctx *c, const char *where, const char *words)
{
    http_invalid(c->req, where, "value_error", "%s", words);
    return false;
}

static bool read_states(struct api_ctx *c, unsigned *states)
{
    static const enum store_state all[] = { STORE_PENDING, STORE_SENDING, STORE_SUCCESS,
                                            STORE_FAILED, STORE_CANCELED };
    struct str given = STR_NONE;
    struct str part;
    (void)http_query(c->req, "state", 0, &given);
    while (str_split(&given, ',', &part)) {
        unsigned found = 0;
        for (size_t i = 0; i < COUNT_OF(all); i++)
            if (str_eq(part, str_from(store_state_text(all[i]))))
                found = 1U << all[i];
        if (found == 0 && part.len > 0)
            return is_bad(c, "query.state",
                          "Expected pending, sending, success, fail or canceled; several separated "
                          "by commas.");
        *states |= found;
    }
    return true;
}

static bool delivery_read_text(struct api_ctx *c, struct str *text)
{
    (void)http_query(c->req, "text", 0, text);
    if (text->len == 0 || (text->len >= TEXT_MIN && text->len <= TEXT_MAX && str_is_utf8(*text)))
        return true;
    return is_bad(c, "query.text", "Expected text of 2 to 512 bytes.");
}

/* The number of an endpoint that is named; `where`: which parameter named it. False: answered. */
static bool find_endpoint(struct api_ctx *c, struct str name, bool is_place, int64_t *num)
{
    struct store_endpoint ep = { 0 };
    if (!api_tx_read(c))
        return false;
    enum rc rc = is_place ? store_endpoint_by_id(c->tx, c->app.num, name, c->arena, &ep)
                          : store_endpoint_find(c->tx, c->app.num, name, c->arena, &ep);
    api_tx_end(c);
    *num = ep.num;
    if (rc == RC_NOT_FOUND && is_place)
        return is_bad(c, "query.iterator", "Not an iterator of this list.");
    return api_ok(c, rc);
}

/* "msg_...", or "msg_....ep_..." where the page ended among the deliveries of one message. */
static bool read_place(struct api_ctx *c, struct store_delivery_search *f)
{
    struct str given = STR_NONE;
    if (!http_query(c->req, "iterator", 0, &given) || given.len == 0)
        return true;
    size_t dot = str_find(given, '.');
    f->has_after = true;
    if (id_parse(STR("msg_"), str_sub(given, 0, dot), &f->after) != RC_OK)
        return is_bad(c, "query.iterator", "Not an iterator of this list.");
    return dot >= given.len ||
           find_endpoint(c, str_sub(given, dot + 1, given.len - dot - 1), true, &f->after_endpoint);
}

static bool read_search(struct api_ctx *c, struct store_delivery_search *f)
{
    struct str endpoint = STR_NONE;
    int64_t status = -1;
    *f = (struct store_delivery_search){ .app = c->app.num,
                                         .rows_max = STORE_SEARCH_ROWS,
                                         .bytes_max = BYTES_MAX,
                                         .until_us = clock_mono_us(c->api->o.clock) + SEARCH_US };
    if (!read_states(c, &f->states) || !delivery_read_text(c, &f->text) ||
        !api_query_int(c, "response_status", 0, STATUS_MAX, -1, &status) ||
        !api_query_date(c, "before", &f->before_us) || !api_query_date(c, "after", &f->after_us) ||
        !api_query_types(c, &f->event_types, &f->event_type_count) || !read_place(c, f))
        return false;
    f->http_status = (int)status;
    if (!http_query(c->req, "endpoint_id", 0, &endpoint) || endpoint.len == 0)
        return true;
    return find_endpoint(c, endpoint, false, &f->endpoint);
}

/* --- the answer ------------------------------------------------------------------------------------------ */

static int64_t next_attempt(struct api_ctx *c, const struct store_delivery_row *row)
{
    bool waits = row->state == STORE_PENDING || row->state == STORE_SENDING;
    return waits ? store_shown_us(c->api->o.store, api_waiting_due(row)) : 0;
}

static void write_found(struct api_ctx *c, struct api_out *o, struct api_endpoint_names *names,
                        const struct store_delivery_found *found)
{
    const struct store_message *m = &found->row.message_row.message;
    const struct store_endpoint *ep = api_endpoint_named(c, c->tx, names, found->row.endpoint);
    api_out_key(o, NULL);
    api_out_begin(o, '{');
    api_out_id(o, "msgId", STR("msg_"), &m->id);
    api_out_str(o, "eventType", m->event_type);
    api_out_opt(o, "eventId", m->event_id);
    api_out_date(o, "timestamp", m->created_us);
    api_out_str(o, "endpointId", ep == NULL ? STR("") : ep->id);
    api_out_opt(o, "endpointUid", ep == NULL ? STR_NONE : ep->uid);
    api_out_str(o, "url", ep == NULL ? STR("") : ep->url);
    api_status_write(o, found->row.state, found->row.reason, true);
    api_out_int(o, "attemptCount", found->row.attempt_count);
    api_out_opt_date(o, "nextAttempt", next_attempt(c, &found->row));
    if (found->has_last) {
        api_out_key(o, "lastAttempt");
        api_attempt_short_write(o, &found->last);
    } else {
        api_out_null(o, "lastAttempt");
    }
    api_out_opt(o, "matched", found->matched == NULL ? STR_NONE : str_from(found->matched));
    api_out_end(o, '}');
}

static struct str place_of(struct api_ctx *c, struct api_endpoint_names *names,
                           const struct store_delivery_search_end *end)
{
    if (end->row_count == 0)
        return STR_NONE;
    struct str message = api_id_text(c, "msg_", &end->resume);
    const struct store_endpoint *ep =
        end->resume_endpoint == 0 ? NULL
                                  : api_endpoint_named(c, c->tx, names, end->resume_endpoint);
    return ep == NULL ? message
                      : arena_fmt(c->arena, "%.*s.%.*s", STR_ARGS(message), STR_ARGS(ep->id));
}

static void delivery_answer(struct api_ctx *c, const struct store_delivery_found *rows,
                            const struct store_delivery_search_end *end)
{
    struct api_endpoint_names *names = ARENA_NEW(c->arena, struct api_endpoint_names);
    struct api_out o;
    if (!api_tx_read(c))
        return;
    api_list_open(c, &o);
    for (size_t i = 0; i < end->count; i++)
        write_found(c, &o, names, &rows[i]);
    api_out_end(&o, ']');
    api_out_opt(&o, "iterator", place_of(c, names, end));
    api_out_bool(&o, "done", end->done);
    api_out_int(&o, "lookedAt", end->row_count);
    api_out_opt_date(&o, "lookedTo", end->looked_us);
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

static void search_deliveries(struct api_ctx *c)
{
    struct store_delivery_search f;
    struct store_delivery_search_end end = { 0 };
    int64_t limit = 0;
    if (!api_query_int(c, "limit", 1, API_LIMIT_MAX, API_LIMIT_DEFAULT, &limit) ||
        !read_search(c, &f))
        return;
    struct store_delivery_found *rows = arena_array(c->arena, (size_t)limit, sizeof(*rows));
    if (api_ok(c, store_delivery_search(c->api->o.store, &f, c->arena, rows, (size_t)limit, &end)))
        delivery_answer(c, rows, &end);
}

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, "/api/v1/app/{app_id}/delivery", API_APP | API_CAN(ACCESS_MAY_VIEW),
                "v1.delivery.list", "Search an application's deliveries, newest message first"),
      .run = search_deliveries, .steps = API_FINDS_APP, .out = &api_schema_DeliveryListOut,
      .status = 200,
      .query = API_PAGE " state endpoint_id response_status text before after event_types" },
};
API_ROUTES(delivery, routes);
