/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions of the console for people whom somebody else vouches for: an OpenID provider (login/oidc.h), or a proxy that
 * asks for the login itself (login/proxy.h).
 *
 * /console/api/oidc/... are addresses that browsers are led to, not calls: they answer with where to go next. What went
 * wrong is told to the page in the fragment, in a word that it has a sentence for; the log has the rest.
 */
#include "api/resource/session_priv.h"

#include "access/browser.h"
#include "api/schemas/schemas.h"
#include "login/oidc.h"
#include "login/proxy.h"

enum { WHY_MAX = 1024 };

/* --- the ways ------------------------------------------------------------------------------------------- */

static void write_provider(struct api_ctx *c, struct api_out *o)
{
    struct login_oidc *oidc = c->api->o.oidc;
    if (oidc == NULL) {
        api_out_null(o, "openIdConnect");
        return;
    }
    api_out_key(o, "openIdConnect");
    api_out_begin(o, '{');
    api_out_str(o, "name", login_oidc_name(oidc));
    api_out_bool(o, "signsOut", login_oidc_end(oidc, c->arena).len > 0);
    api_out_end(o, '}');
}

static void write_proxy(struct api_ctx *c, struct api_out *o)
{
    struct login_proxy_user user = { 0 };
    const struct login_proxy *proxy = c->api->o.proxy;
    if (proxy == NULL || login_proxy_ask(proxy, c->req->call, &user) != LOGIN_PROXY_KNOWN) {
        api_out_null(o, "proxy");
        return;
    }
    api_out_key(o, "proxy");
    api_out_begin(o, '{');
    api_out_str(o, "name", user.name);
    api_out_end(o, '}');
}

