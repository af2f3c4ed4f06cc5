/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading messages back, and expunging what they held.
 */
#include "api/resource/message_read_priv.h"

#include "api/resource/message_priv.h"
#include "api/resource/requeue_priv.h"
#include "api/resource/task_priv.h"
#include "api/schemas/schemas.h"

/* --- payloads --------------------------------------------------------------------------------- */

static bool is_object(struct str text)
{
    size_t i = 0;
    while (i < text.len && (text.ptr[i] == ' ' || text.ptr[i] == '\n' || text.ptr[i] == '\t' ||
                            text.ptr[i] == '\r'))
        i++;
    return i < text.len && text.ptr[i] == '{' && json_validate(text, NULL) == RC_OK;
}

static void write_base64(struct api_out *o, const char *name, struct str bytes)
{
    char *text = xmalloc(BASE64_LEN(bytes.len) + 1);
    base64_encode(bytes.ptr, bytes.len, text);
    api_out_str(o, name, str_of(text, BASE64_LEN(bytes.len)));
    xfree(text);
}

void api_message_write_payload(struct api_out *o, const struct store_message *m)
{
    if (m->content_type.ptr == NULL || is_object(m->payload)) {
        api_out_raw(o, "payload", m->payload);
        return;
    }
    api_out_key(o, "payload");
    api_out_begin(o, '{');
    if (str_is_utf8(m->payload))
        api_out_str(o, "raw", m->payload);
    else
        write_base64(o, "rawBase64", m->payload);
    api_out_str(o, "contentType", m->content_type);
    api_out_end(o, '}');
}

/* --- reading ---------------------------------------------------------------------------------- */

bool api_find_message(struct api_ctx *c, int64_t app, struct store_message_row *out)
{
    struct str name = api_param(c, "msg_id");
    struct id id;
    enum rc rc = RC_NOT_FOUND;
    if (id_parse(STR("msg_"), name, &id) == RC_OK)
        rc = store_message_get(c->api->o.store, app, &id, c->arena, out);
    else if (!str_starts(name, STR("msg_")))
        rc = store_message_by_event_id(c->api->o.store, app, name, c->arena, out);
    return api_ok(c, rc);
}

static void message_read_write_row(struct api_ctx *c, struct api_out *o, const void *row,
                                   const void *arg)
{
    const struct store_message_row *message = row;
    const struct store_message_filter *f = arg;
    (void)c;
    api_out_begin(o, '{');
    api_message_write_members(o, &message->message, f->with_payload);
    api_out_end(o, '}');
}

static void list_messages(struct api_ctx *c)
{
    struct store_page page;
    struct store_message_filter f = { 0 };
    if (!api_page(c, "msg_", true, &page) || !api_message_filter(c, &f))
        return;
    page.descending = true;
    api_page_from(&page, f.after_us, f.before_us);
    f.app = c->app.num;
    struct store_message_row *rows = api_page_room(c, &page, sizeof(*rows));
    struct store_page_end end = { 0 };
    enum rc rc = store_message_list(c->api->o.store, &f, &page, c->arena, rows, &end);
    api_reply_page(c, rc, &page, &end,
                   API_ROWS(rows, message.id, "msg_", message_read_write_row, &f));
}

