/* SPDX-License-Identifier: Apache-2.0
 *
 * Users, for owners: what `grapnel user` can do, by the same rules (access/people.h). A change to what a user may do, or
 * to how they prove who they are, ends the sessions they have. Nobody can lock themselves out here.
 */
#include "api/resource/user_priv.h"

#include "access/people.h"
#include "access/session.h"
#include "api/schemas/schemas.h"

/* --- what is shown ----------------------------------------------------------------------------------- */

static void write_roles(struct api_out *o, struct str roles)
{
    json_t *list = NULL;
    api_out_key(o, "roles");
    api_out_begin(o, '[');
    if (json_parse(roles, &list, NULL) == RC_OK) {
        for (size_t i = 0; i < json_array_size(list); i++)
            api_out_str(o, NULL, access_people_role_word(json_str_of(json_array_get(list, i))));
        json_decref(list);
    }
    api_out_end(o, ']');
}

/* What the roles allow in the console; none: nothing. */
static struct str console_role(const struct store_user *u)
{
    enum access_role role;
    const struct access_user user = { .row = *u };
    return access_console_rights(&user, &role) == RC_OK ? str_from(access_role_name(role))
                                                        : STR_NONE;
}

void api_user_write(struct api_out *o, const struct store_user *u, struct str id)
{
    api_out_begin(o, '{');
    api_out_str(o, "id", id);
    api_out_str(o, "name", u->name);
    write_roles(o, u->roles);
    api_out_opt(o, "consoleRole", console_role(u));
    api_out_bool(o, "disabled", u->is_disabled);
    api_out_bool(o, "hasPassword", u->password.len > 0);
    api_out_bool(o, "hasSecondFactor", u->totp.ptr != NULL);
    api_out_bool(o, "hasSharedSecret", u->secret.ptr != NULL);
    api_out_date(o, "createdAt", u->created_us);
    api_out_date(o, "updatedAt", u->updated_us);
    api_out_end(o, '}');
}

void api_user_reply(struct api_ctx *c, int status, const struct store_user *u)
{
    struct api_out o;
    api_out_open(c, &o);
    api_user_write(&o, u, arena_fmt(c->arena, "%lld", (long long)u->num));
    api_reply(c, status, &o);
}

struct shown {
    struct str id; /* its number */
    struct store_user row;
};

static void user_write_row(struct api_ctx *c, struct api_out *o, const void *row, const void *arg)
{
    const struct shown *s = row;
    (void)c;
    (void)arg;
    api_user_write(o, &s->row, s->id);
}

static void list_users(struct api_ctx *c)
{
    struct store_page page;
    struct store_page_end end = { 0 };
    if (!api_page(c, "", true, &page))
        return;
    struct store_user *rows = api_page_room(c, &page, sizeof(*rows));
    struct shown *list = api_page_room(c, &page, sizeof(*list));
    enum rc rc = store_user_page(c->tx, c->who->org, &page, c->arena, rows, &end);
    if (rc == RC_INVALID) {
        http_invalid(c->req, "query.iterator", "value_error", "Not an iterator of this list.");
        return;
    }
    for (size_t i = 0; rc == RC_OK && i < end.count; i++)
        list[i] = (struct shown){ .id = arena_fmt(c->arena, "%lld", (long long)rows[i].num),
                                  .row = rows[i] };
    api_reply_page(c, rc, &page, &end, API_ROWS(list, id, NULL, user_write_row, NULL));
}

/* --- what is given ----------------------------------------------------------------------------------- */

/* The user in the path; c->tx is open. False: answered. */
static bool find_user(struct api_ctx *c, struct store_user *u)
{
    int64_t num = 0;
    enum rc rc = str_to_i64(api_param(c, "user_id"), &num);
    rc = rc == RC_OK ? store_user_by_num(c->tx, num, c->arena, u) : RC_NOT_FOUND;
    if (rc == RC_OK && u->org != c->who->org)
        rc = RC_NOT_FOUND;
    return api_ok(c, rc);
}

/* The body's roles, as they are kept. False: answered. */
static bool take_roles(struct api_ctx *c, struct str *out)
{
    const json_t *words = api_get(c, "roles");
    json_t *roles = json_array();
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < json_array_size(words); i++) {
        struct str word = json_str_of(json_array_get(words, i));
        rc = access_people_add_role(roles, word);
        if (rc != RC_OK)
            http_invalid(c->req, "body.roles", "value_error",
                         "There is no role '%.*s': expected admin, manager, config-manager, user, "
                         "operator, viewer, or the name of one that begins with ROLE_.",
                         STR_ARGS(str_sub(word, 0, 64)));
    }
    *out = json_text(c->arena, roles);
    json_decref(roles);
    return rc == RC_OK;
}

