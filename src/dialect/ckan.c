/* SPDX-License-Identifier: Apache-2.0
 *
 * CKAN's action API as far as webhooks go: finding the action, reading its input, checking the caller
 * with the CKAN site, and answering as CKAN does, errors included.
 */
#include "dialect/ckan_answer_priv.h"

#include "dialect/ckan_cache_priv.h"
#include "dialect/ckan_event_priv.h"
#include "dialect/ckan_hook_priv.h"
#include "dialect/ckan_site_priv.h"

#include "core/refusal.h"
#include "http/url.h"
#include "metrics/metrics.h"
#include "store/act.h"

enum { WHY_MAX = 400 };

enum who { USER, TOKEN, ANYONE };

static void help_show(struct ckan_call *c);

static const struct action {
    const char *name;
    void (*run)(struct ckan_call *c);
    enum who who;
    bool may_get;
    const char *help;
} actions[] = {
    { "webhook_create", ckan_webhook_create, USER, false,
      "Subscribe `address` to `topic`, if wished to the one entity `entity_id`. Gives the new id." },
    { "webhook_show", ckan_webhook_show, USER, true,
      "The webhook `id`: id, address, topic, user_id, created_at." },
    { "webhook_list", ckan_webhook_list, USER, true,
      "The ids of your webhooks, of `topic` if given." },
    { "webhook_delete", ckan_webhook_delete, USER, false,
      "Delete the webhook `id`. Gives the id." },
    { "webhook_secret", ckan_webhook_secret, USER, false,
      "The secret that deliveries to the webhook `id` are signed with." },
    { "webhook_event", ckan_webhook_event, TOKEN, false,
      "Hand over a change of the site: `topic`, `entity`, `id`, `private`, `owner_org`." },
    { "webhook_import", ckan_webhook_import, TOKEN, false,
      "Take over a webhook: `id`, `address`, `user_id`, `topic`, `created_at`." },
    { "help_show", help_show, ANYONE, true, "What the action `name` does." },
};

/* --- answers ------------------------------------------------------------------------------------- */

static void reply_json(struct ckan_call *c, int status, json_t *whole)
{
    c->req->reply.status = status;
    c->req->reply.content_type = STR("application/json;charset=utf-8");
    c->req->reply.body = json_text(c->arena, whole);
    json_decref(whole);
}

static json_t *help_url(const struct ckan_call *c)
{
    return json_sprintf("%s/api/3/action/help_show?name=%s", c->ckan->public_url, c->action);
}

static void ckan_refuse(struct ckan_call *c, int status, json_t *error)
{
    reply_json(c, status,
               json_pack("{s:o, s:b, s:o}", "help", help_url(c), "success", 0, "error", error));
}

void ckan_succeed(struct ckan_call *c, json_t *result)
{
    reply_json(c, 200,
               json_pack("{s:o, s:b, s:o}", "help", help_url(c), "success", 1, "result", result));
}

void ckan_not_authorized(struct ckan_call *c, const char *message)
{
    ckan_refuse(c, 403,
                json_pack("{s:s, s:o}", "__type", "Authorization Error", "message",
                          json_sprintf("Access denied: %s", message)));
}

void ckan_not_found(struct ckan_call *c)
{
    ckan_refuse(c, 404,
                json_pack("{s:s, s:s}", "__type", "Not Found Error", "message", "Not found"));
}

void ckan_complain(json_t *errors, const char *field, const char *message)
{
    json_t *list = json_object_get(errors, field);
    if (list == NULL)
        json_object_set_new(errors, field, json_pack("[s]", message));
    else
        json_array_append_new(list, json_string(message));
}

bool ckan_refused(struct ckan_call *c, json_t *errors)
{
    if (json_object_size(errors) == 0) {
        json_decref(errors);
        return false;
    }
    json_object_set_new(errors, "__type", json_string("Validation Error"));
    c->req->refusal = CORE_REFUSAL_INVALID; /* CKAN says 409 for it */
    ckan_refuse(c, 409, errors);
    return true;
}

