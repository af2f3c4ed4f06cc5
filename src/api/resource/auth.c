/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens: access for an application's owner, ending it.
 */
#include "api/resource/auth_priv.h"

#include "access/session.h"
#include "api/kit/actor.h"
#include "api/kit/seek.h"
#include "api/resource/application_priv.h"
#include "api/schemas/schemas.h"
#include "base/text.h"
#include "store/act.h"

enum { EXPIRY_DEFAULT_S = 604800, CAPABILITY_SHOWN_MAX = 64 };

/* The path's application, or the one the body brings along. */
static bool find_or_make(struct api_ctx *c, struct store_application *app)
{
    if (!api_tx_read(c))
        return false;
    enum rc rc = store_application_find(c->tx, c->who->org, api_param(c, "app_id"), c->arena, app);
    api_tx_end(c);
    const json_t *in = api_get(c, "application");
    if (in != NULL && (rc == RC_OK || rc == RC_NOT_FOUND)) {
        struct str uid = json_str_member(in, "uid");
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
    return api_ok(c, rc);
}

static void refuse_capability(struct api_ctx *c, struct str given)
{
    struct str known = STR_NONE;
    for (unsigned bit = 1; bit <= ACCESS_MAY_ALL; bit <<= 1)
        known = arena_fmt(c->arena, "%.*s%s%s", STR_ARGS(known), known.len > 0 ? ", " : "",
                          access_capability_name(bit));
    given = str_sub(given, 0, CAPABILITY_SHOWN_MAX);
    http_invalid(c->req, "body.capabilities", "value_error",
                 "\"%.*s\" is not a capability. The capabilities are %.*s.", STR_ARGS(given),
                 STR_ARGS(known));
}

static bool read_capabilities(struct api_ctx *c, struct access_token_spec *spec)
{
    const json_t *list = api_get(c, "capabilities");
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct str one = json_str_of(json_array_get(list, i));
        unsigned bit = access_capability_find(one);
        if (bit == 0) {
            refuse_capability(c, one);
            return false;
        }
        spec->capabilities |= bit;
    }
    return true;
}

/* base64 of {"appId","token"}, as Svix' links have it, which people take apart. */
static struct str auth_key_of(struct api_ctx *c, struct str app_id, const char *code)
{
    struct str text =
        arena_fmt(c->arena, "{\"appId\":\"%.*s\",\"token\":\"%s\"}", STR_ARGS(app_id), code);
    char *key = arena_alloc(c->arena, BASE64_LEN(text.len) + 1);
    base64_encode(text.ptr, text.len, key);
    return str_from(key);
}

