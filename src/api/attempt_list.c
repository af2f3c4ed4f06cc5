/* SPDX-License-Identifier: Apache-2.0
 *
 * Where deliveries stand: an endpoint's messages, a message's endpoints.
 */
#include "api/attempt_priv.h"

/* Svix' status numbers to states; 0: any. "Success" covers canceled ones for clients that do not
 * know them. */
static int state_of_status(int64_t status)
{
    static const int states[] = { STORE_SUCCESS, STORE_PENDING, STORE_FAILED, STORE_SENDING,
                                  STORE_CANCELED };
    return status < 0 ? 0 : states[status];
}

static void list_attempted_messages(struct http_request *req)
{
    struct api_ctx c;
    struct store_page page;
    struct store_application app;
    struct store_endpoint ep;
    struct store_tx *tx;
    struct store_message_filter f = { 0 };
    int64_t status = -1;
    if (!api_begin(req, &c) || !api_page(&c, "msg_", true, &page) || !api_message_filter(&c, &f) ||
        !api_query_int(&c, "status", 0, 4, -1, &status) || !api_read(&c, &tx))
        return;
    bool found = api_find_app(&c, tx, &app) && api_find_endpoint(&c, tx, app.num, &ep);
    store_end(tx);
    if (!found)
        return;
    page.descending = true;
    f.app = app.num;
    struct store_delivery_row *rows = arena_array(c.arena, (size_t)page.limit, sizeof(*rows));
    struct store_page_end end = { 0 };
    enum rc rc = store_delivery_by_endpoint(c.api->o.store, &f, ep.num, state_of_status(status),
                                            &page, c.arena, rows, &end);
    if (rc != RC_OK) {
        api_fail(&c, rc);
        return;
    }
    bool expanded = api_query_bool(&c, "expanded_statuses", false);
    struct api_out o;
    api_list_open(&c, &o);
    for (size_t i = 0; i < end.count; i++) {
        api_out_key(&o, NULL);
        api_out_begin(&o, '{');
        api_message_write_members(&o, &rows[i].message_row.message, f.with_payload);
        api_status_write(&o, rows[i].state, rows[i].reason, expanded);
        api_out_opt_date(&o, "nextAttempt", rows[i].next_due_us);
        api_out_end(&o, '}');
    }
    struct str first = STR_NONE;
    struct str last = STR_NONE;
    if (end.count > 0) {
        first = api_id_text(&c, "msg_", &rows[0].message);
        last = api_id_text(&c, "msg_", &rows[end.count - 1].message);
    }
    api_list_resume(&c, "msg_", &page, &end, &first, &last);
    api_list_reply(&c, &o, &end, first, last);
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
        enum rc rc = store_endpoint_find(tx, app, page->after, c->arena, &ep);
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

static void write_destination(struct api_ctx *c, struct api_out *o, const struct store_endpoint *ep,
                              const struct store_delivery_row *row, bool expanded)
{
    api_out_key(o, NULL);
    api_out_begin(o, '{');
    api_endpoint_write_members(c, o, ep);
    api_status_write(o, row->state, row->reason, expanded);
    api_out_opt_date(o, "nextAttempt", row->next_due_us);
    api_out_end(o, '}');
}

static void list_destinations(struct http_request *req)
{
    struct api_ctx c;
    struct store_page page;
    struct store_application app;
    struct store_message_row message;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_page(&c, "ep_", false, &page) || !api_only_app(&c, &app) ||
        !api_find_message(&c, app.num, false, &message))
        return;
    struct store_delivery_row *rows = NULL;
    size_t count = 0;
    enum rc rc = store_delivery_by_message(c.api->o.store, app.num, &message.message.id, c.arena,
                                           &rows, &count);
    if (rc != RC_OK) {
        api_fail(&c, rc);
        return;
    }
    if (!api_read(&c, &tx))
        return;
    struct window w = { 0 };
    rc = cut_page(&c, tx, app.num, rows, count, &page, &w);
    if (rc != RC_OK) {
        store_end(tx);
        if (rc == RC_INVALID)
            http_invalid(req, "query.iterator", "value_error", "Not an iterator of this list.");
        else
            api_fail(&c, rc);
        return;
    }
    bool expanded = api_query_bool(&c, "expanded_statuses", false);
    struct api_endpoint_names *names = ARENA_NEW(c.arena, struct api_endpoint_names);
    struct store_page_end end = { .done = w.done };
    struct str first = STR_NONE;
    struct str last = STR_NONE;
    struct api_out o;
    api_list_open(&c, &o);
    for (size_t i = w.from; i < w.to; i++) {
        const struct store_endpoint *ep = api_endpoint_named(&c, tx, names, rows[i].endpoint);
        if (ep == NULL)
            continue; /* a deleted one is still history */
        write_destination(&c, &o, ep, &rows[i], expanded);
        if (first.len == 0)
            first = ep->id;
        last = ep->id;
    }
    store_end(tx);
    api_list_reply(&c, &o, &end, first, last);
}

#define SEE (API_APP | API_CAN(CORE_MAY_VIEW))
#define APP "/api/v1/app/{app_id}"
static const struct http_route routes[] = {
    { HTTP_GET, APP "/endpoint/{endpoint_id}/msg", HTTP_WORKER, list_attempted_messages, SEE,
      "v1.message-attempt.list-attempted-messages",
      "List an endpoint's messages and how their delivery stands" },
    { HTTP_GET, APP "/msg/{msg_id}/endpoint", HTTP_WORKER, list_destinations, SEE,
      "v1.message-attempt.list-attempted-destinations",
      "List a message's endpoints and how its delivery stands" },
};
API_ROUTES(attempt_list, routes);
