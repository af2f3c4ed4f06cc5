/* SPDX-License-Identifier: Apache-2.0
 *
 * Attempts: lists by endpoint and by message, one attempt, expunging its response, resending.
 */
#include "api/resource/attempt_priv.h"

#include "api/resource/message_priv.h"
#include "api/resource/message_read_priv.h"
#include "api/resource/requeue_priv.h"
#include "api/resource/task_steps_priv.h"
#include "api/schemas/schemas.h"

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
        state = STORE_FAILED; /* to clients that do not know "canceled": nobody received it */
    api_out_int(o, "status", store_state_svix(state));
    api_out_str(o, "statusText", str_from(store_state_text(state)));
    api_out_opt(o, "statusReason", store_reason_name(reason));
}

/* --- writing ---------------------------------------------------------------------------------- */

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

/* The members SDKs know have no place for what went wrong without an answer: `response` takes the words then. They are
 * ours and not the receiver's, so they are shown where its content was not asked for, too. */
static struct str words_of(const struct store_attempt_row *row)
{
    if (row->success || row->error.len == 0 || row->response.ptr == NULL || row->response.len > 0)
        return STR_NONE;
    return row->detail.len > 0 ? row->detail : row->error;
}

/* An attempt itself succeeded or failed; whether another follows shows in nextAttempt. */
static enum store_state attempt_state_of(const struct store_attempt_row *row)
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
    struct str words = words_of(row);
    if (words.ptr != NULL)
        api_out_str(o, "response", words);
    else if (view->with_content)
        write_response(o, row->response);
    else
        api_out_str(o, "response", STR("{}"));
    api_out_int(o, "responseStatusCode", row->http_status);
    api_out_int(o, "responseDurationMs", row->took_us / 1000);
    api_status_write(o, attempt_state_of(row), row->reason, view->expanded);
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
    if (store_message_get(c->api->o.store, app, &row->message, c->arena, &message) != RC_OK) {
        api_out_null(o, "msg");
        return;
    }
    api_out_key(o, "msg");
    api_out_begin(o, '{');
    api_message_write_members(o, &message.message, with_content);
    api_out_end(o, '}');
}

/* --- lists ------------------------------------------------------------------------------------ */

/* How the attempts of a list are shown. */
struct list_view {
    struct attempt_view view;
    int64_t app;
    bool with_msg;
    struct api_endpoint_names *names;
};

static void attempt_write_row(struct api_ctx *c, struct api_out *o, const void *row,
                              const void *arg)
{
    const struct store_attempt_row *attempt = row;
    const struct list_view *v = arg;
    api_out_begin(o, '{');
    write_attempt(o, attempt, api_endpoint_named(c, c->tx, v->names, attempt->endpoint), &v->view);
    if (v->with_msg)
        write_msg(c, o, v->app, attempt, v->view.with_content);
    api_out_end(o, '}');
}

static void reply_list(struct api_ctx *c, const struct store_attempt_filter *f,
                       const struct store_page *page)
{
    struct store_attempt_row *rows = api_page_room(c, page, sizeof(*rows));
    struct store_page_end end = { 0 };
    enum rc rc = store_attempt_list(c->api->o.store, f, page, c->arena, rows, &end);
    if (!api_ok(c, rc) || !api_tx_read(c))
        return;
    struct list_view v = { .view = { .with_content = api_query_bool(c, "with_content", true),
                                     .expanded = api_query_bool(c, "expanded_statuses", false) },
                           .app = f->app,
                           .with_msg = api_query_bool(c, "with_msg", false),
                           .names = ARENA_NEW(c->arena, struct api_endpoint_names) };
    api_reply_page(c, rc, page, &end, API_ROWS(rows, id, "atmpt_", attempt_write_row, &v));
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
                                        .expanded = api_query_bool(c, "expanded_statuses", false),
                                        .status_class = (int)status_class,
                                        .channel = m.channel,
                                        .tag = m.tag,
                                        .event_types = m.event_types,
                                        .event_type_count = m.event_type_count,
                                        .before_us = m.before_us,
                                        .after_us = m.after_us };
    return true;
}

