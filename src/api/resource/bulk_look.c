/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking for what a bulk action is about. Deliveries are looked at endpoint by endpoint (the store has them in that
 * order), messages and requests as they came. A cursor is "ep_... msg_...", "ep_..." (that one is done), "msg_..." or
 * "req_...".
 */
#include "api/resource/bulk_priv.h"

enum {
    ROWS_AT_ONCE = 10000,  /* a page passes over at most so many that the store finds not to fit */
    ENDPOINTS_AT_ONCE = 50 /* and over so many that have nothing */
};

#define FAILED (1U << STORE_FAILED | 1U << STORE_CANCELED | 1U << STORE_SENDING)
#define WAITS (1U << STORE_PENDING | 1U << STORE_SENDING)
#define ENDED (FAILED | 1U << STORE_SUCCESS)
const struct api_bulk_action api_bulk_actions[] = {
    { .name = "recover",
      .kind = "bulk.recover",
      .states = FAILED,
      .may = FAILED,
      .deed = API_BULK_SENDS },
    { .name = "replay",
      .kind = "bulk.replay",
      .states = ENDED,
      .may = ENDED,
      .deed = API_BULK_SENDS },
    { .name = "resend",
      .kind = "bulk.resend",
      .states = FAILED,
      .may = ENDED | WAITS,
      .deed = API_BULK_SENDS,
      .needs_to = true },
    { .name = "cancel",
      .kind = "bulk.cancel",
      .states = WAITS,
      .may = WAITS,
      .deed = API_BULK_CANCELS },
    { .name = "expunge", .kind = "bulk.expunge", .may = ENDED | WAITS, .deed = API_BULK_ERASES },
};
const size_t api_bulk_action_count = COUNT_OF(api_bulk_actions);

const struct api_bulk_action *api_bulk_action_find(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(api_bulk_actions); i++)
        if (str_eq(name, str_from(api_bulk_actions[i].name)))
            return &api_bulk_actions[i];
    return NULL;
}

/* --- what is looked for ------------------------------------------------------------------------ */

static int64_t bulk_look_number(const json_t *input, const char *name)
{
    return json_integer_value(json_object_get(input, name));
}

static const json_t *list_of(const json_t *input, const char *name)
{
    const json_t *list = json_object_get(input, name);
    return json_array_size(list) > 0 ? list : NULL;
}