static void get_message(struct api_ctx *c)
{
    struct store_message_row row;
    if (!api_find_message(c, c->app.num, &row))
        return;
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_message_write_members(&o, &row.message, api_query_bool(c, "with_content", true));
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

/* --- expunging -------------------------------------------------------------------------------- */

static void expunge_message(struct api_ctx *c)
{
    struct store_message_row row;
    if (!api_find_message(c, c->app.num, &row))
        return;
    enum rc rc = api_expunge(c->api, &row.message.id, c->app.num, NULL);
    if (rc != RC_OK)
        api_fail(c, rc);
    else
        api_reply_empty(c, 204);
}

static enum rc expunge_named(struct api_ctx *c, int64_t app, struct str name)
{
    struct id id;
    struct store_message_row row;
    if (id_parse(STR("msg_"), name, &id) != RC_OK) {
        enum rc rc = store_message_by_event_id(c->api->o.store, app, name, c->arena, &row);
        if (rc != RC_OK)
            return rc;
        id = row.message.id;
    }
    return api_expunge(c->api, &id, app, NULL);
}

static void bulk_expunge(struct api_ctx *c)
{
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_key(&o, "results");
    api_out_begin(&o, '{');
    const json_t *ids = api_get(c, "ids");
    for (size_t i = 0; i < json_array_size(ids); i++) {
        struct str name = json_str_of(json_array_get(ids, i));
        enum rc rc = expunge_named(c, c->app.num, name);
        if (rc != RC_OK && rc != RC_NOT_FOUND) {
            api_fail(c, rc);
            return;
        }
        api_out_str(&o, name.ptr, rc == RC_OK ? STR("expunged") : STR("not-found"));
    }
    api_out_end(&o, '}');
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

static void expunge_all(struct api_ctx *c)
{
    struct api_task task = { .kind = STR("application.purge_content"), .app = c->app.num };
    task.until_us = c->now_us;
    api_task_create(c, &task, NULL);
}

/* --- precheck --------------------------------------------------------------------------------- */

static void message_read_precheck(struct api_ctx *c)
{
    struct core_app *app = NULL;
    if (!api_message_app(c, STR_NONE, &app))
        return;
    struct str channels[API_CHANNELS_MAX];
    const json_t *list = api_get(c, "channels");
    size_t count = json_array_size(list); /* the schema lets through API_CHANNELS_MAX at most */
    for (size_t i = 0; i < count; i++)
        channels[i] = json_str_of(json_array_get(list, i));
    int64_t first;
    size_t matched = core_match(app, api_get_str(c, "eventType"), channels, count, &first, 1);
    core_app_unref(app);
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_bool(&o, "active", matched > 0);
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

#define BASE "/api/v1/app/{app_id}/msg"
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, BASE, API_APP | API_CAN(ACCESS_MAY_VIEW), "v1.message.list",
                "List messages, newest first"),
      .run = list_messages, .steps = API_FINDS_APP, .out = &api_schema_MessageOut, .status = 200,
      .is_list = true, .query = API_QUERY_MESSAGES },
    { API_ROUTE(HTTP_GET, BASE "/{msg_id}", API_APP | API_CAN(ACCESS_MAY_VIEW), "v1.message.get",
                "Get a message"),
      .run = get_message, .steps = API_FINDS_APP, .out = &api_schema_MessageOut, .status = 200,
      .query = "with_content" },
    { API_ROUTE(HTTP_GET, "/api/v1/operational-webhook/message", API_ORG,
                "v1.operational-webhook.message.list",
                "List operational webhooks that were sent, newest first"),
      .run = list_messages, .check = api_make_hidden_app, .steps = API_OF_EVENTS | API_FINDS_APP,
      .out = &api_schema_MessageOut, .status = 200, .is_list = true, .query = API_QUERY_MESSAGES },
    { API_ROUTE(HTTP_DELETE, BASE "/{msg_id}/content", API_ORG | API_WRITE,
                "v1.message.expunge-content", "Remove a message's payload"),
      .run = expunge_message, .steps = API_FINDS_APP, .status = 204 },
    { API_ROUTE(HTTP_POST, BASE "/bulk-expunge", API_ORG | API_WRITE,
                "v1.message.bulk-expunge-content", "Remove the payloads of many messages"),
      .run = bulk_expunge, .steps = API_FINDS_APP, .in = &api_schema_BulkExpungeContentsIn,
      .out = &api_schema_BulkExpungeContentsOut, .status = 200 },
    { API_ROUTE(HTTP_POST, BASE "/expunge-all-contents", API_ORG | API_WRITE,
                "v1.message.expunge-all-contents",
                "Remove the payloads of all messages of an application"),
      .run = expunge_all, .steps = API_FINDS_APP, .out = &api_schema_TaskOut, .status = 202 },
    { API_ROUTE(HTTP_POST, BASE "/precheck/active", API_ORG, "v1.message.precheck",
                "Would a message go to any endpoint?"),
      .run = message_read_precheck, .in = &api_schema_MessagePrecheckIn,
      .out = &api_schema_MessagePrecheckOut, .status = 200 },
};
API_ROUTES(message_read, routes);
