/* SPDX-License-Identifier: Apache-2.0
 *
 * The Preservica dialect: logging in, and what every call of its client needs. A tenant is an
 * organisation; a subscription is an endpoint of the tenant's application "preservica" (see
 * preservica_subscriptions.c).
 */
#include "dialect/preservica_priv.h"

#include "api/kit/seek.h"
#include "store/act.h"
#include "json/form.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const manager_roles[] = { "ROLE_SDB_ADMIN_USER", "ROLE_SDB_MANAGER_USER",
                                             "ROLE_SDB_CONFIG_MANAGER_USER" };
static const int64_t minute_us = 60000000;

/* --- tokens ---------------------------------------------------------------------------------------- */

static const char *const token_contexts[] = {
    [PRESERVICA_ACCESS] = "preservica-access", [PRESERVICA_CONTINUATION] = "preservica-continuation"
};
static const int64_t continuation_us = 300 * INT64_C(1000000);

struct str preservica_token_make(const struct dialect_preservica *p, enum preservica_token kind,
                                 const struct access_user *user, struct arena *a)
{
    char text[BASE64_LEN(PRESERVICA_TOKEN_MAX) + 1];
    int64_t life_us =
        kind == PRESERVICA_ACCESS ? p->o->conf->preservica_token_lifetime : continuation_us;
    struct buf sealed;
    buf_init(&sealed, PRESERVICA_TOKEN_MAX);
    struct str plain =
        arena_fmt(a, "%lld.%lld.%lld", (long long)user->row.num, (long long)user->row.generation,
                  (long long)(clock_wall_us(p->o->clock) + life_us));
    enum rc rc = sign_seal(p->o->vault, str_from(token_contexts[kind]), plain, &sealed);
    MUST(rc == RC_OK);
    base64_encode(sealed.ptr, sealed.len, text);
    buf_fini(&sealed);
    return arena_str(a, str_from(text));
}

static enum rc open_token(const struct dialect_preservica *p, enum preservica_token kind,
                          struct str text, int64_t fields[static 3])
{
    char sealed[PRESERVICA_TOKEN_MAX];
    struct buf plain;
    size_t len = 0;
    buf_init(&plain, PRESERVICA_TOKEN_MAX);
    enum rc rc = base64_decode(text, sealed, sizeof(sealed), &len);
    if (rc == RC_OK)
        rc = sign_open(p->o->vault, str_from(token_contexts[kind]), str_of(sealed, len), &plain);
    struct str rest = buf_str(&plain), part;
    for (int i = 0; rc == RC_OK && i < 3; i++)
        rc = str_split(&rest, '.', &part) ? str_to_i64(part, &fields[i]) : RC_INVALID;
    buf_fini(&plain);
    return rc == RC_OK ? RC_OK : RC_DENIED;
}

enum rc preservica_token_check(const struct dialect_preservica *p, enum preservica_token kind,
                               struct str text, struct arena *a, struct access_user *out)
{
    int64_t fields[3] = { 0 }; /* number, generation, end */
    if (open_token(p, kind, text, fields) != RC_OK || fields[2] <= clock_wall_us(p->o->clock))
        return RC_DENIED;
    enum rc rc = access_user_load(p->users, fields[0], a, out);
    out->row.num = fields[0];
    if (rc == RC_NOT_FOUND)
        return rc;
    if (rc != RC_OK)
        return RC_BUSY;
    return out->row.generation == fields[1] ? RC_OK : RC_DENIED;
}

/* --- asking and answering -------------------------------------------------------------------------- */

struct dialect_preservica *preservica_of(const struct http_request *req)
{
    return dialect_set_of(req)->preservica;
}

json_t *preservica_text(struct str s)
{
    return json_stringn(s.ptr == NULL ? "" : s.ptr, s.len);
}

static void preservica_free_buf(void *b)
{
    buf_fini(b);
}

void preservica_reply(struct http_request *req, int status, json_t *body)
{
    struct buf *b = ARENA_NEW(req->arena, struct buf);
    buf_init(b, PRESERVICA_ANSWER_MAX);
    arena_defer(req->arena, preservica_free_buf, b);
    req->reply.status = json_write(body, b) == RC_OK ? status : 500;
    req->reply.content_type = STR("application/json");
    req->reply.body = buf_str(b);
    json_decref(body);
}

