/* SPDX-License-Identifier: Apache-2.0
 *
 * The console's sessions. Somebody proves who they are once and gets a cookie that scripts cannot read; access/browser.h
 * says when it counts. These answers are for our own pages: no other origin may read them.
 */
#include "api/resource/session_priv.h"

#include "access/browser.h"
#include "api/kit/seek.h"
#include "api/schemas/schemas.h"
#include "store/act.h"

enum { COOKIE_DAYS = 7 };

/* --- what somebody proves themselves with ---------------------------------------------------------------- */

struct sign_in {
    struct access_session_of of;
    const char *how;
};

/* A name is given by whoever asks: it is kept as what it is about, not as who it was. */
static void record_refusal(struct api_ctx *c, const char *how)
{
    struct str name = api_get_str(c, "name");
    if (name.ptr != NULL)
        store_act_on(STR("user"), STR(""), name);
    else
        store_act_on(str_from(how), STR(""), STR(""));
    api_act_record(c->req, "refused");
}

void api_session_refuse(struct api_ctx *c, const char *how, const char *why, int status,
                        const char *code, const char *words)
{
    if (status == 401 ||
        status == 403) /* and not what is over the limit: there is no end to that */
        record_refusal(c, how);
    LOG(ACCESS_SIGN_IN_REFUSED, F_STR("peer", c->req->call->peer), F_TEXT("how", how),
        F_TEXT("why", why));
    http_error(c->req, status, code, "%s", words);
    if (status == 429 || status == 503)
        http_add_header(c->req, STR("Retry-After"), status == 429 ? STR("30") : STR("1"));
}

bool api_session_refuse_wrong(struct api_ctx *c, const char *how, const char *words)
{
    (void)core_meter_take(c->api->sign_ins, http_call_stranger(c->req->call),
                          clock_mono_us(c->api->o.clock));
    api_session_refuse(c, how, "wrong", 401, "wrong_login", words);
    return false;
}

static bool refuse_limited(struct api_ctx *c, const char *how)
{
    api_session_refuse(
        c, how, "limited", 429, "too_many_failures",
        "Too many failed logins from your address or with this name. Try again in a minute.");
    return false;
}

bool api_session_may_try(struct api_ctx *c, const char *how)
{
    return core_meter_has_room(c->api->sign_ins, http_call_stranger(c->req->call),
                               clock_mono_us(c->api->o.clock)) ||
           refuse_limited(c, how);
}

/* A session ends with its token, and a JWT has no row that it could end with. */
static bool judge_token(struct api_ctx *c, const struct access_identity *who)
{
    if (who->app == 0 && who->token != 0 && who->kind == STORE_TOKEN_BEARER)
        return true;
    api_session_refuse(
        c, "token", "kind", 403, "wrong_token",
        who->token == 0
            ? "A JWT cannot open a session. Use a token made by `grapnel token create`, "
              "or the link of `grapnel console`."
            : "This token is bound to one application. Use one of the organisation.");
    return false;
}

/* Of a token that is gone, empty texts. */
static struct store_token row_of_token(struct api_ctx *c, int64_t num)
{
    const struct store_token none = { .name = STR(""), .how = STR("") };
    struct store_tx *tx = NULL;
    struct store_token row;
    if (store_read(c->api->o.store, &tx) != RC_OK)
        return none;
    enum rc rc = store_token_by_num(tx, num, c->arena, &row);
    store_end(tx);
    return rc == RC_OK ? row : none;
}

static bool by_token(struct api_ctx *c, struct sign_in *in)
{
    struct access_identity *who = NULL;
    struct access_proof proof = { str_trim(api_get_str(c, "token")), false };
    enum rc rc = access_load(c->api->o.access, proof, &who, NULL);
    in->how = "token";
    if (rc == RC_NOT_FOUND && api_seeks_proof(c->req, proof))
        return false;
    if (rc == RC_DENIED || rc == RC_NOT_FOUND)
        return api_session_refuse_wrong(c, "token", "This token is not valid.");
    if (!api_ok(c, rc))
        return false;
    bool is_fine = judge_token(c, who);
    if (is_fine)
        in->of = (struct access_session_of){ .org = who->org,
                                             .read_only = who->read_only,
                                             .role = who->role,
                                             .name = row_of_token(c, who->token).name,
                                             .parent = who->token };
    access_identity_unref(who);
    return is_fine;
}

static bool by_code(struct api_ctx *c, struct sign_in *in)
{
    struct store_token row;
    enum rc rc = access_code_take(c->api->o.access, STORE_TOKEN_LOGIN, api_get_str(c, "code"), true,
                                  c->arena, &row);
    in->how = "code";
    if (rc == RC_NOT_FOUND &&
        api_seeks_proof(c->req, (struct access_proof){ api_get_str(c, "code"), false }))
        return false;
    if (rc == RC_NOT_FOUND)
        return api_session_refuse_wrong(
            c, "code",
            "This link was used before or is older than five minutes. Run "
            "`grapnel console` again.");
    if (!api_ok(c, rc))
        return false;
    in->of = (struct access_session_of){ .org = row.org, .name = row.name };
    return true;
}

