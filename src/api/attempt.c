/* SPDX-License-Identifier: Apache-2.0
 *
 * Attempts: lists by endpoint and by message, one attempt, expunging its response, resending.
 */
#include "api/attempt_priv.h"
#include "api/task_priv.h"

enum { ATTEMPT_STATUS_MAX = 4 };

const struct store_endpoint *api_endpoint_named(struct api_ctx *c, struct store_tx *tx,
                                                struct api_endpoint_names *names, int64_t num)
{
    for (size_t i = 0; i < names->count; i++)
        if (names->known[i].num == num)
            return names->known[i].found ? &names->known[i].ep : NULL;
    size_t at = names->next;
    names->next = (names->next + 1) % COUNT_OF(names->known);
    if (names->count < COUNT_OF(names->known))
        names->count++;
    names->known[at].num = num;
    names->known[at].found =
        store_endpoint_by_num(tx, num, c->arena, &names->known[at].ep) == RC_OK;
    return names->known[at].found ? &names->known[at].ep : NULL;
}

void api_status_write(struct api_out *o, enum store_state state, enum store_reason reason,
                      bool expanded)
{
    if (state == STORE_CANCELED && !expanded)
        state = STORE_SUCCESS; /* what clients that do not know "canceled" expect */
    api_out_int(o, "status", store_state_svix(state));
    api_out_str(o, "statusText", str_from(store_state_text(state)));
    api_out_opt(o, "statusReason", store_reason_name(reason));
}

/* --- writing
 * --------------------------------------------------------------------------------------- */

static void write_response(struct api_out *o, struct str response)
{
    if (response.ptr == NULL) {
        api_out_str(o, "response", STR("EXPUNGED"));
        return;
    }
    if (str_is_utf8(response)) {
        api_out_str(o, "response", response);
        return;
    }
    char *text = xmalloc(BASE64_LEN(response.len) + 1);
    base64_encode(response.ptr, response.len, text);
    api_out_str(o, "response", str_of(text, BASE64_LEN(response.len)));
    xfree(text);
}

/* An attempt itself succeeded or failed; whether another follows shows in nextAttempt. */
static enum store_state state_of(const struct store_attempt_row *row)
{
    if (row->success)
        return STORE_SUCCESS;
    return row->state_after == STORE_CANCELED ? STORE_CANCELED : STORE_FAILED;
}

struct attempt_view {
    bool with_content, expanded, with_headers;
};

static void write_attempt(struct api_out *o, const struct store_attempt_row *row,
                          const struct store_endpoint *ep, const struct attempt_view *view)
{
    api_out_id(o, "id", STR("atmpt_"), &row->id);
    api_out_id(o, "msgId", STR("msg_"), &row->message);
    api_out_str(o, "endpointId", ep == NULL ? STR("") : ep->id);
    api_out_str(o, "url", row->url);
    if (view->with_content)
        write_response(o, row->response);
    else
        api_out_str(o, "response", STR("{}"));
    api_out_int(o, "responseStatusCode", row->http_status);
    api_out_int(o, "responseDurationMs", row->took_us / 1000);
    api_status_write(o, state_of(row), row->reason, view->expanded);
    api_out_int(o, "triggerType", (int64_t)row->trigger);
    api_out_date(o, "timestamp", row->started_us);
    api_out_opt_date(o, "nextAttempt", row->next_due_us);
    api_out_int(o, "attemptNumber", row->number);
    api_out_opt(o, "error", row->error.len == 0 ? STR_NONE : row->error);
    api_out_opt(o, "errorDetail", row->detail.len == 0 ? STR_NONE : row->detail);
    if (view->with_headers) {
        api_out_opt(o, "requestHeaders", row->request_headers);
        api_out_opt(o, "responseHeaders", row->response_headers);
    }
}

static void write_msg(struct api_ctx *c, struct api_out *o, int64_t app,
                      const struct store_attempt_row *row, bool with_content)
{
    struct store_message_row message;
    api_out_key(o, "msg");
    if (store_message_get(c->api->o.store, app, &row->message, c->arena, &message) != RC_OK) {
        o->comma = false;
        api_out_null(o, NULL);
        return;
    }
    api_out_begin(o, '{');
    api_message_write_members(o, &message.message, with_content);
    api_out_end(o, '}');
}

/* --- lists
 * ----------------------------------------------------------------------------------------- */