static void list_by_endpoint(struct api_ctx *c)
{
    struct store_page page;
    struct store_attempt_filter f;
    if (!api_page(c, "atmpt_", true, &page) || !read_filter(c, &f))
        return;
    page.descending = true;
    api_page_from(&page, f.after_us, f.before_us);
    f.app = c->app.num;
    f.endpoint = c->endpoint.num;
    reply_list(c, &f, &page);
}

/* endpoint_id of the query, or the path's, narrows the list. False: answered. */
static bool narrow_to_endpoint(struct api_ctx *c, int64_t app, struct store_attempt_filter *f)
{
    struct str name = api_param(c, "endpoint_id");
    if (name.len == 0 && (!http_query(c->req, "endpoint_id", 0, &name) || name.len == 0))
        return true;
    struct store_endpoint ep = { 0 };
    if (!api_tx_read(c))
        return false;
    enum rc rc = store_endpoint_find(c->tx, app, name, c->arena, &ep);
    api_tx_end(c);
    f->endpoint = ep.num;
    return api_ok(c, rc);
}

static void list_by_message(struct api_ctx *c)
{
    struct store_page page;
    struct store_attempt_filter f;
    struct store_message_row message;
    if (!api_page(c, "atmpt_", true, &page) || !read_filter(c, &f) ||
        !api_find_message(c, c->app.num, &message) || !narrow_to_endpoint(c, c->app.num, &f))
        return;
    page.descending = true;
    api_page_from(&page, f.after_us, f.before_us);
    f.app = c->app.num;
    f.message = &message.message.id;
    reply_list(c, &f, &page);
}

/* --- one attempt ------------------------------------------------------------------------------ */

static bool find_attempt(struct api_ctx *c, struct store_attempt_row *row)
{
    struct store_message_row message;
    struct id id;
    if (!api_find_message(c, c->app.num, &message))
        return false;
    enum rc rc = RC_NOT_FOUND;
    if (id_parse(STR("atmpt_"), api_param(c, "attempt_id"), &id) == RC_OK)
        rc =
            store_attempt_get(c->api->o.store, c->app.num, &message.message.id, &id, c->arena, row);
    return api_ok(c, rc);
}