bool api_session_judge(struct api_ctx *c, enum access_login verdict, const char *words)
{
    if (verdict == ACCESS_LOGIN_LIMITED)
        return refuse_limited(c, "password");
    if (verdict == ACCESS_LOGIN_BUSY)
        api_session_refuse(c, "password", "busy", 503, "busy", "The server is busy. Try again.");
    else if (verdict != ACCESS_LOGIN_OK)
        api_session_refuse(c, "password", "wrong", 401, "wrong_login", words);
    return verdict == ACCESS_LOGIN_OK;
}

bool api_session_second(struct api_ctx *c, const struct access_user *user)
{
    struct str otp = str_trim(api_get_str(c, "otp"));
    if (user->row.totp.ptr == NULL)
        return true;
    if (otp.len == 0) {
        http_error(c->req, 401, "second_factor_needed",
                   "Give the code that your authenticator shows, too.");
        return false;
    }
    return api_session_judge(c, access_login_code(c->api->users, user, otp, c->arena),
                             "The code is wrong, or was used already.");
}

static bool by_password(struct api_ctx *c, struct sign_in *in)
{
    struct access_user user;
    struct str tenant = api_get_str(c, "tenant");
    in->how = "password";
    if (!access_user_is_here(c->api->users, tenant.ptr == NULL ? STR("") : tenant,
                             api_get_str(c, "name")) &&
        api_seeks_user(c->req, tenant.ptr == NULL ? STR("") : tenant, api_get_str(c, "name")))
        return false;
    enum access_login verdict = access_login_password(
        c->api->users, http_call_stranger(c->req->call), tenant.ptr == NULL ? STR("") : tenant,
        api_get_str(c, "name"), api_get_str(c, "password"), c->arena, &user);
    if (!api_session_judge(c, verdict, "The name, the tenant or the password is wrong.") ||
        !api_session_second(c, &user))
        return false;
    in->of = (struct access_session_of){ .org = user.row.org,
                                         .name = user.row.name,
                                         .user = user.row.num };
    if (access_console_rights(&user, &in->of.role) == RC_OK)
        return true;
    api_session_refuse(
        c, "password", "role", 403, API_INSUFFICIENT,
        "This user may not use the console. The role admin, operator or viewer is needed "
        "(grapnel user roles).");
    return false;
}

static bool session_prove(struct api_ctx *c, struct sign_in *in)
{
    bool has_token = api_has(c, "token"), has_code = api_has(c, "code");
    bool has_name = api_has(c, "name") && api_has(c, "password");
    if (has_token + has_code + has_name != 1) {
        http_invalid(c->req, "body", "value_error", "Give one of: token; code; name and password.");
        return false;
    }
    if (has_name)
        return by_password(c, in);
    if (!api_session_may_try(c, has_token ? "token" : "code"))
        return false;
    return has_token ? by_token(c, in) : by_code(c, in);
}

/* --- answers -------------------------------------------------------------------------------------------- */

static void set_cookie(struct api_ctx *c, struct str value, int64_t age_s)
{
    http_add_header(c->req, STR("Set-Cookie"),
                    arena_fmt(c->arena,
                              "%s=%.*s; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=%lld",
                              ACCESS_COOKIE, STR_ARGS(value), (long long)age_s));
}

