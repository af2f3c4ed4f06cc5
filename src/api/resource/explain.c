/* SPDX-License-Identifier: Apache-2.0
 *
 * Why a message goes to an endpoint or does not: every endpoint of the application is asked, nothing is sent. Of a
 * stored message the deliveries in its row say what was decided then; the view says what would be decided now. The
 * endpoints of the row come first, so that the first page has what matters however many endpoints there are.
 */
#include "api/resource/explain_priv.h"

#include "api/kit/mistakes.h"
#include "api/resource/message_priv.h"
#include "api/resource/message_read_priv.h"
#include "api/schemas/schemas.h"
#include "core/filters.h"

enum { COUNTED_FILTERS_MAX = 500 };

/* --- the question --------------------------------------------------------------------------------- */

static void let_go(void *arg)
{
    struct api_explain *q = arg;
    store_message_unref(q->message);
    core_app_unref(q->view);
}

static struct api_explain *question_new(struct api_ctx *c)
{
    struct api_explain *q = ARENA_NEW(c->arena, struct api_explain);
    q->transforms_left = API_EXPLAIN_TRANSFORMS_MAX;
    q->transforms_until_us = clock_mono_us(c->api->o.clock) + API_EXPLAIN_TRANSFORMS_US;
    arena_defer(c->arena, let_go, q);
    return q;
}

/* By its id, or by its event id. */
static enum rc find_named(struct api_ctx *c, struct str name, struct id *out)
{
    struct store_message_row row;
    if (id_parse(STR("msg_"), name, out) == RC_OK)
        return RC_OK;
    if (str_starts(name, STR("msg_")))
        return RC_NOT_FOUND;
    enum rc rc = store_message_by_event_id(c->api->o.store, c->app.num, name, c->arena, &row);
    *out = row.message.id;
    return rc;
}

/* A stored message, with its deliveries. False: answered. */
static bool load_stored(struct api_ctx *c, struct api_explain *q, struct str name)
{
    struct id id;
    struct store *store = c->api->o.store;
    enum rc rc = find_named(c, name, &id);
    if (rc == RC_OK)
        rc = store_message_load(store, &id, &q->message);
    if (rc == RC_OK && q->message->app != c->app.num)
        rc = RC_NOT_FOUND;
    if (rc == RC_OK)
        rc = store_delivery_by_message(store, c->app.num, &id, c->arena, &q->rows, &q->row_count);
    q->is_stored = true;
    return api_ok(c, rc);
}

/* A message that is only described: it is judged as one that is sent. False: answered. */
static bool take_described(struct api_ctx *c, struct api_explain *q)
{
    struct api_fault fault;
    struct api_message_in *in = ARENA_NEW(c->arena, struct api_message_in);
    if (api_message_parse(c->req->call->body, "body", c->now_us, c->arena, in, &fault) != RC_OK) {
        http_invalid(c->req, fault.where, fault.type, "%s", fault.words);
        return false;
    }
    api_message_judge_type_here(c, in->message.event_type);
    api_message_stamp(c->api, q->view, in->keep_us, &in->message);
    q->message = store_message_new(&in->message);
    return true;
}

/* --- the page ------------------------------------------------------------------------------------- */

static int explain_by_number(const void *key, const void *row)
{
    int64_t num = *(const int64_t *)key;
    int64_t other = ((const struct store_delivery_row *)row)->endpoint;
    return (num > other) - (num < other);
}

static const struct store_delivery_row *row_of(const struct api_explain *q, int64_t num)
{
    return q->row_count == 0
               ? NULL
               : bsearch(&num, q->rows, q->row_count, sizeof(*q->rows), explain_by_number);
}

struct list {
    struct api_explained *items;
    size_t count, limit;
    bool has_more;
};

static bool explain_add(struct list *l, int64_t num, const struct store_delivery_row *row)
{
    if (l->count == l->limit) {
        l->has_more = true;
        return false;
    }
    l->items[l->count++] = (struct api_explained){ .num = num, .row = row };
    return true;
}