static void reply_list(struct api_ctx *c, const struct store_attempt_filter *f,
                       const struct store_page *page)
{
    struct store_attempt_row *rows = arena_array(c->arena, (size_t)page->limit, sizeof(*rows));
    struct store_page_end end = { 0 };
    enum rc rc = store_attempt_list(c->api->o.store, f, page, c->arena, rows, &end);
    struct store_tx *tx;
    if (rc != RC_OK) {
        api_fail(c, rc);
        return;
    }
    if (!api_read(c, &tx))
        return;
    struct attempt_view view = { .with_content = api_query_bool(c, "with_content", true),
                                 .expanded = api_query_bool(c, "expanded_statuses", false) };
    bool with_msg = api_query_bool(c, "with_msg", false);
    struct api_endpoint_names *names = ARENA_NEW(c->arena, struct api_endpoint_names);
    struct api_out o;
    api_list_open(c, &o);
    for (size_t i = 0; i < end.count; i++) {
        api_out_key(&o, NULL);
        api_out_begin(&o, '{');
        write_attempt(&o, &rows[i], api_endpoint_named(c, tx, names, rows[i].endpoint), &view);
        if (with_msg)
            write_msg(c, &o, f->app, &rows[i], view.with_content);
        api_out_end(&o, '}');
    }
    store_end(tx);
    struct str first = STR_NONE;
    struct str last = STR_NONE;
    if (end.count > 0) {
        first = api_id_text(c, "atmpt_", &rows[0].id);
        last = api_id_text(c, "atmpt_", &rows[end.count - 1].id);
    }
    api_list_resume(c, "atmpt_", page, &end, &first, &last);
    api_list_reply(c, &o, &end, first, last);
}

static bool status_class_is_known(struct api_ctx *c, int64_t value)
{
    if (value == -1 || value % 100 == 0)
        return true;
    http_invalid(c->req, "query.status_code_class", "value_error", "Expected 0, 100, ... 500.");
    return false;
}

static bool read_filter(struct api_ctx *c, struct store_attempt_filter *f)
{
    struct store_message_filter m = { 0 };
    int64_t status = -1;
    int64_t status_class = -1;
    if (!api_message_filter(c, &m) ||
        !api_query_int(c, "status", 0, ATTEMPT_STATUS_MAX, -1, &status) ||
        !api_query_int(c, "status_code_class", 0, 500, -1, &status_class) ||
        !status_class_is_known(c, status_class))
        return false;
    *f = (struct store_attempt_filter){ .status = (int)status,
                                        .status_class = (int)status_class,
                                        .channel = m.channel,
                                        .tag = m.tag,
                                        .event_types = m.event_types,
                                        .event_type_count = m.event_type_count,
                                        .before_us = m.before_us,
                                        .after_us = m.after_us };
    return true;
}

/* The path's application and endpoint; false: answered. */
static bool find_both(struct api_ctx *c, struct store_application *app, struct store_endpoint *ep)
{
    struct store_tx *tx;
    if (!api_read(c, &tx))
        return false;
    bool found = api_find_app(c, tx, app) && api_find_endpoint(c, tx, app->num, ep);
    store_end(tx);
    return found;
}

static void list_by_endpoint(struct http_request *req)
{
    struct api_ctx c;
    struct store_page page;
    struct store_attempt_filter f;
    struct store_application app;
    struct store_endpoint ep;
    if (!api_begin(req, &c) || !api_page(&c, "atmpt_", true, &page) || !read_filter(&c, &f) ||
        !find_both(&c, &app, &ep))
        return;
    page.descending = true;
    f.app = app.num;
    f.endpoint = ep.num;
    reply_list(&c, &f, &page);
}

/* endpoint_id of the query, or the path's, narrows the list. False: answered. */
static bool narrow_to_endpoint(struct api_ctx *c, int64_t app, struct store_attempt_filter *f)
{
    struct str name = api_param(c, "endpoint_id");
    if (name.len == 0 && (!http_query(c->req, "endpoint_id", 0, &name) || name.len == 0))
        return true;
    struct store_tx *tx;
    struct store_endpoint ep;
    if (!api_read(c, &tx))
        return false;
    enum rc rc = store_endpoint_find(tx, app, name, c->arena, &ep);
    store_end(tx);
    if (rc != RC_OK)
        api_fail(c, rc);
    else
        f->endpoint = ep.num;
    return rc == RC_OK;
}

static void list_by_message(struct http_request *req)
{
    struct api_ctx c;
    struct store_page page;
    struct store_attempt_filter f;
    struct store_application app;
    struct store_message_row message;
    if (!api_begin(req, &c) || !api_page(&c, "atmpt_", true, &page) || !read_filter(&c, &f) ||
        !api_only_app(&c, &app) || !api_find_message(&c, app.num, false, &message) ||
        !narrow_to_endpoint(&c, app.num, &f))
        return;
    page.descending = true;
    f.app = app.num;
    f.message = &message.message.id;
    reply_list(&c, &f, &page);
}

/* --- one attempt
 * ----------------------------------------------------------------------------------- */

static bool find_attempt(struct api_ctx *c, struct store_application *app,
                         struct store_attempt_row *row)
{
    struct store_message_row message;
    struct id id;
    if (!api_only_app(c, app) || !api_find_message(c, app->num, false, &message))
        return false;
    enum rc rc = RC_NOT_FOUND;
    if (id_parse(STR("atmpt_"), api_param(c, "attempt_id"), &id) == RC_OK)
        rc = store_attempt_get(c->api->o.store, app->num, &message.message.id, &id, c->arena, row);
    if (rc != RC_OK)
        api_fail(c, rc);
    return rc == RC_OK;
}