void preservica_fail(struct http_request *req, int status, const char *fmt, ...)
{
    static const struct http_header later = { { "Retry-After", 11 }, { "1", 1 } };
    char words[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
    preservica_reply(req, status,
                     json_pack("{s:b, s:o}", "success", 0, "message",
                               preservica_text(str_cut_utf8(str_from(words), 500))));
    if (status == 503 || status == 429) {
        req->reply.headers = &later;
        req->reply.header_count = 1;
    }
}

/* Who acts, for the audit log. */
static void preservica_act(struct http_request *req, const struct access_user *user)
{
    store_act_who(STR("user"), arena_fmt(req->arena, "%lld", (long long)user->row.num),
                  user->row.name, user->org.num);
}

bool preservica_begin(struct http_request *req, bool manager, struct access_user *out)
{
    struct str token = http_call_header(req->call, "preservica-access-token");
    enum rc rc =
        preservica_token_check(preservica_of(req), PRESERVICA_ACCESS, token, req->arena, out);
    if (rc == RC_NOT_FOUND && api_seeks_user_number(req, out->row.num))
        return false;
    if (rc == RC_BUSY) {
        preservica_fail(req, 503, "The server is busy.");
    } else if (rc != RC_OK) {
        preservica_fail(req, 401, "The access token is missing, wrong or no longer valid.");
    } else if (manager && !access_user_has_role(out, manager_roles, COUNT_OF(manager_roles))) {
        preservica_fail(req, 403, "This needs one of the roles %s, %s, %s.", manager_roles[0],
                        manager_roles[1], manager_roles[2]);
        rc = RC_DENIED;
    } else {
        preservica_act(req, out);
    }
    return rc == RC_OK;
}

/* --- logging in ------------------------------------------------------------------------------------ */

static void preservica_release(void *form)
{
    json_decref(form);
}

/* A form's field; empty when absent. */
static bool read_form(struct http_request *req, json_t **form)
{
    if (json_form_read(req->call->body, form) != RC_OK) {
        preservica_fail(req, 400, "The body is not a form.");
        return false;
    }
    arena_defer(req->arena, preservica_release, *form);
    return true;
}

static json_t *roles_of(const struct access_user *user)
{
    json_t *roles = NULL;
    return json_parse(user->row.roles, &roles, NULL) == RC_OK ? roles : json_array();
}

static void reply_token(struct http_request *req, const struct access_user *user)
{
    const struct dialect_preservica *p = preservica_of(req);
    struct str token = preservica_token_make(p, PRESERVICA_ACCESS, user, req->arena);
    preservica_act(req, user);
    api_act_record(req, "signed-in");
    preservica_reply(req, 200,
                     json_pack("{s:b, s:o, s:I, s:o, s:o, s:o}", "success", 1, "token",
                               preservica_text(token), "validFor",
                               (json_int_t)(p->o->conf->preservica_token_lifetime / minute_us),
                               "user", preservica_text(user->row.name), "tenant",
                               preservica_text(user->org.name), "roles", roles_of(user)));
}

/* What is over the limit is not recorded: there is no end to that. */
static void refuse_wrong_login(struct http_request *req, struct str name)
{
    store_act_on(STR("user"), STR(""), name.ptr == NULL ? STR("") : name);
    api_act_record(req, "refused");
    preservica_fail(req, 401, "The user, the tenant, or what proves them is wrong.");
}

/* `name`: as given; may be none. */
static void preservica_refuse(struct http_request *req, struct str name, enum access_login verdict)
{
    const char *why = verdict == ACCESS_LOGIN_LIMITED ? "limited"
                      : verdict == ACCESS_LOGIN_BUSY  ? "busy"
                                                      : "wrong";
    LOG(PRESERVICA_LOGIN_REFUSED, F_STR("peer", req->call->peer), F_TEXT("why", why));
    if (verdict == ACCESS_LOGIN_LIMITED)
        preservica_fail(
            req, 429,
            "Too many failed logins with this name, or from your address. Try again in a minute.");
    else if (verdict == ACCESS_LOGIN_BUSY)
        preservica_fail(req, 503, "The server is busy. Try again.");
    else
        refuse_wrong_login(req, name);
}

/* Nobody of that name is here, and other cells are asked first. */
static bool is_elsewhere(struct http_request *req, const json_t *form)
{
    struct str tenant = json_str_member(form, "tenant"), name = json_str_member(form, "username");
    if (tenant.ptr == NULL)
        tenant = STR("");
    return !access_user_is_here(preservica_of(req)->users, tenant, name) &&
           api_seeks_user(req, tenant, name);
}

static void preservica_login(struct http_request *req)
{
    const struct dialect_preservica *p = preservica_of(req);
    struct access_user user;
    json_t *form = NULL;
    if (!read_form(req, &form))
        return;
    if (is_elsewhere(req, form))
        return;
    enum access_login verdict = access_login_password(
        p->users, http_call_stranger(req->call), json_str_member(form, "tenant"),
        json_str_member(form, "username"), json_str_member(form, "password"), req->arena, &user);
    if (verdict != ACCESS_LOGIN_OK) {
        preservica_refuse(req, json_str_member(form, "username"), verdict);
    } else if (user.row.totp.ptr == NULL) {
        reply_token(req, &user);
    } else {
        struct str token = preservica_token_make(p, PRESERVICA_CONTINUATION, &user, req->arena);
        preservica_reply(req, 401,
                         json_pack("{s:b, s:s, s:o, s:o}", "success", 0, "message", "needs.2fa",
                                   "continuationToken", preservica_text(token), "tenant",
                                   preservica_text(user.org.name)));
    }
}

static void complete_2fa(struct http_request *req)
{
    const struct dialect_preservica *p = preservica_of(req);
    struct access_user user;
    json_t *form = NULL;
    if (!read_form(req, &form))
        return;
    struct str name = json_str_member(form, "username");
    enum rc rc = preservica_token_check(
        p, PRESERVICA_CONTINUATION, json_str_member(form, "continuationToken"), req->arena, &user);
    if (rc == RC_NOT_FOUND && api_seeks_user_number(req, user.row.num))
        return;
    if (rc == RC_OK && name.len > 0 && !str_eq(name, user.row.name))
        rc = RC_DENIED;
    if (rc != RC_OK) {
        preservica_refuse(req, name, rc == RC_BUSY ? ACCESS_LOGIN_BUSY : ACCESS_LOGIN_WRONG);
        return;
    }
    enum access_login verdict =
        access_login_code(p->users, &user, json_str_member(form, "twoFactorToken"), req->arena);
    if (verdict == ACCESS_LOGIN_OK)
        reply_token(req, &user);
    else
        preservica_refuse(req, name, verdict);
}

static void acquire_external(struct http_request *req)
{
    struct access_user user;
    json_t *form = NULL;
    if (!read_form(req, &form))
        return;
    if (is_elsewhere(req, form))
        return;
    enum access_login verdict = access_login_shared(
        preservica_of(req)->users, http_call_stranger(req->call), json_str_member(form, "tenant"),
        json_str_member(form, "username"), json_str_member(form, "timestamp"),
        json_str_member(form, "hash"), req->arena, &user);
    if (verdict == ACCESS_LOGIN_OK)
        reply_token(req, &user);
    else
        preservica_refuse(req, json_str_member(form, "username"), verdict);
}

static void user_details(struct http_request *req)
{
    struct access_user user;
    if (preservica_begin(req, false, &user))
        preservica_reply(req, 200,
                         json_pack("{s:o, s:o, s:o}", "username", preservica_text(user.row.name),
                                   "tenant", preservica_text(user.org.name), "roles",
                                   roles_of(&user)));
}

static void dialect_preservica_version(struct http_request *req)
{
    struct access_user user;
    if (!preservica_begin(req, false, &user))
        return;
    req->reply.status = 200;
    req->reply.content_type = STR("application/xml;charset=UTF-8");
    req->reply.body = arena_fmt(req->arena,
                                "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"
                                "<VersionDetailsResponse><CurrentVersion>%s</CurrentVersion>"
                                "</VersionDetailsResponse>\n",
                                preservica_of(req)->o->conf->preservica_version);
}

/* clang-format off: a row a line */
static const struct http_route routes[] = {
    { HTTP_POST, "/api/accesstoken/login", HTTP_WORKER, preservica_login, API_OPEN, NULL,
      "Log in with a password" },
    { HTTP_POST, "/api/accesstoken/complete-2fa", HTTP_WORKER, complete_2fa, API_OPEN, NULL,
      "Complete a login with a one-time code" },
    { HTTP_POST, "/api/accesstoken/acquire-external", HTTP_WORKER, acquire_external, API_OPEN, NULL,
      "Log in with a shared secret" },
    { HTTP_GET, "/api/user/details", HTTP_WORKER, user_details, API_OPEN, NULL, "Who one is" },
    { HTTP_GET, "/api/entity/versiondetails/version", HTTP_WORKER, dialect_preservica_version,
      API_OPEN, NULL, "The version" },
};
/* clang-format on */

/* --- making it ------------------------------------------------------------------------------------- */

static bool is_version(const char *text)
{
    struct str rest = str_from(text), part;
    uint64_t number;
    int parts = 0;
    while (str_split(&rest, '.', &part)) {
        parts++;
        if (str_to_u64(part, &number) != RC_OK || number > 9999)
            return false;
    }
    return parts >= 2 && parts <= 4;
}

enum rc dialect_preservica_new(struct dialect_set *set, struct buf *why)
{
    if (!is_version(set->o.conf->preservica_version)) {
        buf_say(why, "preservica.version is not a version such as 7.5.0");
        return RC_INVALID;
    }
    struct access_users_options users = { .store = set->o.store,
                                          .vault = set->o.vault,
                                          .clock = set->o.clock,
                                          .rng = set->o.rng,
                                          .at_once = (int)set->o.conf->preservica_logins_at_once,
                                          .proof_prefix = "preservica-external-auth",
                                          .codes_are_reused = set->o.conf->preservica_totp_reuse };
    set->preservica = XNEW(struct dialect_preservica);
    set->preservica->o = &set->o;
    set->preservica->users = access_users_new(&users);
    return RC_OK;
}

void dialect_preservica_free(struct dialect_preservica *p)
{
    if (p == NULL)
        return;
    access_users_free(p->users);
    xfree(p);
}

void dialect_preservica_add_routes(struct http_router *router)
{
    http_router_add(router, routes, COUNT_OF(routes));
    http_router_add(router, preservica_subscription_routes, preservica_subscription_route_count);
}
