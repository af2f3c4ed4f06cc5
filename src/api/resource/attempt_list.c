/* SPDX-License-Identifier: Apache-2.0
 *
 * Where deliveries stand: an endpoint's messages, a message's endpoints.
 */
#include "api/resource/attempt_priv.h"
#include "api/resource/endpoint_fill_priv.h"
#include "api/resource/message_priv.h"
#include "api/resource/message_read_priv.h"
#include "api/resource/waiting_priv.h"
#include "api/schemas/schemas.h"

/* A status number to the states it covers; 0: any. */
static unsigned states_of_status(int64_t status, bool expanded)
{
    static const enum store_state all[] = { STORE_PENDING, STORE_SENDING, STORE_SUCCESS,
                                            STORE_FAILED, STORE_CANCELED };
    unsigned states = 0;
    for (size_t i = 0; status >= 0 && i < COUNT_OF(all); i++)
        states |= store_state_is(all[i], (int)status, expanded) ? 1U << all[i] : 0;
    return states;
}

/* How the messages of a list are shown. */
struct list_view {
    bool with_payload, expanded;
    struct api_waiting waiting;
};

static void attempt_list_write_row(struct api_ctx *c, struct api_out *o, const void *row,
                                   const void *arg)
{
    const struct store_delivery_row *delivery = row;
    const struct list_view *v = arg;
    (void)c;
    api_out_begin(o, '{');
    api_message_write_members(o, &delivery->message_row.message, v->with_payload);
    api_status_write(o, delivery->state, delivery->reason, v->expanded);
    api_waiting_write(o, &v->waiting, delivery);
    api_out_end(o, '}');
}

static void list_attempted_messages(struct api_ctx *c)
{
    struct store_page page;
    struct store_message_filter f = { 0 };
    int64_t status = -1;
    if (!api_page(c, "msg_", true, &page) || !api_message_filter(c, &f) ||
        !api_query_int(c, "status", 0, 4, -1, &status))
        return;
    page.descending = true;
    api_page_from(&page, f.after_us, f.before_us);
    f.app = c->app.num;
    struct store_delivery_row *rows = api_page_room(c, &page, sizeof(*rows));
    struct store_page_end end = { 0 };
    struct list_view v = { .with_payload = f.with_payload,
                           .expanded = api_query_bool(c, "expanded_statuses", false) };
    enum rc rc = store_delivery_by_endpoint(c->api->o.store, &f, c->endpoint.num,
                                            states_of_status(status, v.expanded), &page, c->arena,
                                            rows, &end);
    if (rc == RC_OK)
        api_waiting_at(c, c->app.num, c->endpoint.num, &v.waiting);
    api_reply_page(c, rc, &page, &end, API_ROWS(rows, message, "msg_", attempt_list_write_row, &v));
}

/* Deliveries come by endpoint number; the page is cut from them here: they are few. */
struct window {
    size_t from, to; /* indexes of the page */
    bool done;
};

static enum rc cut_page(struct api_ctx *c, struct store_tx *tx, int64_t app,
                        const struct store_delivery_row *rows, size_t count,
                        const struct store_page *page, struct window *w)
{
    size_t limit = (size_t)page->limit;
    size_t at = page->backwards ? count : 0;
    if (page->after.len > 0) {
        struct store_endpoint ep;
        enum rc rc = store_endpoint_by_id(tx, app, page->after, c->arena, &ep);
        if (rc != RC_OK)
            return rc == RC_NOT_FOUND ? RC_INVALID : rc;
        at = 0;
        while (at < count && rows[at].endpoint < ep.num)
            at++;
        if (!page->backwards && at < count && rows[at].endpoint == ep.num)
            at++;
    }
    if (page->backwards) {
        w->from = at > limit ? at - limit : 0;
        w->to = at;
        w->done = w->from == 0;
    } else {
        w->from = at;
        w->to = count - at > limit ? at + limit : count;
        w->done = w->to == count;
    }
    return RC_OK;
}