static void get_attempt(struct http_request *req)
{
    struct api_ctx c;
    struct store_application app;
    struct store_attempt_row row;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !find_attempt(&c, &app, &row) || !api_read(&c, &tx))
        return;
    struct attempt_view view = { .with_content = true,
                                 .with_headers = true,
                                 .expanded = api_query_bool(&c, "expanded_statuses", false) };
    struct api_endpoint_names *names = ARENA_NEW(c.arena, struct api_endpoint_names);
    struct api_out o;
    api_out_open(&c, &o);
    api_out_begin(&o, '{');
    write_attempt(&o, &row, api_endpoint_named(&c, tx, names, row.endpoint), &view);
    api_out_end(&o, '}');
    store_end(tx);
    api_reply(&c, 200, &o);
}

static void expunge_attempt(struct http_request *req)
{
    struct api_ctx c;
    struct store_application app;
    struct store_attempt_row row;
    if (!api_begin(req, &c) || !find_attempt(&c, &app, &row))
        return;
    enum rc rc = api_expunge(c.api, &row.message, app.num, &row.id);
    if (rc != RC_OK)
        api_fail(&c, rc);
    else
        api_reply_empty(&c, 204);
}

/* --- resending
 * ------------------------------------------------------------------------------------- */

/* A webhook of CKAN's belongs to somebody at the site: who could not see what an event was about does not
 * get it by name either. Other endpoints are the operator's, who says what goes where. */
static bool may_get(struct api_ctx *c, int64_t app, int64_t endpoint, const struct store_message *m)
{
    struct core_app *view = NULL;
    if (core_directory_load(c->api->o.directory, app, &view) != RC_OK)
        return false;
    bool is_ckan = false;
    for (size_t i = 0; i < view->endpoint_count; i++)
        is_ckan =
            is_ckan || (view->endpoints[i].num == endpoint && view->endpoints[i].ckan.ptr != NULL);
    bool may = !is_ckan || api_endpoint_wants(view, endpoint, m);
    core_app_unref(view);
    return may;
}

static void resend(struct http_request *req)
{
    struct api_ctx c;
    struct store_application app;
    struct store_endpoint ep;
    struct store_message_row message;
    if (!api_begin(req, &c) || !find_both(&c, &app, &ep) ||
        !api_find_message(&c, app.num, false, &message))
        return;
    if (ep.disabled) {
        http_error(req, 400, "endpoint_disabled", "The endpoint is disabled: enable it first.");
        return;
    }
    if (!may_get(&c, app.num, ep.num, &message.message)) {
        http_error(req, 400, "not_for_endpoint",
                   "The message was not for this webhook: its user may not see it, or its topic is "
                   "another.");
        return;
    }
    if (!api_first(&c))
        return;
    enum rc rc = api_requeue(c.api, &message.message.id, app.num, ep.num, true);
    if (rc == RC_LIMIT)
        http_error(req, 400, "missing_payload", "The message's payload is gone.");
    else if (rc == RC_CONFLICT)
        http_error(req, 409, "conflict",
                   "The message is being delivered to this endpoint already.");
    else if (rc != RC_OK)
        api_fail(&c, rc);
    else
        api_reply_empty(&c, 202);
    api_remember(&c);
}

#define SEE (API_APP | API_CAN(CORE_MAY_VIEW))
#define APP "/api/v1/app/{app_id}"
static const struct http_route routes[] = {
    { HTTP_GET, APP "/attempt/endpoint/{endpoint_id}", HTTP_WORKER, list_by_endpoint, SEE,
      "v1.message-attempt.list-by-endpoint", "List attempts at an endpoint, newest first" },
    { HTTP_GET, APP "/attempt/msg/{msg_id}", HTTP_WORKER, list_by_message, SEE,
      "v1.message-attempt.list-by-msg", "List attempts of a message, newest first" },
    { HTTP_GET, APP "/msg/{msg_id}/attempt", HTTP_WORKER, list_by_message, SEE, NULL,
      "Older spelling of /attempt/msg" },
    { HTTP_GET, APP "/msg/{msg_id}/endpoint/{endpoint_id}/attempt", HTTP_WORKER, list_by_message,
      SEE, NULL, "Older spelling of /attempt/msg with endpoint_id" },
    { HTTP_GET, APP "/msg/{msg_id}/attempt/{attempt_id}", HTTP_WORKER, get_attempt, SEE,
      "v1.message-attempt.get", "Get an attempt" },
    { HTTP_DELETE, APP "/msg/{msg_id}/attempt/{attempt_id}/content", HTTP_WORKER, expunge_attempt,
      API_ORG | API_WRITE, "v1.message-attempt.expunge-content",
      "Remove what a receiver answered" },
    { HTTP_POST, APP "/msg/{msg_id}/endpoint/{endpoint_id}/resend", HTTP_WORKER, resend,
      API_APP | API_WRITE | API_CAN(CORE_MAY_ATTEMPT), "v1.message-attempt.resend",
      "Send a message to an endpoint again" },
};
API_ROUTES(attempt, routes);
