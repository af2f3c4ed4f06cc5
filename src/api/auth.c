/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens: access for an application's owner, ending it.
 */
#include "api/api_priv.h"
#include "api/schemas.h"

enum { EXPIRY_DEFAULT_S = 604800 };

/* The path's application, or the one the body brings along. */
static bool find_or_make(struct api_ctx *c, struct store_application *app)
{
    struct store_tx *tx;
    if (!api_read(c, &tx))
        return false;
    enum rc rc = store_application_find(tx, c->who->org, api_param(c, "app_id"), c->arena, app);
    store_end(tx);
    const json_t *in = api_get(c, "application");
    if (in != NULL && (rc == RC_OK || rc == RC_NOT_FOUND)) {
        struct str uid = api_json_str(json_object_get(in, "uid"));
        if (uid.ptr == NULL) {
            http_invalid(c->req, "body.application.uid", "application_uid_missing",
                         "The application's uid is required here.");
            return false;
        }
        if (!str_eq(uid, api_param(c, "app_id")) && !(rc == RC_OK && str_eq(uid, app->uid))) {
            http_invalid(c->req, "body.application.uid", "application_uid_mismatch",
                         "The application's uid must be the one in the path.");
            return false;
        }
        if (rc == RC_NOT_FOUND)
            return api_application_ensure(c, in, app);
    }
    if (rc != RC_OK)
        api_fail(c, rc);
    return rc == RC_OK;
}

static bool read_capabilities(struct api_ctx *c, struct core_token_spec *spec)
{
    const json_t *list = api_get(c, "capabilities");
    for (size_t i = 0; i < json_array_size(list); i++) {
        unsigned bit = core_capability_find(api_json_str(json_array_get(list, i)));
        if (bit == 0) {
            http_invalid(c->req, "body.capabilities", "value_error", "Not a capability.");
            return false;
        }
        spec->capabilities |= bit;
    }
    return true;
}

void api_reply_access(struct api_ctx *c, const char *token)
{
    struct api_out o;
    const char *base = c->api->o.public_url == NULL ? "" : c->api->o.public_url;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_str(&o, "url", arena_fmt(c->arena, "%s/portal#key=%s", base, token));
    api_out_str(&o, "token", str_from(token));
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

static void app_portal_access(struct http_request *req)
{
    struct api_ctx c;
    struct store_application app;
    if (!api_begin(req, &c) || !api_body(&c, &api_schema_AppPortalAccessIn, true))
        return;
    struct core_token_spec spec = { .org = c.who->org, .name = STR("app portal") };
    if (!read_capabilities(&c, &spec) || !find_or_make(&c, &app) || !api_first(&c))
        return;
    spec.app = app.num;
    spec.read_only = api_get_bool(&c, "readOnly", false);
    spec.feature_flags = api_get_json(&c, "featureFlags");
    spec.session = api_get_str(&c, "sessionId");
    spec.expires_us = c.now_us + api_get_int(&c, "expiry", EXPIRY_DEFAULT_S) * INT64_C(1000000);
    char token[CORE_TOKEN_TEXT + 1];
    enum rc rc = core_access_create(c.api->o.access, &spec, token, NULL);
    if (rc != RC_OK)
        api_fail(&c, rc);
    else
        api_reply_access(&c, token);
    api_remember(&c);
    mem_wipe(token, sizeof(token));
}

static void expire_all(struct http_request *req)
{
    struct api_ctx c;
    struct store_application app;
    if (!api_begin(req, &c) || !api_body(&c, &api_schema_ApplicationTokenExpireIn, true) ||
        !api_only_app(&c, &app))
        return;
    const json_t *sessions = api_get(&c, "sessionIds");
    int64_t at_us = c.now_us + api_get_int(&c, "expiry", 0) * INT64_C(1000000);
    enum rc rc = RC_OK;
    if (json_array_size(sessions) == 0)
        rc = core_access_expire_app(c.api->o.access, app.num, STR_NONE, at_us);
    for (size_t i = 0; rc == RC_OK && i < json_array_size(sessions); i++)
        rc = core_access_expire_app(c.api->o.access, app.num,
                                    api_json_str(json_array_get(sessions, i)), at_us);
    if (rc != RC_OK)
        api_fail(&c, rc);
    else
        api_reply_empty(&c, 204);
}

static void logout(struct http_request *req)
{
    struct api_ctx c;
    if (!api_begin(req, &c))
        return;
    enum rc rc = core_access_revoke(c.api->o.access, c.who);
    if (rc != RC_OK)
        api_fail(&c, rc);
    else
        api_reply_empty(&c, 204);
}

static const struct http_route routes[] = {
    { HTTP_POST, "/api/v1/auth/app-portal-access/{app_id}", HTTP_WORKER, app_portal_access,
      API_ORG | API_WRITE, "v1.authentication.app-portal-access",
      "Get a token and a link for an application's owner" },
    { HTTP_POST, "/api/v1/auth/dashboard-access/{app_id}", HTTP_WORKER, app_portal_access,
      API_ORG | API_WRITE, NULL, "Older spelling of app-portal-access" },
    { HTTP_POST, "/api/v1/auth/app/{app_id}/expire-all", HTTP_WORKER, expire_all,
      API_ORG | API_WRITE, "v1.authentication.expire-all", "End an application's tokens" },
    { HTTP_POST, "/api/v1/auth/logout", HTTP_WORKER, logout, API_ANY, "v1.authentication.logout",
      "End the token this request came with" },
};
API_ROUTES(auth, routes);