static void write_destination(struct api_ctx *c, struct api_out *o, int64_t app,
                              const struct store_endpoint *ep, const struct store_delivery_row *row,
                              bool expanded)
{
    api_out_key(o, NULL);
    api_out_begin(o, '{');
    api_endpoint_write_members(c, o, ep);
    api_status_write(o, row->state, row->reason, expanded);
    struct api_waiting waiting = { .store = c->api->o.store };
    if (row->state == STORE_PENDING || row->state == STORE_SENDING)
        api_waiting_at(c, app, row->endpoint, &waiting);
    api_waiting_write(o, &waiting, row);
    api_out_end(o, '}');
}

struct destination {
    struct store_endpoint ep;
    const struct store_delivery_row *row;
};

static size_t find_endpoints(struct api_ctx *c, struct store_tx *tx,
                             const struct store_delivery_row *rows, size_t count,
                             struct destination *out)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        out[found].row = &rows[i];
        /* A deleted one is still history. */
        if (store_endpoint_by_num(tx, rows[i].endpoint, c->arena, &out[found].ep) == RC_OK)
            found++;
    }
    return found;
}

static void reply_destinations(struct api_ctx *c, int64_t app, const struct destination *shown,
                               size_t count, bool done)
{
    bool expanded = api_query_bool(c, "expanded_statuses", false);
    struct store_page_end end = { .done = done };
    struct api_out o;
    api_list_open(c, &o);
    for (size_t i = 0; i < count; i++)
        write_destination(c, &o, app, &shown[i].ep, shown[i].row, expanded);
    api_list_reply(c, &o, &end, count == 0 ? STR_NONE : shown[0].ep.id,
                   count == 0 ? STR_NONE : shown[count - 1].ep.id);
}

static void list_destinations(struct api_ctx *c)
{
    struct store_page page;
    struct store_message_row message;
    if (!api_page(c, "ep_", false, &page) || !api_find_message(c, c->app.num, &message))
        return;
    struct store_delivery_row *rows = NULL;
    size_t count = 0;
    enum rc rc = store_delivery_by_message(c->api->o.store, c->app.num, &message.message.id,
                                           c->arena, &rows, &count);
    if (!api_ok(c, rc) || !api_tx_read(c))
        return;
    struct window w = { 0 };
    rc = cut_page(c, c->tx, c->app.num, rows, count, &page, &w);
    if (rc != RC_OK) {
        if (rc == RC_INVALID)
            http_invalid(c->req, "query.iterator", "value_error", "Not an iterator of this list.");
        else
            api_fail(c, rc);
        return;
    }
    struct destination *shown = arena_array(c->arena, w.to - w.from + 1, sizeof(*shown));
    size_t shown_count = find_endpoints(c, c->tx, &rows[w.from], w.to - w.from, shown);
    reply_destinations(c, c->app.num, shown, shown_count, w.done);
}

#define SEE (API_APP | API_CAN(ACCESS_MAY_VIEW))
#define APP "/api/v1/app/{app_id}"
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, APP "/endpoint/{endpoint_id}/msg", SEE,
                "v1.message-attempt.list-attempted-messages",
                "List an endpoint's messages and how their delivery stands"),
      .run = list_attempted_messages, .steps = API_FINDS_ENDPOINT,
      .out = &api_schema_EndpointMessageOut, .status = 200, .is_list = true,
      .query = API_QUERY_MESSAGES " status expanded_statuses" },
    { API_ROUTE(HTTP_GET, APP "/msg/{msg_id}/endpoint", SEE,
                "v1.message-attempt.list-attempted-destinations",
                "List a message's endpoints and how its delivery stands"),
      .run = list_destinations, .steps = API_FINDS_APP, .out = &api_schema_MessageEndpointOut,
      .status = 200, .is_list = true, .query = API_PAGE " expanded_statuses" },
};
API_ROUTES(attempt_list, routes);