void api_session_reply(struct api_ctx *c, struct str cookie, const struct access_identity *who)
{
    char csrf[ACCESS_CSRF_TEXT + 1];
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_bool(&o, "signedIn", who != NULL);
    if (who != NULL) {
        access_csrf_of(cookie, csrf);
        api_out_str(&o, "csrf", str_from(csrf));
        if (!api_who_write(c, &o, "who", who))
            return;
        api_out_str(&o, "how", row_of_token(c, who->token).how);
        api_out_bool(&o, "isUser", who->user != 0);
        api_out_bool(&o, "isOperator", who->org == c->api->o.operator_org);
    }
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

/* False: answered. */
bool api_session_enter(struct api_ctx *c)
{
    if (!c->req->is_private) /* no session was asked for, and so nothing has been said yet */
        http_add_header(c->req, STR("Cache-Control"), STR("no-store"));
    c->req->is_private = true;
    if (!c->api->door.has_console)
        http_error(c->req, 404, "not_found", "this server has no console");
    else if (!api_door_is_open(&c->api->door, c->req->call))
        http_error(c->req, 404, "not_found", "%s", API_CONSOLE_ELSEWHERE);
    else if (!api_is_from_here(&c->api->door, c->req->call))
        http_error(c->req, 403, "foreign_origin",
                   "This call is for the console's own page. If it came from there, set "
                   "server.public_url (or console.public_url) to the address you use.");
    else
        return true;
    return false;
}

/* --- the calls ------------------------------------------------------------------------------------------ */

/* The session that the cookie stands for; NULL: none (RC_OK), or RC_IO. */
static enum rc load_cookie(struct api_ctx *c, struct str cookie, struct access_identity **out)
{
    *out = NULL;
    if (cookie.len == 0 || cookie.len > ACCESS_TOKEN_MAX)
        return RC_OK;
    enum rc rc = access_load(c->api->o.access, (struct access_proof){ cookie, true }, out, NULL);
    return rc == RC_DENIED || rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* The cookie is about to be replaced, and nobody could end it later. */
static void end_old(struct api_ctx *c)
{
    struct access_identity *who = NULL;
    enum rc rc = load_cookie(c, api_cookie(&c->api->door, c->req->call), &who);
    if (rc == RC_OK && who != NULL)
        rc = access_revoke(c->api->o.access, who);
    (void)rc; /* it ends by itself when nobody uses it */
    access_identity_unref(who);
}

bool api_session_open(struct api_ctx *c, const char *how, const struct access_session_of *of,
                      struct access_identity **who, struct str *cookie)
{
    char text[ACCESS_TOKEN_TEXT + 1];
    struct access_session_of made = *of;
    made.how = str_from(how);
    made.peer = c->req->call->peer;
    *who = NULL;
    end_old(c);
    enum rc rc = access_session_open(c->api->o.access, &made, text);
    *cookie = arena_str(c->arena, str_of(text, ACCESS_TOKEN_TEXT));
    mem_wipe(text, sizeof(text));
    if (rc == RC_OK)
        rc = load_cookie(c, *cookie, who);
    if (rc == RC_OK && *who == NULL)
        rc = RC_NOT_FOUND; /* what it ends with has just ended */
    if (!api_ok(c, rc))
        return false;
    LOG(ACCESS_SIGNED_IN, F_STR("name", made.name), F_TEXT("how", how),
        F_STR("peer", c->req->call->peer));
    set_cookie(c, *cookie, COOKIE_DAYS * INT64_C(86400));
    return true;
}

bool api_session_is_kept(struct api_ctx *c)
{
    if (access_origin_keeps_secure(http_call_header(c->req->call, "origin")))
        return true;
    http_error(
        c->req, 400, "https_needed",
        "Browsers keep the session only over https, or on the server's own machine. Use https, "
        "or reach this server through a tunnel (ssh -L).");
    return false;
}

static void sign_in(struct api_ctx *c)
{
    struct sign_in in = { 0 };
    struct access_identity *who;
    struct str cookie;
    if (!api_session_enter(c) || !api_session_is_kept(c))
        return;
    if (!session_prove(c, &in))
        return;
    if (api_session_open(c, in.how, &in.of, &who, &cookie))
        api_session_reply(c, cookie, who);
    access_identity_unref(who);
}

/* The session of the cookie, as long as what it was opened with holds; NULL: none. */
static enum rc load_session(struct api_ctx *c, struct str cookie, struct access_identity **out)
{
    enum rc rc = load_cookie(c, cookie, out);
    if (rc != RC_OK || *out == NULL)
        return rc;
    rc = api_login_holds(c, *out);
    if (rc == RC_DENIED) {
        rc = access_revoke(c->api->o.access, *out);
        access_identity_unref(*out);
        *out = NULL;
    }
    return rc;
}

static void show_session(struct api_ctx *c)
{
    struct access_identity *who = NULL;
    if (!api_session_enter(c))
        return;
    struct str cookie = api_cookie(&c->api->door, c->req->call);
    if (api_ok(c, load_session(c, cookie, &who))) {
        if (who != NULL)
            access_session_touch(c->api->o.access, who);
        api_session_reply(c, cookie, who);
        if (who == NULL)
            api_seek_proof(c->req, (struct access_proof){ cookie, true });
    }
    access_identity_unref(who);
}

static void sign_out(struct api_ctx *c)
{
    if (!api_session_enter(c))
        return;
    if (c->who->kind == STORE_TOKEN_SESSION) {
        if (!api_ok(c, access_revoke(c->api->o.access, c->who)))
            return;
        LOG(ACCESS_SIGNED_OUT, F_STR("peer", c->req->call->peer));
    }
    set_cookie(c, STR(""), 0);
    api_reply_empty(c, 204);
}

#define PATH "/console/api/session"
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_POST, PATH, API_OPEN, "v1.console.session.create", "Sign in to the console"),
      .run = sign_in, .in = &api_schema_ConsoleSessionIn, .out = &api_schema_ConsoleSessionOut,
      .status = 200 },
    { API_ROUTE(HTTP_GET, PATH, API_OPEN, "v1.console.session.get",
                "The browser's session of the console"),
      .run = show_session, .out = &api_schema_ConsoleSessionOut, .status = 200 },
    { API_ROUTE(HTTP_DELETE, PATH, API_ANY, "v1.console.session.delete", "Sign out of the console"),
      .run = sign_out, .status = 204 },
};
API_ROUTES(session, routes);