void ckan_unavailable(struct ckan_call *c, const char *message)
{
    struct http_header *again = ARENA_NEW(c->arena, struct http_header);
    *again = (struct http_header){ STR("Retry-After"), STR("5") };
    ckan_refuse(c, 503,
                json_pack("{s:s, s:s}", "__type", "Service Unavailable", "message", message));
    c->req->reply.headers = again;
    c->req->reply.header_count = 1;
}

void ckan_fail(struct ckan_call *c, enum rc rc)
{
    if (rc == RC_NOT_FOUND)
        ckan_not_found(c);
    else
        ckan_unavailable(c, rc == RC_BUSY ? "The server is busy." : "The store does not answer.");
}

/* CKAN answers these with a bare JSON string. */
static void bad_request(struct ckan_call *c, const char *what, struct str detail)
{
    reply_json(
        c, 400,
        json_sprintf("Bad request - %s: %.*s", what, STR_ARGS(str_cut_utf8(detail, WHY_MAX))));
}

/* --- input --------------------------------------------------------------------------------------- */

struct str ckan_input(const struct ckan_call *c, const char *name)
{
    const json_t *v = json_object_get(c->in, name);
    if (!json_is_string(v) || json_string_length(v) == 0)
        return STR_NONE;
    return json_str_of(v);
}

static void ckan_release(void *json)
{
    json_decref(json);
}

/* Reads take their input from the query as well, the names that actions know only. */
static void read_query(struct ckan_call *c)
{
    static const char *const names[] = { "id", "topic", "name" };
    struct str value;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (http_query(c->req, names[i], 0, &value) && str_is_utf8(value))
            json_object_set_new(c->in, names[i],
                                json_stringn(value.ptr == NULL ? "" : value.ptr, value.len));
}

static bool read_input(struct ckan_call *c, const struct action *action)
{
    struct json_error error;
    struct str body = c->req->call->body;
    bool is_get = c->req->call->head->method == HTTP_GET;
    if (is_get && !action->may_get) {
        bad_request(c, "JSON Error",
                    STR("Invalid request. Please use POST method for your request"));
        return false;
    }
    if (is_get || body.len == 0) {
        c->in = json_object();
        if (is_get)
            read_query(c);
    } else if (json_parse(body, &c->in, &error) != RC_OK) {
        bad_request(c, "JSON Error", str_from(error.reason));
        return false;
    }
    arena_defer(c->arena, ckan_release, c->in);
    if (json_is_object(c->in))
        return true;
    bad_request(c, "JSON Error", STR("Request data needs to be a dictionary."));
    return false;
}

/* --- who may ------------------------------------------------------------------------------------- */

static bool is_line(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 0x7f)
            return false;
    return true;
}

static struct str credential_of(const struct http_request *req)
{
    struct str credential = http_call_header(req->call, "authorization");
    if (credential.len == 0)
        credential = http_call_header(req->call, "x-ckan-api-key");
    return credential.len <= CKAN_CREDENTIAL_MAX && is_line(credential) ? credential : STR_NONE;
}

static bool ckan_suffices(const struct dialect_ckan *ckan, const struct ckan_user *user)
{
    switch (ckan->minimum) {
    case CKAN_AUTH_NONE: return true;
    case CKAN_AUTH_EDITOR: return user->is_sysadmin || user->is_editor;
    case CKAN_AUTH_ADMIN: return user->is_sysadmin || user->is_admin;
    case CKAN_AUTH_SYSADMIN: return user->is_sysadmin;
    case CKAN_AUTH_UNKNOWN: break;
    }
    return false;
}