static void get_attempt(struct api_ctx *c)
{
    struct store_attempt_row row;
    if (!find_attempt(c, &row))
        return;
    struct attempt_view view = { .with_content = true,
                                 .with_headers = true,
                                 .expanded = api_query_bool(c, "expanded_statuses", false) };
    struct api_endpoint_names *names = ARENA_NEW(c->arena, struct api_endpoint_names);
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    write_attempt(&o, &row, api_endpoint_named(c, c->tx, names, row.endpoint), &view);
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

static void expunge_attempt(struct api_ctx *c)
{
    struct store_attempt_row row;
    if (!find_attempt(c, &row))
        return;
    enum rc rc = api_expunge(c->api, &row.message, c->app.num, &row.id);
    if (api_ok(c, rc))
        api_reply_empty(c, 204);
}

/* --- resending -------------------------------------------------------------------------------- */

/* A personal endpoint belongs to somebody elsewhere: who could not see what an event was about does not get it
 * by name either. Other endpoints are the operator's, who says what goes where. */
static bool may_get(struct api_ctx *c, int64_t app, int64_t endpoint, const struct store_message *m)
{
    struct core_app *view = NULL;
    if (core_directory_load(c->api->o.directory, app, &view) != RC_OK)
        return false;
    const struct core_endpoint *ep = core_app_endpoint(view, endpoint);
    bool may = ep == NULL || !ep->is_personal || api_endpoint_wants(view, endpoint, m);
    core_app_unref(view);
    return may;
}

static void attempt_resend(struct api_ctx *c)
{
    struct store_message_row message;
    if (!api_find_message(c, c->app.num, &message))
        return;
    if (c->endpoint.disabled) {
        http_error(c->req, 400, "endpoint_disabled", "The endpoint is disabled: enable it first.");
        return;
    }
    if (!may_get(c, c->app.num, c->endpoint.num, &message.message)) {
        http_error(c->req, 400, "not_for_endpoint",
                   "The message was not for this webhook: its user may not see it, or its topic is "
                   "another.");
        return;
    }
    enum rc rc = api_requeue(c->api, &message.message.id, c->app.num, c->endpoint.num, true);
    if (rc == RC_INVALID)
        http_error(c->req, 400, "missing_payload", "The message's payload is gone.");
    else if (api_ok(c, rc))
        api_reply_empty(c, 202);
}

#define SEE (API_APP | API_CAN(ACCESS_MAY_VIEW))
#define APP "/api/v1/app/{app_id}"
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, APP "/attempt/endpoint/{endpoint_id}", SEE,
                "v1.message-attempt.list-by-endpoint",
                "List attempts at an endpoint, newest first"),
      .run = list_by_endpoint, .steps = API_FINDS_ENDPOINT, .out = &api_schema_MessageAttemptOut,
      .status = 200, .is_list = true,
      .query = API_QUERY_MESSAGES " status status_code_class with_msg expanded_statuses" },
    { API_ROUTE(HTTP_GET, "/api/v1/operational-webhook/endpoint/{endpoint_id}/attempt", API_ORG,
                "v1.operational-webhook.endpoint.list-attempts",
                "List attempts at an endpoint for operational webhooks, newest first"),
      .run = list_by_endpoint, .steps = API_OF_EVENTS | API_FINDS_ENDPOINT,
      .out = &api_schema_MessageAttemptOut, .status = 200, .is_list = true,
      .query = API_QUERY_MESSAGES " status status_code_class with_msg expanded_statuses" },
    { API_ROUTE(HTTP_GET, APP "/attempt/msg/{msg_id}", SEE, "v1.message-attempt.list-by-msg",
                "List attempts of a message, newest first"),
      .run = list_by_message, .steps = API_FINDS_APP, .out = &api_schema_MessageAttemptOut,
      .status = 200, .is_list = true,
      .query =
          API_QUERY_MESSAGES " status status_code_class with_msg expanded_statuses endpoint_id" },
    { API_ROUTE(HTTP_GET, APP "/msg/{msg_id}/attempt", SEE, NULL, "Older spelling of /attempt/msg"),
      .run = list_by_message, .steps = API_FINDS_APP },
    { API_ROUTE(HTTP_GET, APP "/msg/{msg_id}/endpoint/{endpoint_id}/attempt", SEE, NULL,
                "Older spelling of /attempt/msg with endpoint_id"),
      .run = list_by_message, .steps = API_FINDS_APP },
    { API_ROUTE(HTTP_GET, APP "/msg/{msg_id}/attempt/{attempt_id}", SEE, "v1.message-attempt.get",
                "Get an attempt"),
      .run = get_attempt, .steps = API_READS | API_FINDS_APP, .out = &api_schema_MessageAttemptOut,
      .status = 200, .query = "expanded_statuses" },
    { API_ROUTE(HTTP_DELETE, APP "/msg/{msg_id}/attempt/{attempt_id}/content", API_ORG | API_WRITE,
                "v1.message-attempt.expunge-content", "Remove what a receiver answered"),
      .run = expunge_attempt, .steps = API_FINDS_APP, .status = 204 },
    { API_ROUTE(HTTP_POST, APP "/msg/{msg_id}/endpoint/{endpoint_id}/resend",
                API_APP | API_WRITE | API_CAN(ACCESS_MAY_ATTEMPT), "v1.message-attempt.resend",
                "Send a message to an endpoint again"),
      .run = attempt_resend, .steps = API_FINDS_ENDPOINT | API_ONCE,
      .out = &api_schema_EmptyResponse, .status = 202 },
};
API_ROUTES(attempt, routes);