/* What comes after the endpoint `after` (0: from the start): the rest of the row, then the others. */
static void fill_page(const struct api_explain *q, int64_t after, struct list *l)
{
    bool is_in_row = after == 0 || row_of(q, after) != NULL;
    for (size_t i = 0; is_in_row && i < q->row_count && !l->has_more; i++)
        if (q->rows[i].endpoint > after)
            (void)explain_add(l, q->rows[i].endpoint, &q->rows[i]);
    int64_t from = is_in_row ? 0 : after;
    for (size_t i = 0; i < q->view->endpoint_count && !l->has_more; i++) {
        int64_t num = core_app_endpoint_at(q->view, i)->num;
        if (num > from && row_of(q, num) == NULL)
            (void)explain_add(l, num, NULL);
    }
}

/* Only the endpoint of the query. False: answered. */
static bool fill_one(struct api_ctx *c, const struct api_explain *q, struct str name,
                     struct list *l)
{
    struct store_endpoint ep;
    if (!api_ok(c, store_endpoint_find(c->tx, c->app.num, name, c->arena, &ep)))
        return false;
    (void)explain_add(l, ep.num, row_of(q, ep.num));
    return true;
}

static bool read_position(struct api_ctx *c, const struct store_page *page, int64_t *after)
{
    struct store_endpoint ep = { 0 };
    enum rc rc = RC_OK;
    if (page->after.len > 0)
        rc = page->backwards ? RC_INVALID
                             : store_endpoint_by_id(c->tx, c->app.num, page->after, c->arena, &ep);
    *after = ep.num;
    if (rc != RC_INVALID && rc != RC_NOT_FOUND)
        return api_ok(c, rc);
    http_invalid(c->req, "query.iterator", "value_error", "Not an iterator of this list.");
    return false;
}

/* The page's endpoints and their rows; no transaction is open afterwards. False: answered. */
static bool read_page(struct api_ctx *c, const struct api_explain *q, const struct store_page *page,
                      struct list *l)
{
    struct str name = STR_NONE;
    int64_t after = 0;
    l->limit = (size_t)page->limit;
    l->items = arena_array(c->arena, l->limit, sizeof(*l->items));
    if (!api_tx_read(c))
        return false;
    bool is_one = http_query(c->req, "endpoint_id", 0, &name) && name.len > 0;
    if (is_one ? !fill_one(c, q, name, l) : !read_position(c, page, &after))
        return false;
    if (!is_one)
        fill_page(q, after, l);
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++) {
        struct api_explained *e = &l->items[i];
        enum rc rc = store_endpoint_by_num(c->tx, e->num, c->arena, &e->ep);
        if (rc == RC_OK)
            l->items[kept++] = *e;
        else if (rc != RC_NOT_FOUND)
            return api_ok(c, rc);
    }
    l->count = kept;
    api_tx_end(c);
    return true;
}

/* --- the answer ----------------------------------------------------------------------------------- */

/* Of a message that is not stored. */
static void write_refusal(struct api_ctx *c, struct api_out *o, const struct api_explain *q)
{
    struct store_message_row row;
    struct api_refusal why = { 0 };
    if (!q->is_stored && q->message->event_id.ptr != NULL &&
        store_message_by_event_id(c->api->o.store, c->app.num, q->message->event_id, c->arena,
                                  &row) == RC_OK)
        why = api_event_id_taken;
    else if (!q->is_stored && store_health(c->api->o.store, NULL) == RC_LIMIT)
        why = api_refusal_of(c->api, RC_LIMIT);
    if (why.status == 0) {
        api_out_null(o, "refused");
        return;
    }
    api_out_key(o, "refused");
    api_out_begin(o, '{');
    api_out_int(o, "status", why.status);
    api_out_str(o, "code", str_from(why.code));
    api_out_str(o, "detail", str_from(why.words));
    api_out_end(o, '}');
}