bool api_user_hash(struct api_ctx *c, const char *field, struct str *out)
{
    if (access_people_password(api_get_str(c, field), c->arena, out) == RC_OK)
        return true;
    http_invalid(c->req, arena_cstr(c->arena, arena_fmt(c->arena, "body.%s", field)), "value_error",
                 "A password has %d to %d bytes.", ACCESS_PASSWORD_MIN, ACCESS_PASSWORD_MAX);
    return false;
}

static bool save_user(struct api_ctx *c, struct store_user *u)
{
    access_people_changed(u, c->now_us);
    return api_ok(c, store_user_update(c->tx, u));
}

/* Whoever asks is this user, and would lose what they ask with. True: answered. */
static bool is_oneself(struct api_ctx *c, const struct store_user *u)
{
    if (c->who->user != u->num)
        return false;
    http_error(
        c->req, 409, "own_user",
        "You cannot delete or disable yourself, or change your own roles. Ask another owner, "
        "or use `grapnel user` on the server.");
    return true;
}

/* --- the calls --------------------------------------------------------------------------------------- */

static void create_user(struct api_ctx *c)
{
    struct store_user u = access_people_new(c->who->org, api_get_str(c, "name"), c->now_us);
    u.password = STR("");
    if (!access_people_is_name(u.name)) {
        http_invalid(c->req, "body.name", "value_error", "A name has " ACCESS_PEOPLE_NAME_RULE ".");
        return;
    }
    /* Before the transaction: hashing takes its time. */
    if (!take_roles(c, &u.roles) ||
        (api_get(c, "password") != NULL && !api_user_hash(c, "password", &u.password)) ||
        !api_tx_write(c))
        return;
    enum rc rc = store_user_insert(c->tx, &u);
    if (rc == RC_CONFLICT)
        http_error(c->req, 409, "conflict", "There is a user of this name already.");
    else if (api_ok(c, rc))
        api_user_reply(c, 201, &u);
}

static void get_user(struct api_ctx *c)
{
    struct store_user u;
    if (find_user(c, &u))
        api_user_reply(c, 200, &u);
}

static void patch_user(struct api_ctx *c)
{
    struct store_user u;
    if (!find_user(c, &u) || is_oneself(c, &u) || (api_has(c, "roles") && !take_roles(c, &u.roles)))
        return;
    u.is_disabled = api_get_bool(c, "disabled", u.is_disabled);
    if (save_user(c, &u))
        api_user_reply(c, 200, &u);
}

static void delete_user(struct api_ctx *c)
{
    struct store_user u;
    if (find_user(c, &u) && !is_oneself(c, &u) && api_ok(c, store_user_delete(c->tx, u.num)))
        api_reply_empty(c, 204);
}

static void set_password(struct api_ctx *c)
{
    struct store_user u;
    struct str hash;
    if (!api_user_hash(c, "password", &hash) || !api_tx_write(c) || !find_user(c, &u))
        return;
    u.password = hash;
    if (save_user(c, &u))
        api_reply_empty(c, 204);
}

/* --- the second factor ------------------------------------------------------------------------------- */

static struct str factor_url(struct api_ctx *c, struct str name, const char *secret)
{
    struct buf *text = api_buf(c, 4096);
    buf_say(text, "otpauth://totp/Grapnel:");
    enum rc rc = percent_encode(name, text);
    buf_say(text, "?secret=%s&issuer=Grapnel", secret);
    MUST(rc == RC_OK); /* a name has 256 bytes at most */
    return buf_str(text);
}

void api_user_begin_factor(struct api_ctx *c, struct store_user *u)
{
    char text[ACCESS_TOTP_TEXT + 1];
    struct api_out o;
    enum rc rc = access_people_totp(c->api->o.vault, u, c->arena, &u->totp_new, text);
    if (rc == RC_OK) /* what counts is as before: nothing ends yet */
        rc = store_user_update(c->tx, u);
    if (api_ok(c, rc)) {
        api_out_open(c, &o);
        api_out_begin(&o, '{');
        api_out_str(&o, "secret", str_from(text));
        api_out_str(&o, "url", factor_url(c, u->name, text));
        api_out_end(&o, '}');
        api_reply(c, 200, &o);
    }
    mem_wipe(text, sizeof(text));
}

bool api_user_confirm_factor(struct api_ctx *c, struct store_user *u)
{
    int64_t step = 0;
    if (u->totp_new.ptr == NULL) {
        http_error(c->req, 409, "nothing_to_confirm",
                   "There is no second factor that waits to be confirmed. Begin with a new one.");
        return false;
    }
    if (!access_people_confirms(c->api->o.vault, u, str_trim(api_get_str(c, "code")), c->now_us,
                                c->arena, &step)) {
        http_invalid(c->req, "body.code", "value_error",
                     "This is not the code of the new secret now. Check the clock of the device "
                     "that shows it.");
        return false;
    }
    u->totp = u->totp_new;
    u->totp_new = STR_NONE;
    access_people_changed(u, c->now_us);
    /* The code was taken, and is nothing anymore to whoever saw it. */
    enum rc rc = store_user_use_step(c->tx, u->num, step);
    if (rc == RC_NOT_FOUND)
        rc = RC_OK; /* a later one of the factor before was */
    return api_ok(c, rc);
}

