/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading messages back, and expunging what they held.
 */
#include "api/message_priv.h"
#include "api/schemas.h"
#include "api/task_priv.h"

/* --- payloads
 * -------------------------------------------------------------------------------------- */

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

/* --- reading
 * --------------------------------------------------------------------------------------- */

bool api_find_message(struct api_ctx *c, int64_t app, bool with_payload,
                      struct store_message_row *out)
{
    struct str name = api_param(c, "msg_id");
    struct id id;
    (void)with_payload;
    enum rc rc = RC_NOT_FOUND;
    if (id_parse(STR("msg_"), name, &id) == RC_OK)
        rc = store_message_get(c->api->o.store, app, &id, c->arena, out);
    else if (!str_starts(name, STR("msg_")))
        rc = store_message_by_event_id(c->api->o.store, app, name, c->arena, out);
    if (rc != RC_OK)
        api_fail(c, rc);
    return rc == RC_OK;
}

bool api_only_app(struct api_ctx *c, struct store_application *app)
{
    struct store_tx *tx;
    if (!api_read(c, &tx))
        return false;
    bool found = api_find_app(c, tx, app);
    store_end(tx);
    return found;
}

static void list_messages(struct http_request *req)
{
    struct api_ctx c;
    struct store_page page;
    struct store_application app;
    struct store_message_filter f = { 0 };
    if (!api_begin(req, &c) || !api_page(&c, "msg_", true, &page) || !api_message_filter(&c, &f) ||
        !api_only_app(&c, &app))
        return;
    page.descending = true;
    f.app = app.num;
    struct store_message_row *rows = arena_array(c.arena, (size_t)page.limit, sizeof(*rows));
    struct store_page_end end = { 0 };
    enum rc rc = store_message_list(c.api->o.store, &f, &page, c.arena, rows, &end);
    if (rc != RC_OK) {
        api_fail(&c, rc);
        return;
    }
    struct api_out o;
    api_list_open(&c, &o);
    for (size_t i = 0; i < end.count; i++) {
        api_out_key(&o, NULL);
        api_out_begin(&o, '{');
        api_message_write_members(&o, &rows[i].message, f.with_payload);
        api_out_end(&o, '}');
    }
    struct str first = STR_NONE;
    struct str last = STR_NONE;
    if (end.count > 0) {
        first = api_id_text(&c, "msg_", &rows[0].message.id);
        last = api_id_text(&c, "msg_", &rows[end.count - 1].message.id);
    }
    api_list_resume(&c, "msg_", &page, &end, &first, &last);
    api_list_reply(&c, &o, &end, first, last);
}

static void get_message(struct http_request *req)
{
    struct api_ctx c;
    struct store_application app;
    struct store_message_row row;
    if (!api_begin(req, &c) || !api_only_app(&c, &app) ||
        !api_find_message(&c, app.num, true, &row))
        return;
    struct api_out o;
    api_out_open(&c, &o);
    api_out_begin(&o, '{');
    api_message_write_members(&o, &row.message, api_query_bool(&c, "with_content", true));
    api_out_end(&o, '}');
    api_reply(&c, 200, &o);
}

/* --- expunging
 * ------------------------------------------------------------------------------------- */

static void expunge_message(struct http_request *req)
{
    struct api_ctx c;
    struct store_application app;
    struct store_message_row row;
    if (!api_begin(req, &c) || !api_only_app(&c, &app) ||
        !api_find_message(&c, app.num, false, &row))
        return;
    enum rc rc = api_expunge(c.api, &row.message.id, app.num, NULL);
    if (rc != RC_OK)
        api_fail(&c, rc);
    else
        api_reply_empty(&c, 204);
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

static void bulk_expunge(struct http_request *req)
{
    struct api_ctx c;
    struct store_application app;
    if (!api_begin(req, &c) || !api_body(&c, &api_schema_BulkExpungeContentsIn, false) ||
        !api_only_app(&c, &app))
        return;
    struct api_out o;
    api_out_open(&c, &o);
    api_out_begin(&o, '{');
    api_out_key(&o, "results");
    api_out_begin(&o, '{');
    const json_t *ids = api_get(&c, "ids");
    for (size_t i = 0; i < json_array_size(ids); i++) {
        struct str name = api_json_str(json_array_get(ids, i));
        enum rc rc = expunge_named(&c, app.num, name);
        if (rc != RC_OK && rc != RC_NOT_FOUND) {
            api_fail(&c, rc);
            return;
        }
        api_out_str(&o, name.ptr, rc == RC_OK ? STR("expunged") : STR("not-found"));
    }
    api_out_end(&o, '}');
    api_out_end(&o, '}');
    api_reply(&c, 200, &o);
}

static void expunge_all(struct http_request *req)
{
    struct api_ctx c;
    struct store_application app;
    if (!api_begin(req, &c) || !api_only_app(&c, &app))
        return;
    struct api_task task = { .kind = STR("application.purge_content"), .app = app.num };
    task.until_us = c.now_us;
    api_task_create(&c, &task, NULL);
}

/* --- precheck
 * -------------------------------------------------------------------------------------- */

static void precheck(struct http_request *req)
{
    struct api_ctx c;
    struct core_app *app = NULL;
    if (!api_begin(req, &c) || !api_body(&c, &api_schema_MessagePrecheckIn, false) ||
        !api_message_app(&c, STR_NONE, &app))
        return;
    struct str channels[API_CHANNELS_MAX];
    const json_t *list = api_get(&c, "channels");
    size_t count = json_array_size(list); /* the schema lets through API_CHANNELS_MAX at most */
    for (size_t i = 0; i < count; i++)
        channels[i] = api_json_str(json_array_get(list, i));
    int64_t first;
    size_t matched = core_match(app, api_get_str(&c, "eventType"), channels, count, &first, 1);
    core_app_unref(app);
    struct api_out o;
    api_out_open(&c, &o);
    api_out_begin(&o, '{');
    api_out_bool(&o, "active", matched > 0);
    api_out_end(&o, '}');
    api_reply(&c, 200, &o);
}

#define BASE "/api/v1/app/{app_id}/msg"
static const struct http_route routes[] = {
    { HTTP_GET, BASE, HTTP_WORKER, list_messages, API_APP | API_CAN(CORE_MAY_VIEW),
      "v1.message.list", "List messages, newest first" },
    { HTTP_GET, BASE "/{msg_id}", HTTP_WORKER, get_message, API_APP | API_CAN(CORE_MAY_VIEW),
      "v1.message.get", "Get a message" },
    { HTTP_DELETE, BASE "/{msg_id}/content", HTTP_WORKER, expunge_message, API_ORG | API_WRITE,
      "v1.message.expunge-content", "Remove a message's payload" },
    { HTTP_POST, BASE "/bulk-expunge", HTTP_WORKER, bulk_expunge, API_ORG | API_WRITE,
      "v1.message.bulk-expunge-content", "Remove the payloads of many messages" },
    { HTTP_POST, BASE "/expunge-all-contents", HTTP_WORKER, expunge_all, API_ORG | API_WRITE,
      "v1.message.expunge-all-contents", "Remove the payloads of all messages of an application" },
    { HTTP_POST, BASE "/precheck/active", HTTP_WORKER, precheck, API_ORG, "v1.message.precheck",
      "Would a message go to any endpoint?" },
};
API_ROUTES(message_read, routes);