static bool user_may(struct ckan_call *c)
{
    struct str credential = credential_of(c->req);
    if (c->ckan->minimum == CKAN_AUTH_UNKNOWN) {
        LOG(CKAN_MINIMUM_AUTH_UNKNOWN, F_TEXT("value", c->ckan->conf->ckan_minimum_auth));
        ckan_not_authorized(
            c, "nobody may use webhooks here; the site's administrator has to look at the log");
        return false;
    }
    if (credential.len == 0) {
        ckan_not_authorized(c, "you must be logged in to use webhooks");
        return false;
    }
    enum rc rc = ckan_site_user(c->ckan, credential, c->arena, &c->user);
    if (rc == RC_BUSY || rc == RC_IO)
        ckan_unavailable(c, "The CKAN site cannot be asked who you are.");
    else if (rc != RC_OK)
        ckan_not_authorized(c, "the CKAN site does not know this credential");
    else if (!ckan_suffices(c->ckan, &c->user))
        ckan_not_authorized(c, "your role does not allow you to use webhooks");
    else {
        store_act_who(STR("ckan"), c->user.id, STR(""), c->set->o.org);
        return true;
    }
    return false;
}

static bool token_may(struct ckan_call *c)
{
    struct access_identity *who = NULL;
    if (!api_authorize(c->req, &who))
        return false;
    if (who->org == c->set->o.org)
        return true;
    ckan_not_authorized(c, "the token is of another organisation");
    return false;
}

/* --- the way in ---------------------------------------------------------------------------------- */

static void help_show(struct ckan_call *c)
{
    struct str name = ckan_input(c, "name");
    for (size_t i = 0; i < COUNT_OF(actions); i++)
        if (str_eq(name, str_from(actions[i].name))) {
            ckan_succeed(c, json_string(actions[i].help));
            return;
        }
    ckan_not_found(c);
}

static void ckan_perform(struct http_request *req, struct str name, enum who limit)
{
    struct dialect_set *set = dialect_set_of(req);
    struct ckan_call c = { .set = set,
                           .ckan = set->ckan,
                           .req = req,
                           .arena = req->arena,
                           .now_us = clock_wall_us(set->o.clock) };
    const struct action *found = NULL;
    for (size_t i = 0; i < COUNT_OF(actions); i++)
        if (str_eq(name, str_from(actions[i].name)) &&
            (actions[i].who == TOKEN) == (limit == TOKEN))
            found = &actions[i];
    if (found == NULL) {
        bad_request(&c, "Action name not known", name);
        return;
    }
    c.action = found->name;
    if (found->who == USER && !user_may(&c))
        return;
    if (found->who == TOKEN && !token_may(&c))
        return;
    if (read_input(&c, found))
        found->run(&c);
}

static void ckan_act(struct http_request *req)
{
    ckan_perform(req, req->params[0], ANYONE);
}

static void take_event(struct http_request *req)
{
    ckan_perform(req, STR("webhook_event"), TOKEN);
}

static void take_import(struct http_request *req)
{
    ckan_perform(req, STR("webhook_import"), TOKEN);
}

static const struct http_route routes[] = {
    { HTTP_GET, "/api/3/action/{action}", HTTP_WORKER, ckan_act, API_OPEN, NULL, NULL },
    { HTTP_POST, "/api/3/action/{action}", HTTP_WORKER, ckan_act, API_OPEN, NULL, NULL },
    { HTTP_GET, "/api/action/{action}", HTTP_WORKER, ckan_act, API_OPEN, NULL, NULL },
    { HTTP_POST, "/api/action/{action}", HTTP_WORKER, ckan_act, API_OPEN, NULL, NULL },
    { HTTP_POST, "/api/3/action/webhook_event", HTTP_WORKER, take_event,
      API_ORG | API_WRITE | API_MESSAGES, NULL, NULL },
    { HTTP_POST, "/api/action/webhook_event", HTTP_WORKER, take_event,
      API_ORG | API_WRITE | API_MESSAGES, NULL, NULL },
    { HTTP_POST, "/api/3/action/webhook_import", HTTP_WORKER, take_import, API_ORG | API_WRITE,
      NULL, NULL },
    { HTTP_POST, "/api/action/webhook_import", HTTP_WORKER, take_import, API_ORG | API_WRITE, NULL,
      NULL },
};