static void begin_factor(struct api_ctx *c)
{
    struct store_user u;
    if (find_user(c, &u))
        api_user_begin_factor(c, &u);
}

static void confirm_factor(struct api_ctx *c)
{
    struct store_user u;
    if (find_user(c, &u) && api_user_confirm_factor(c, &u) &&
        api_ok(c, store_user_update(c->tx, &u)))
        api_reply_empty(c, 204);
}

static void remove_factor(struct api_ctx *c)
{
    struct store_user u;
    if (!find_user(c, &u))
        return;
    u.totp = u.totp_new = STR_NONE;
    if (save_user(c, &u))
        api_reply_empty(c, 204);
}

/* --- the shared secret ------------------------------------------------------------------------------- */

static void make_shared(struct api_ctx *c)
{
    char text[ACCESS_PEOPLE_SHARED_TEXT + 1];
    struct store_user u;
    struct api_out o;
    if (!find_user(c, &u) ||
        !api_ok(c, access_people_shared(c->api->o.vault, &u, c->arena, &u.secret, text)))
        return;
    if (save_user(c, &u)) {
        api_out_open(c, &o);
        api_out_begin(&o, '{');
        api_out_str(&o, "secret", str_from(text));
        api_out_end(&o, '}');
        api_reply(c, 200, &o);
    }
    mem_wipe(text, sizeof(text));
}

static void remove_shared(struct api_ctx *c)
{
    struct store_user u;
    if (!find_user(c, &u))
        return;
    u.secret = STR_NONE;
    if (save_user(c, &u))
        api_reply_empty(c, 204);
}

#define OWNER (API_ORG | API_OWNS)
#define CHANGES (OWNER | API_WRITE | API_PROVED)
#define USER "/api/v1/user/{user_id}"
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, "/api/v1/user", OWNER, "v1.user.list",
                "List the users of the organisation, newest first"),
      .run = list_users, .steps = API_READS, .out = &api_schema_UserOut, .status = 200,
      .is_list = true, .query = API_PAGE_ORDER },
    { API_ROUTE(HTTP_POST, "/api/v1/user", CHANGES, "v1.user.create", "Make a user"),
      .run = create_user, .in = &api_schema_UserIn, .out = &api_schema_UserOut, .status = 201 },
    { API_ROUTE(HTTP_GET, USER, OWNER, "v1.user.get", "Get a user"), .run = get_user,
      .steps = API_READS, .out = &api_schema_UserOut, .status = 200 },
    { API_ROUTE(HTTP_PATCH, USER, CHANGES, "v1.user.patch",
                "Change a user's roles, or disable the user"),
      .run = patch_user, .steps = API_WRITES, .in = &api_schema_UserPatch,
      .out = &api_schema_UserOut, .status = 200 },
    { API_ROUTE(HTTP_DELETE, USER, CHANGES, "v1.user.delete",
                "Delete a user, and end the user's sessions"),
      .run = delete_user, .steps = API_WRITES, .status = 204 },
    { API_ROUTE(HTTP_POST, USER "/password", CHANGES, "v1.user.set-password",
                "Set a user's password"),
      .run = set_password, .in = &api_schema_UserPasswordIn, .status = 204 },
    { API_ROUTE(HTTP_POST, USER "/second-factor", CHANGES, "v1.user.second-factor.begin",
                "Make a second factor for a user; it counts once it is confirmed"),
      .run = begin_factor, .steps = API_WRITES, .out = &api_schema_SecondFactorOut, .status = 200 },
    { API_ROUTE(HTTP_POST, USER "/second-factor/confirm", CHANGES, "v1.user.second-factor.confirm",
                "Confirm a user's new second factor with a code of it"),
      .run = confirm_factor, .steps = API_WRITES, .in = &api_schema_SecondFactorIn, .status = 204 },
    { API_ROUTE(HTTP_DELETE, USER "/second-factor", CHANGES, "v1.user.second-factor.remove",
                "Remove a user's second factor"),
      .run = remove_factor, .steps = API_WRITES, .status = 204 },
    { API_ROUTE(HTTP_POST, USER "/shared-secret", CHANGES, "v1.user.shared-secret.create",
                "Make a secret that programs log in with as the user; it is shown once"),
      .run = make_shared, .steps = API_WRITES, .out = &api_schema_SharedSecretOut, .status = 200 },
    { API_ROUTE(HTTP_DELETE, USER "/shared-secret", CHANGES, "v1.user.shared-secret.remove",
                "Remove that secret"),
      .run = remove_shared, .steps = API_WRITES, .status = 204 },
};
API_ROUTES(user, routes);