static void read_types(const json_t *types, struct arena *a, struct store_message_filter *f)
{
    size_t count = json_array_size(types);
    struct str *names = arena_array(a, count + 1, sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = json_str_of(json_array_get(types, i));
    f->event_types = names;
    f->event_type_count = count;
}

enum rc api_bulk_read(const json_t *input, struct arena *a, struct api_bulk *out)
{
    const json_t *class = json_object_get(input, "statusCodeClass");
    *out = (struct api_bulk){
        .action = api_bulk_action_find(json_str_member(input, "action")),
        .app = bulk_look_number(input, "app"),
        .endpoint = bulk_look_number(input, "endpoint"),
        .to = bulk_look_number(input, "to"),
        .source = bulk_look_number(input, "source"),
        .states = (unsigned)bulk_look_number(input, "states"),
        .status_class = json_is_integer(class) ? (int)json_integer_value(class) : -1,
        .messages = { .app = bulk_look_number(input, "app"),
                      .after_us = bulk_look_number(input, "since"),
                      .before_us = bulk_look_number(input, "until") },
        .channels = list_of(input, "channels"),
        .tags = list_of(input, "tags"),
        .outcomes = (unsigned)bulk_look_number(input, "outcomes"),
        .reason = json_str_member(input, "reason"),
        .text = json_str_member(input, "text"),
    };
    read_types(json_object_get(input, "eventTypes"), a, &out->messages);
    return out->action != NULL && out->app != 0 ? RC_OK : RC_CORRUPT;
}

/* --- does it fit? ------------------------------------------------------------------------------ */

static bool lists_meet(struct str has, const json_t *wanted)
{
    json_t *list = NULL;
    bool meet = wanted == NULL;
    if (meet || has.ptr == NULL || json_parse(has, &list, NULL) != RC_OK)
        return meet;
    for (size_t i = 0; i < json_array_size(list); i++)
        for (size_t k = 0; k < json_array_size(wanted); k++)
            meet |= json_equal(json_array_get(list, i), json_array_get(wanted, k)) == 1;
    json_decref(list);
    return meet;
}

static bool message_fits(const struct api_bulk *b, const struct store_message *m)
{
    return lists_meet(m->channels, b->channels) && lists_meet(m->tags, b->tags);
}

/* Was the last attempt answered with a status of the class asked for? */
static enum rc class_fits(struct api *api, const struct api_bulk *b, const struct api_bulk_row *row,
                          struct arena *a, bool *fits)
{
    const struct store_attempt_filter f = { .app = b->app,
                                            .endpoint = row->endpoint,
                                            .message = &row->id,
                                            .status = -1,
                                            .status_class = -1 };
    const struct store_page page = { .limit = 1, .descending = true };
    struct store_attempt_row last;
    struct store_page_end end = { 0 };
    *fits = b->status_class < 0;
    if (*fits)
        return RC_OK;
    enum rc rc = store_attempt_list(api->o.store, &f, &page, a, &last, &end);
    *fits = rc == RC_OK && end.count == 1 && last.http_status / 100 * 100 == b->status_class;
    return rc;
}

/* --- deliveries -------------------------------------------------------------------------------- */

/* An endpoint that is looked at. */
struct place {
    int64_t num;
    struct str id;
    bool is_over;   /* there is no more endpoint */
    bool is_passed; /* it is not looked at: it would not take anything */
    bool
        is_ordered; /* what keeps order is sent again in that order; else what is newest comes first */
    struct str after; /* "msg_..." */
};

static struct str text_of_id(struct arena *a, const char *prefix, const struct id *id)
{
    char text[ID_TEXT_MAX + 1];
    return arena_str(a, id_format(str_from(prefix), id, text));
}

static enum rc bulk_look_find_place(struct store_tx *tx, const struct api_bulk *b,
                                    struct str cursor, struct arena *a, struct place *out)
{
    struct store_endpoint *ep = arena_alloc(a, sizeof(*ep));
    struct store_page_end end = { 0 };
    struct str id = cursor;
    struct str rest = cursor;
    enum rc rc = RC_NOT_FOUND;
    if (str_split(&rest, ' ', &id) && rest.len > 0) {
        out->after = rest;
        rc = store_endpoint_by_id(tx, b->app, id, a, ep);
    } else if (b->endpoint != 0) {
        rc = cursor.len > 0 ? RC_NOT_FOUND : store_endpoint_by_num(tx, b->endpoint, a, ep);
    } else {
        const struct store_page page = { .limit = 1, .after = id };
        rc = store_endpoint_list(tx, b->app, &page, a, ep, &end);
        if (rc == RC_OK && end.count == 0)
            rc = RC_NOT_FOUND;
    }
    out->is_over = rc == RC_NOT_FOUND;
    out->num = out->is_over ? 0 : ep->num;
    out->id = out->is_over ? STR_NONE : ep->id;
    return out->is_over ? RC_OK : rc;
}

static enum rc next_place(struct api *api, const struct api_bulk *b, struct str cursor,
                          struct arena *a, struct place *out)
{
    struct store_tx *tx = NULL;
    *out = (struct place){ .after = STR("") };
    enum rc rc = store_read(api->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    rc = bulk_look_find_place(tx, b, cursor, a, out);
    store_end(tx);
    if (rc != RC_OK || out->is_over)
        return rc;
    struct core_app *app = NULL;
    rc = core_directory_load(api->o.directory, b->app, &app);
    if (rc != RC_OK)
        return rc;
    const struct core_endpoint *ep = core_app_endpoint(app, out->num);
    bool takes_none = ep == NULL || ep->disabled;
    out->is_ordered = ep != NULL && ep->ordered && b->action->deed == API_BULK_SENDS && b->to == 0;
    out->is_passed = takes_none && b->action->deed == API_BULK_SENDS && b->to == 0;
    core_app_unref(app);
    return RC_OK;
}

static enum rc judge_delivery(struct api *api, const struct api_bulk *b, const struct place *at,
                              const struct store_delivery_row *d, struct arena *a,
                              struct api_bulk_row *row)
{
    const struct store_message *m = &d->message_row.message;
    *row = (struct api_bulk_row){ .id = d->message,
                                  .endpoint = at->num,
                                  .endpoint_id = at->id,
                                  .state = d->state,
                                  .task = d->task,
                                  .at_us = m->created_us,
                                  .event_type = m->event_type };
    bool may = b->states == 0 || (b->states & 1U << d->state) != 0;
    return may && message_fits(b, m) ? class_fits(api, b, row, a, &row->fits) : RC_OK;
}

static enum rc look_at_place(struct api *api, const struct api_bulk *b, const struct place *at,
                             struct arena *a, struct api_bulk_page *page)
{
    struct store_delivery_row *rows = arena_array(a, page->limit, sizeof(*rows));
    struct store_page_end end = { 0 };
    const struct store_page p = { .limit = (int)page->limit,
                                  .after = at->after,
                                  .descending = !at->is_ordered,
                                  .rows_max = ROWS_AT_ONCE };
    enum rc rc =
        store_delivery_by_endpoint(api->o.store, &b->messages, at->num, 0, &p, a, rows, &end);
    for (size_t i = 0; rc == RC_OK && i < end.count; i++)
        rc = judge_delivery(api, b, at, &rows[i], a, &page->rows[i]);
    if (rc != RC_OK)
        return rc;
    page->count = end.count;
    page->next = at->id;
    if (end.is_short)
        page->next = arena_fmt(a, "%.*s %.*s", STR_ARGS(at->id),
                               STR_ARGS(text_of_id(a, "msg_", &end.resume)));
    else if (!end.done && end.count > 0)
        page->next = api_bulk_after(b, &page->rows[end.count - 1], a);
    return RC_OK;
}

static enum rc look_at_deliveries(struct api *api, const struct api_bulk *b, struct str cursor,
                                  struct arena *a, struct api_bulk_page *page)
{
    enum rc rc = RC_OK;
    page->next = cursor;
    for (int i = 0; rc == RC_OK && i < ENDPOINTS_AT_ONCE && page->count == 0 && !page->done; i++) {
        struct place at;
        rc = next_place(api, b, page->next, a, &at);
        if (rc != RC_OK)
            return rc;
        page->done = at.is_over;
        if (at.is_passed)
            page->next = at.id;
        else if (!at.is_over)
            rc = look_at_place(api, b, &at, a, page);
    }
    return rc;
}

/* --- messages and requests --------------------------------------------------------------------- */

static void end_page(struct api_bulk_page *page, const struct api_bulk *b, const char *prefix,
                     const struct store_page_end *end, struct str cursor, struct arena *a)
{
    page->count = end->count;
    page->done = end->done || (end->count == 0 && !end->is_short);
    page->next = cursor;
    if (end->is_short)
        page->next = text_of_id(a, prefix, &end->resume);
    else if (end->count > 0)
        page->next = api_bulk_after(b, &page->rows[end->count - 1], a);
}

static enum rc look_at_messages(struct api *api, const struct api_bulk *b, struct str cursor,
                                struct arena *a, struct api_bulk_page *page)
{
    struct store_message_row *rows = arena_array(a, page->limit, sizeof(*rows));
    struct store_page_end end = { 0 };
    const struct store_page p = {
        .limit = (int)page->limit, .after = cursor, .descending = true, .rows_max = ROWS_AT_ONCE
    };
    enum rc rc = store_message_list(api->o.store, &b->messages, &p, a, rows, &end);
    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; i < end.count; i++) {
        const struct store_message *m = &rows[i].message;
        page->rows[i] = (struct api_bulk_row){ .id = m->id,
                                               .at_us = m->created_us,
                                               .event_type = m->event_type,
                                               .fits = message_fits(b, m) };
    }
    end_page(page, b, "msg_", &end, cursor, a);
    return RC_OK;
}

/* In the order they came. The replay's own are later than its end. */
static enum rc look_at_requests(struct api *api, const struct api_bulk *b, struct str cursor,
                                struct arena *a, struct api_bulk_page *page)
{
    struct store_request *rows = arena_array(a, page->limit, sizeof(*rows));
    struct store_page_end end = { 0 };
    const struct store_page p = { .limit = (int)page->limit,
                                  .after = cursor,
                                  .rows_max = ROWS_AT_ONCE };
    const struct store_request_filter f = { .source = b->source,
                                            .outcomes = b->outcomes,
                                            .reason = b->reason,
                                            .event_type = b->messages.event_type_count == 1
                                                              ? b->messages.event_types[0]
                                                              : STR_NONE,
                                            .text = b->text,
                                            .before_us = b->messages.before_us,
                                            .after_us = b->messages.after_us,
                                            .with_body = page->with_body };
    enum rc rc = store_request_list(api->o.store, &f, &p, a, rows, &end);
    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; i < end.count; i++)
        page->rows[i] = (struct api_bulk_row){ .id = rows[i].id,
                                               .at_us = rows[i].at_us,
                                               .event_type = rows[i].event_type,
                                               .request = &rows[i],
                                               .fits = true };
    end_page(page, b, "req_", &end, cursor, a);
    return RC_OK;
}

/* --- a page ------------------------------------------------------------------------------------ */

struct str api_bulk_after(const struct api_bulk *b, const struct api_bulk_row *row, struct arena *a)
{
    struct str id = text_of_id(a, b->source != 0 ? "req_" : "msg_", &row->id);
    return row->endpoint == 0 ? id
                              : arena_fmt(a, "%.*s %.*s", STR_ARGS(row->endpoint_id), STR_ARGS(id));
}

enum rc api_bulk_look(struct api *api, const struct api_bulk *b, struct str cursor, struct arena *a,
                      struct api_bulk_page *page)
{
    page->count = 0;
    page->done = false;
    MUST(page->limit > 0 && page->limit <= API_BULK_ROWS_MAX);
    if (b->source != 0)
        return look_at_requests(api, b, cursor, a, page);
    if (b->states == 0 && b->endpoint == 0)
        return look_at_messages(api, b, cursor, a, page);
    return look_at_deliveries(api, b, cursor, a, page);
}