void dialect_ckan_add_routes(struct http_router *router)
{
    http_router_add(router, routes, COUNT_OF(routes));
}

/* --- making it ----------------------------------------------------------------------------------- */

static enum ckan_auth minimum_of(const char *text)
{
    static const struct {
        const char *name;
        enum ckan_auth auth;
    } known[] = { { "", CKAN_AUTH_NONE },
                  { "none", CKAN_AUTH_NONE },
                  { "editor", CKAN_AUTH_EDITOR },
                  { "admin", CKAN_AUTH_ADMIN },
                  { "sysadmin", CKAN_AUTH_SYSADMIN } };
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (str_ieq(str_trim(str_from(text)), str_from(known[i].name)))
            return known[i].auth;
    return CKAN_AUTH_UNKNOWN;
}

static enum rc ckan_check(const struct dialect_ckan *ckan, struct buf *why)
{
    const char *token = ckan->conf->ckan_token;
    struct http_url url;
    if (http_url_parse(str_from(ckan->conf->ckan_site_url), &url, NULL) != RC_OK) {
        buf_say(
            why,
            "ckan.site_url must be the address of the CKAN site, such as https://data.example.org");
        return RC_INVALID;
    }
    if (url.userinfo.ptr != NULL) {
        buf_say(why,
                "ckan.site_url is told to subscribers, so it must not hold credentials; those of "
                "the site's API go into ckan.api_url or ckan.token");
        return RC_INVALID;
    }
    if (http_url_parse(str_from(ckan->api_url), &url, NULL) != RC_OK) {
        buf_say(why, "ckan.api_url is no address");
        return RC_INVALID;
    }
    if (token != NULL && !is_line(str_from(token))) {
        buf_say(why, "ckan.token has characters that no token has");
        return RC_INVALID;
    }
    return RC_OK;
}

enum rc dialect_ckan_new(struct dialect_set *set, struct buf *why)
{
    struct dialect_ckan *ckan = XNEW(struct dialect_ckan);
    set->ckan = ckan;
    ckan->conf = set->o.conf;
    ckan->public_url = set->o.public_url;
    ckan->minimum = minimum_of(ckan->conf->ckan_minimum_auth);
    ckan->cache = ckan_cache_new(set->o.clock, ckan->conf->ckan_auth_cache);
    atomic_init(&ckan->asking, 0);
    atomic_init(&ckan->swept_us, 0);
    ckan->api_url = ckan->conf->ckan_api_url;
    if (ckan->api_url[0] == '\0')
        ckan->api_url = ckan->conf->ckan_site_url;
    enum rc rc = ckan_check(ckan, why);
    /* The operator names the site: it may well be in a private network. */
    if (rc == RC_OK)
        rc = fetch_policy_new(STR("0.0.0.0/0,::/0"), STR(""), false, &ckan->policy, why);
    if (rc == RC_OK)
        rc = tls_client_context(
            &(struct tls_client_options){ .ca_file = dialect_file(ckan->conf->ckan_ca_file),
                                          .verify = true },
            &ckan->tls, why);
    if (rc == RC_OK && dialect_file(ckan->conf->ckan_ca_file) != NULL)
        metrics_set(METRIC_TLS_EXPIRY_CKAN_AUTHORITIES,
                    tls_authorities_until_us(ckan->tls) / 1000000);
    if (rc == RC_OK && ckan->minimum == CKAN_AUTH_UNKNOWN)
        LOG(CKAN_MINIMUM_AUTH_UNKNOWN, F_TEXT("value", ckan->conf->ckan_minimum_auth));
    return rc;
}

void dialect_ckan_free(struct dialect_ckan *ckan)
{
    if (ckan == NULL)
        return;
    ckan_cache_free(ckan->cache);
    SSL_CTX_free(ckan->tls);
    fetch_policy_unref(ckan->policy);
    xfree(ckan);
}