static void show_ways(struct api_ctx *c)
{
    struct api_out o;
    if (!api_session_enter(c))
        return;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    write_provider(c, &o);
    write_proxy(c, &o);
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

/* --- by a proxy ----------------------------------------------------------------------------------------- */

static bool by_proxy(struct api_ctx *c, struct login_proxy_user *user)
{
    const struct login_proxy *proxy = c->api->o.proxy;
    if (proxy == NULL) {
        http_error(c->req, 404, "not_found",
                   "No proxy signs people in here (console.proxy_user_header).");
        return false;
    }
    switch (login_proxy_ask(proxy, c->req->call, user)) {
    case LOGIN_PROXY_KNOWN: return true;
    case LOGIN_PROXY_NO_ROLE:
        api_session_refuse(c, "proxy", "role", 403, API_INSUFFICIENT,
                           "The proxy knows you, but you have no role here. Whoever operates this "
                           "server gives roles (console.proxy_roles).");
        return false;
    case LOGIN_PROXY_FOREIGN:
        api_session_refuse(c, "proxy", "foreign", 403, "foreign_proxy",
                           "The header that says who you are did not come from the proxy "
                           "(console.proxy_from), so it is not believed.");
        return false;
    case LOGIN_PROXY_SILENT: break;
    }
    http_error(c->req, 401, "wrong_login", "The proxy does not say who you are.");
    return false;
}

static void sign_in_by_proxy(struct api_ctx *c)
{
    struct login_proxy_user user;
    struct access_identity *who = NULL;
    struct str cookie;
    if (!api_session_enter(c) || !api_session_is_kept(c) || !by_proxy(c, &user))
        return;
    const struct access_session_of of = { .org = c->api->o.operator_org,
                                          .role = user.role,
                                          .name = user.name };
    if (api_session_open(c, "proxy", &of, &who, &cookie))
        api_session_reply(c, cookie, who);
    access_identity_unref(who);
}

enum rc api_login_holds(struct api_ctx *c, const struct access_identity *who)
{
    struct store_tx *tx = NULL;
    struct store_token row;
    struct login_proxy_user user;
    const struct login_proxy *proxy = c->api->o.proxy;
    enum rc rc = store_read(c->api->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    rc = store_token_by_num(tx, who->token, c->arena, &row);
    store_end(tx);
    if (rc != RC_OK)
        return rc == RC_NOT_FOUND ? RC_DENIED : rc;
    if (!str_eq(row.how, STR("proxy")))
        return RC_OK;
    bool holds = proxy != NULL &&
                 login_proxy_ask(proxy, c->req->call, &user) == LOGIN_PROXY_KNOWN &&
                 str_eq(user.name, row.name) && user.role == who->role;
    return holds ? RC_OK : RC_DENIED;
}

/* --- by OpenID Connect ---------------------------------------------------------------------------------- */

/* "/hooks" of "https://example.com/hooks". */
static struct str console_prefix(const struct api_ctx *c)
{
    struct str rest = c->api->door.console_url;
    if (!str_skip_prefix(&rest, STR("https://")))
        (void)str_skip_prefix(&rest, STR("http://"));
    return str_sub(rest, str_find(rest, '/'), rest.len);
}

static struct str console_origin(const struct api_ctx *c)
{
    struct str url = c->api->door.console_url;
    return str_sub(url, 0, url.len - console_prefix(c).len);
}

static void lead_to(struct api_ctx *c, struct str location)
{
    c->req->is_private = true;
    c->req->reply.status = 303;
    http_add_header(c->req, STR("Location"), location);
    http_add_header(c->req, STR("Cache-Control"), STR("no-store"));
    http_add_header(c->req, STR("Referrer-Policy"), STR("no-referrer"));
}

static void keep_ticket(struct api_ctx *c, struct str value, int age_s)
{
    http_add_header(c->req, STR("Set-Cookie"),
                    arena_fmt(c->arena,
                              "%s=%.*s; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=%d",
                              LOGIN_OIDC_COOKIE, STR_ARGS(value), age_s));
}

/* Back to the page, which says why. */
static void turn_back(struct api_ctx *c, const char *why, struct str detail)
{
    LOG(ACCESS_SIGN_IN_REFUSED, F_STR("peer", c->req->call->peer), F_TEXT("how", "oidc"),
        F_TEXT("why", why), F_STR("detail", detail));
    lead_to(c, arena_fmt(c->arena, "%.*s/console/#refused=%s", STR_ARGS(console_prefix(c)), why));
}

static void turn_back_of(struct api_ctx *c, enum login_oidc_verdict verdict, struct str detail)
{
    if (verdict == LOGIN_OIDC_UNREACHABLE)
        LOG(ACCESS_PROVIDER_UNREACHABLE, F_STR("detail", detail));
    else if (verdict != LOGIN_OIDC_BUSY)
        (void)core_meter_take(c->api->sign_ins, http_call_stranger(c->req->call),
                              clock_mono_us(c->api->o.clock));
    turn_back(c, login_oidc_verdict_name(verdict), detail);
}

/* False: answered. */
static bool oidc_enter(struct api_ctx *c, struct http_request *req)
{
    *c = (struct api_ctx){ .api = req->ctx, .req = req, .arena = req->arena };
    c->now_us = clock_wall_us(c->api->o.clock);
    if (!api_door_is_open(&c->api->door, req->call))
        http_error(req, 404, "not_found", "%s",
                   c->api->door.has_console ? API_CONSOLE_ELSEWHERE : "this server has no console");
    else if (c->api->o.oidc == NULL)
        http_error(req, 404, "not_found",
                   "Nobody signs in by OpenID Connect here (console.oidc_issuer).");
    else if (!core_meter_has_room(c->api->sign_ins, http_call_stranger(req->call),
                                  clock_mono_us(c->api->o.clock)))
        turn_back(c, "limited", STR(""));
    else
        return true;
    return false;
}

static bool is_page_of_ours(struct str path, struct str prefix)
{
    bool is_ours = path.len <= LOGIN_OIDC_NEXT_MAX && str_skip_prefix(&path, prefix) &&
                   str_starts(path, STR("/console/"));
    for (size_t i = 0; i < path.len && is_ours; i++)
        is_ours = path.ptr[i] > ' ' && path.ptr[i] < 0x7f && path.ptr[i] != '\\';
    return is_ours;
}

/* Where to go afterwards: a page of the console and nothing else, whatever a link says. */
static struct str next_page(struct api_ctx *c)
{
    struct str wanted;
    struct str prefix = console_prefix(c);
    if (http_query(c->req, "next", 0, &wanted) && is_page_of_ours(wanted, prefix))
        return wanted;
    return arena_fmt(c->arena, "%.*s/console/", STR_ARGS(prefix));
}

static void oidc_start(struct http_request *req)
{
    struct api_ctx c;
    struct login_oidc_step step;
    struct buf why;
    if (!oidc_enter(&c, req))
        return;
    if (!access_origin_keeps_secure(console_origin(&c))) {
        turn_back(&c, "https", c.api->door.console_url);
        return;
    }
    buf_init(&why, WHY_MAX);
    enum login_oidc_verdict verdict =
        login_oidc_begin(c.api->o.oidc, next_page(&c), req->arena, &step, &why);
    if (verdict == LOGIN_OIDC_OK) {
        keep_ticket(&c, step.cookie, LOGIN_OIDC_COOKIE_S);
        lead_to(&c, step.location);
    } else {
        turn_back_of(&c, verdict, arena_str(req->arena, buf_str(&why)));
    }
    buf_fini(&why);
}

static struct str query_text(struct http_request *req, const char *name)
{
    struct str value;
    return http_query(req, name, 0, &value) ? value : STR_NONE;
}

static void let_in(struct api_ctx *c, const struct login_oidc_user *user)
{
    struct access_identity *who = NULL;
    struct str cookie;
    const struct access_session_of of = { .org = c->api->o.operator_org,
                                          .role = user->role,
                                          .name = user->name };
    if (api_session_open(c, "oidc", &of, &who, &cookie))
        lead_to(c, user->next);
    access_identity_unref(who);
}

static void oidc_callback(struct http_request *req)
{
    struct api_ctx c;
    struct login_oidc_user user;
    struct buf why;
    if (!oidc_enter(&c, req))
        return;
    const struct login_oidc_answer answer = {
        .cookie = access_cookie_find(http_call_header(req->call, "cookie"), STR(LOGIN_OIDC_COOKIE)),
        .state = query_text(req, "state"),
        .code = query_text(req, "code"),
        .issuer = query_text(req, "iss"),
        .error = query_text(req, "error"),
        .error_description = query_text(req, "error_description"),
    };
    buf_init(&why, WHY_MAX);
    enum login_oidc_verdict verdict =
        login_oidc_finish(c.api->o.oidc, &answer, req->arena, &user, &why);
    keep_ticket(&c, STR(""), 0);
    if (verdict == LOGIN_OIDC_OK)
        let_in(&c, &user);
    else
        turn_back_of(&c, verdict, arena_str(req->arena, buf_str(&why)));
    buf_fini(&why);
}

static void oidc_end(struct http_request *req)
{
    struct api_ctx c;
    if (!oidc_enter(&c, req))
        return;
    struct str address = login_oidc_end(c.api->o.oidc, req->arena);
    lead_to(&c, address.len > 0
                    ? address
                    : arena_fmt(c.arena, "%.*s/console/", STR_ARGS(console_prefix(&c))));
}

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, "/console/api/ways", API_OPEN, "v1.console.ways.get",
                "How one can sign in to the console"),
      .run = show_ways, .out = &api_schema_ConsoleWaysOut, .status = 200 },
    { API_ROUTE(HTTP_POST, "/console/api/session/proxy", API_OPEN, "v1.console.session.proxy",
                "Sign in to the console as whom the proxy says"),
      .run = sign_in_by_proxy, .out = &api_schema_ConsoleSessionOut, .status = 200 },
    { .http = { HTTP_GET, "/console/api/oidc/start", HTTP_WORKER, oidc_start, API_OPEN, NULL,
                "Leads to the OpenID provider" } },
    { .http = { HTTP_GET, API_OIDC_CALLBACK, HTTP_WORKER, oidc_callback, API_OPEN, NULL,
                "Where the OpenID provider sends browsers back to" } },
    { .http = { HTTP_GET, "/console/api/oidc/end", HTTP_WORKER, oidc_end, API_OPEN, NULL,
                "Leads to the logout at the OpenID provider" } },
};
API_ROUTES(login, routes);