/* Asking very many filters is left out. */
static void write_wanted_now(struct api_ctx *c, struct api_out *o, const struct api_explain *q)
{
    const struct store_message *m = q->message;
    size_t room = core_match_bound(q->view, m->event_type, q->channels.names, q->channels.count);
    if (room > STORE_DESTINATIONS_MAX)
        room = STORE_DESTINATIONS_MAX;
    int64_t *found = arena_array(c->arena, room + 1, sizeof(*found));
    size_t count =
        core_match(q->view, m->event_type, q->channels.names, q->channels.count, found, room);
    bool can_ask = count <= COUNTED_FILTERS_MAX && m->payload.ptr != NULL;
    if (!q->view->has_filters)
        api_out_int(o, "wantedNowCount", (int64_t)count);
    else if (can_ask)
        api_out_int(o, "wantedNowCount", (int64_t)core_filter(q->view, m, found, count));
    else
        api_out_null(o, "wantedNowCount");
}

static void write_head(struct api_ctx *c, struct api_out *o, const struct api_explain *q)
{
    const struct store_message *m = q->message;
    if (q->is_stored)
        api_out_id(o, "msgId", STR("msg_"), &m->id);
    else
        api_out_null(o, "msgId");
    api_out_str(o, "eventType", m->event_type);
    api_out_opt(o, "eventId", m->event_id);
    api_out_raw(o, "channels", m->channels);
    api_out_opt_date(o, "timestamp", q->is_stored ? m->created_us : 0);
    api_out_opt_date(o, "deliverAt", m->deliver_at_us);
    api_out_bool(o, "payloadGone", m->payload.ptr == NULL);
    write_refusal(c, o, q);
    api_out_int(o, "endpointCount", (int64_t)q->view->endpoint_count);
    if (q->is_stored)
        api_out_int(o, "wantedThenCount", (int64_t)q->row_count);
    else
        api_out_null(o, "wantedThenCount");
    write_wanted_now(c, o, q);
}

static void explain_answer(struct api_ctx *c, struct api_explain *q, const struct store_page *page)
{
    struct list l = { 0 };
    struct api_out o;
    q->channels = api_rules_channels_of(q->message, c->arena);
    if (!read_page(c, q, page, &l))
        return;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    write_head(c, &o, q);
    api_out_key(&o, "data");
    api_out_begin(&o, '[');
    for (size_t i = 0; i < l.count; i++) {
        api_out_key(&o, NULL);
        api_explain_write(c, &o, q, &l.items[i]);
    }
    api_out_end(&o, ']');
    api_out_opt(&o, "iterator", l.count == 0 ? STR_NONE : l.items[l.count - 1].ep.id);
    api_out_bool(&o, "done", !l.has_more);
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

/* `name`: of a stored message; ptr NULL: the body describes one. */
static void explain_message(struct api_ctx *c, struct str name)
{
    struct store_page page;
    if (!api_page(c, "ep_", false, &page))
        return;
    struct api_explain *q = question_new(c);
    if (!api_ok(c, core_directory_load(c->api->o.directory, c->app.num, &q->view)))
        return;
    if (name.ptr != NULL ? load_stored(c, q, name) : take_described(c, q))
        explain_answer(c, q, &page);
}

static void explain_stored(struct api_ctx *c)
{
    explain_message(c, api_param(c, "msg_id"));
}

static void explain_body(struct api_ctx *c)
{
    explain_message(c, api_get_str(c, "msgId"));
}

#define BASE "/api/v1/app/{app_id}/msg"
#define SEE (API_APP | API_CAN(ACCESS_MAY_VIEW))
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, BASE "/{msg_id}/explain", SEE, "v1.message.explain-stored",
                "Explain why a stored message went to each endpoint or did not"),
      .run = explain_stored, .steps = API_FINDS_APP, .out = &api_schema_MessageExplainOut,
      .status = 200, .query = API_PAGE " endpoint_id" },
    { API_ROUTE(HTTP_POST, BASE "/explain", SEE, "v1.message.explain",
                "Explain to which endpoints a message would go, without sending it"),
      .run = explain_body, .steps = API_FINDS_APP, .in = &api_schema_MessageExplainIn,
      .out = &api_schema_MessageExplainOut, .status = 200, .query = API_PAGE " endpoint_id" },
};
API_ROUTES(explain, routes);