static void reply_access(struct api_ctx *c, struct str key, const char *token)
{
    struct api_out o;
    const char *base = c->api->o.public_url == NULL ? "" : c->api->o.public_url;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_str(&o, "url", arena_fmt(c->arena, "%s/portal#key=%.*s", base, STR_ARGS(key)));
    api_out_str(&o, "token", str_from(token));
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

void api_give_access(struct api_ctx *c, const struct access_token_spec *spec, struct str app_id)
{
    char token[ACCESS_TOKEN_TEXT + 1], code[ACCESS_TOKEN_TEXT + 1];
    int64_t num = 0;
    struct access *access = c->api->o.access;
    struct access_token_spec by = *spec;
    if (!api_tx_read(c))
        return;
    by.made_by = api_actor(c);
    api_tx_end(c);
    enum rc rc = access_create(access, &by, token, &num);
    if (rc == RC_OK && c->api->o.has_portal)
        rc = access_link_new(access, &by, num, c->api->o.link_lifetime_us, code);
    if (api_ok(c, rc))
        reply_access(c, c->api->o.has_portal ? auth_key_of(c, app_id, code) : str_from(token),
                     token);
    mem_wipe(token, sizeof(token));
    mem_wipe(code, sizeof(code));
}

static void app_portal_access(struct api_ctx *c)
{
    struct store_application app;
    struct access_token_spec spec = { .org = c->who->org, .name = STR("app portal") };
    if (!read_capabilities(c, &spec) || !find_or_make(c, &app))
        return;
    spec.app = app.num;
    spec.read_only = api_get_bool(c, "readOnly", false);
    spec.feature_flags = api_get_json(c, "featureFlags");
    spec.session = api_get_str(c, "sessionId");
    spec.lifetime_us = api_get_int(c, "expiry", EXPIRY_DEFAULT_S) * INT64_C(1000000);
    api_give_access(c, &spec, app.id);
}

/* --- links ------------------------------------------------------------------------------------------- */

/* `text` has just been made. */
static void reply_portal_session(struct api_ctx *c, const char *text)
{
    struct access_identity *who = NULL;
    struct access_proof proof = { str_from(text), false };
    enum rc rc = access_load(c->api->o.access, proof, &who, NULL);
    struct api_out o;
    if (!api_ok(c, rc == RC_DENIED ? RC_NOT_FOUND : rc)) /* what it ends with has just ended */
        return;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_str(&o, "token", str_from(text));
    api_out_opt_date(&o, "expiresAt", who->expires_us);
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
    access_identity_unref(who);
}

static void portal_session(struct api_ctx *c)
{
    char text[ACCESS_TOKEN_TEXT + 1];
    struct store_token link;
    uint64_t from = http_call_stranger(c->req->call);
    int64_t now_us = clock_mono_us(c->api->o.clock);
    http_add_header(c->req, STR("Cache-Control"), STR("no-store"));
    if (!core_meter_has_room(c->api->wrong_codes, from, now_us)) {
        http_error(c->req, 429, "too_many_failures",
                   "Too many wrong codes from your address. Try again in a minute.");
        http_add_header(c->req, STR("Retry-After"), STR("30"));
        return;
    }
    enum rc rc = access_code_take(c->api->o.access, STORE_TOKEN_LINK, api_get_str(c, "code"),
                                  c->api->o.link_once, c->arena, &link);
    if (rc == RC_NOT_FOUND &&
        api_seeks_proof(c->req, (struct access_proof){ api_get_str(c, "code"), false }))
        return;
    if (rc == RC_NOT_FOUND) {
        (void)core_meter_take(c->api->wrong_codes, from, now_us);
        store_act_on(STR("portal-session"), STR(""), STR(""));
        api_act_record(c->req, "refused");
        http_error(c->req, 401, "link_ended",
                   "This link has ended. Whoever gave it to you can give you another.");
        return;
    }
    if (rc == RC_OK)
        rc = access_portal_open(c->api->o.access, &link, text);
    if (api_ok(c, rc))
        reply_portal_session(c, text);
    mem_wipe(text, sizeof(text));
}

static void expire_all(struct api_ctx *c)
{
    const json_t *sessions = api_get(c, "sessionIds");
    int64_t in_us = api_get_int(c, "expiry", 0) * INT64_C(1000000);
    enum rc rc = RC_OK;
    if (json_array_size(sessions) == 0)
        rc = access_expire_app(c->api->o.access, c->app.num, STR_NONE, in_us);
    for (size_t i = 0; rc == RC_OK && i < json_array_size(sessions); i++)
        rc = access_expire_app(c->api->o.access, c->app.num,
                               json_str_of(json_array_get(sessions, i)), in_us);
    if (api_ok(c, rc))
        api_reply_empty(c, 204);
}

static void auth_logout(struct api_ctx *c)
{
    enum rc rc = access_revoke(c->api->o.access, c->who);
    if (!api_ok(c, rc))
        return;
    if (c->who->token == 0) /* of a JWT there is no row whose end could be recorded */
        api_act_record(c->req, "signed-out");
    api_reply_empty(c, 204);
}

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_POST, "/api/v1/auth/app-portal-access/{app_id}", API_ORG | API_WRITE,
                "v1.authentication.app-portal-access",
                "Get a token and a link for an application's owner"),
      .run = app_portal_access, .steps = API_BODY_MAYBE | API_ONCE,
      .in = &api_schema_AppPortalAccessIn, .out = &api_schema_AppPortalAccessOut, .status = 200 },
    { API_ROUTE(HTTP_POST, "/api/v1/auth/dashboard-access/{app_id}", API_ORG | API_WRITE, NULL,
                "Older spelling of app-portal-access"),
      .run = app_portal_access, .steps = API_BODY_MAYBE | API_ONCE,
      .in = &api_schema_AppPortalAccessIn },
    { API_ROUTE(HTTP_POST, "/api/v1/auth/app/{app_id}/expire-all", API_ORG | API_WRITE,
                "v1.authentication.expire-all", "End an application's tokens"),
      .run = expire_all, .steps = API_BODY_MAYBE | API_FINDS_APP,
      .in = &api_schema_ApplicationTokenExpireIn, .status = 204 },
    { API_ROUTE(HTTP_POST, "/api/v1/auth/portal-session", API_OPEN,
                "v1.authentication.portal-session", "Change the code of a portal link for a token"),
      .run = portal_session, .in = &api_schema_PortalSessionIn, .out = &api_schema_PortalSessionOut,
      .status = 200 },
    { API_ROUTE(HTTP_POST, "/api/v1/auth/logout", API_ANY, "v1.authentication.logout",
                "End the token this request came with"),
      .run = auth_logout, .status = 204 },
};
API_ROUTES(auth, routes);
