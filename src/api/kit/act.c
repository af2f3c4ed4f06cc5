/* SPDX-License-Identifier: Apache-2.0
 *
 * See api/kit/act.h. What a request is about is the last object that its path names, but for messages, which their
 * endpoint only concerns. Names in a path may be uids: what finds an object says its id.
 */
#include "api/kit/act.h"

#include "api/kit/ctx.h"

static const struct {
    const char *param, *kind;
} objects[] = {
    { "app_id", "application" },
    { "endpoint_id", "endpoint" },
    { "event_type_name", "event-type" },
    { "source_id", "source" },
    { "filter_id", "filter" },
    { "event", "filter-chain" },
    { "run_id", "filter-run" },
    { "request_id", "request" },
    { "task_id", "task" },
    { "token_id", "token" },
    { "user_id", "user" },
    { "session_id", "session" },
    { "tenant_id", "organisation" },
    { "view_id", "view" },
    { "issue_id", "issue" },
    { "rule_id", "alert-rule" },
    { "msg_id", "message" },
    { "attempt_id", "attempt" },
};

static const char *kind_of_param(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(objects); i++)
        if (str_eq(name, str_from(objects[i].param)))
            return objects[i].kind;
    return NULL;
}

static void act_read_path(struct http_request *req, struct store_act *act)
{
    struct str rest = str_from(req->route->pattern), part;
    for (size_t n = 0; str_split(&rest, '/', &part);) {
        if (part.len < 2 || part.ptr[0] != '{' || n == HTTP_PARAMS_MAX)
            continue;
        const char *kind = kind_of_param(str_sub(part, 1, part.len - 2));
        struct str value = req->params[n++];
        if (kind == NULL)
            continue;
        if (strcmp(kind, "endpoint") == 0 && str_eq(act->object_kind, STR("message"))) {
            act->about = value;
            continue;
        }
        act->object_kind = str_from(kind);
        act->object_id = value;
    }
}

void api_act_enter(struct http_request *req)
{
    struct store_act *act = ARENA_NEW(req->arena, struct store_act);
    const struct http_route *route = req->route;
    struct str method = http_method_name(route->method);
    act->operation = route->operation != NULL
                         ? str_from(route->operation)
                         : arena_fmt(req->arena, "%.*s %s", STR_ARGS(method), route->pattern);
    act->peer = req->call->peer;
    act->request = req->call->request_id;
    act_read_path(req, act);
    store_act_begin(act);
}

static const char *kind_of_identity(const struct access_identity *who)
{
    if (who->token == 0)
        return "jwt";
    return who->kind == STORE_TOKEN_SESSION  ? "session"
           : who->kind == STORE_TOKEN_PORTAL ? "portal"
                                             : "token";
}

void api_act_is(struct http_request *req, const struct access_identity *who)
{
    struct str of = who->app == 0 ? who->org_id : who->app_id;
    if (who->token != 0)
        of = arena_fmt(req->arena, "%lld", (long long)who->token);
    store_act_who(str_from(kind_of_identity(who)), of, who->name, who->org);
}

void api_act_found(const char *kind, struct str id, struct str name, int64_t app)
{
    struct store_act *act = store_act_now();
    if (act == NULL)
        return;
    act->app = app;
    if (str_eq(act->object_kind, str_from(kind)))
        store_act_on(act->object_kind, id, name);
    else if (strcmp(kind, "application") != 0)
        act->about = id;
}

bool api_act_counts(const struct http_request *req)
{
    unsigned access = req->route->access;
    const struct store_act *act = store_act_now();
    return act != NULL && !act->is_repeat && (access & API_WRITE) != 0 &&
           (access & API_MESSAGES) == 0;
}

/* Done is done: what cannot be recorded afterwards is in the log at least. */
void api_act_record(struct http_request *req, const char *action)
{
    const struct api *api = req->ctx;
    const struct store_act *act = store_act_now();
    enum rc rc = store_audit_act(api->o.store, action);
    if (rc != RC_OK)
        LOG(API_AUDIT_LOST, F_STR("req", req->call->request_id), F_STR("operation", act->operation),
            F_STR("who", act->who_id), F_STR("object", act->object_id), F_TEXT("rc", rc_name(rc)));
}

void api_act_leave(struct http_request *req)
{
    struct store_act *act = store_act_now();
    bool is_done = req->reply.status >= 200 && req->reply.status < 300;
    if (is_done && act->written == 0 && api_act_counts(req))
        api_act_record(req, "did");
    store_act_end(act);
}
