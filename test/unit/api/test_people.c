/* SPDX-License-Identifier: Apache-2.0
 *
 * Who has access: tokens and their replacement, users, sessions, tenants, and the proof that changes ask for.
 */
#include "caller.h"

#include "access/browser.h"
#include "access/password.h"
#include "access/session.h"

#define FROM_PAGE "origin: https://hooks.test"

/* --- helpers ----------------------------------------------------------------------------------------- */

struct session {
    int64_t num;
    char text[ACCESS_TOKEN_TEXT + 1];
    struct str headers; /* the cookie and what counts beside it */
};

static struct session session_of(struct caller *c, int64_t org, enum access_role role,
                                 int64_t parent, int64_t user)
{
    struct session s = { 0 };
    char csrf[ACCESS_CSRF_TEXT + 1];
    struct access_identity *who = NULL;
    struct access_session_of of = { .org = org,
                                    .role = role,
                                    .name = STR("somebody"),
                                    .parent = parent,
                                    .user = user,
                                    .how = STR("token"),
                                    .peer = STR("192.0.2.7") };
    assert_int_equal(access_session_open(c->access, &of, s.text), RC_OK);
    struct access_proof proof = { str_from(s.text), true };
    assert_int_equal(access_load(c->access, proof, &who, NULL), RC_OK);
    s.num = who->token;
    access_identity_unref(who);
    access_csrf_of(str_from(s.text), csrf);
    s.headers = arena_fmt(&c->arena, "cookie: " ACCESS_COOKIE "=%s\r\nx-grapnel-csrf: %s\r\n%s",
                          s.text, csrf, FROM_PAGE);
    return s;
}

static struct answer in_session(struct caller *c, const struct session *s, const char *method,
                                const char *target, const char *body)
{
    return call_as(c, "", s->headers.ptr, method, target, body);
}

/* Its last proof is a quarter of an hour old. */
static void grow_old(struct caller *c, const struct session *s)
{
    struct store_tx *tx;
    assert_int_equal(store_write(c->store, &tx), RC_OK);
    assert_int_equal(
        store_token_prove(tx, s->num, clock_wall_us(store_clock(c->store)) - ACCESS_PROOF_US - 1),
        RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
}

/* The text with the id where it has a #. */
static const char *path_of(struct caller *c, const char *pattern, const char *id)
{
    const char *hole = strchr(pattern, '#');
    assert_non_null(hole);
    return arena_fmt(&c->arena, "%.*s%s%s", (int)(hole - pattern), pattern, id, hole + 1).ptr;
}

static const char *token_as(struct caller *c, const char *role)
{
    struct str body = arena_fmt(&c->arena, "{\"name\":\"x\",\"role\":\"%s\"}", role);
    struct answer a = call(c, "POST", "/api/v1/token", body.ptr);
    assert_int_equal(a.status, 201);
    return text_at(a, "token");
}

static const char *make_user(struct caller *c, const char *name, const char *role)
{
    struct str body =
        arena_fmt(&c->arena, "{\"name\":\"%s\",\"roles\":[\"%s\"],\"password\":\"correct horse\"}",
                  name, role);
    struct answer a = call(c, "POST", "/api/v1/user", body.ptr);
    assert_int_equal(a.status, 201);
    return text_at(a, "id");
}

static int64_t number(const char *text)
{
    int64_t n = 0;
    assert_int_equal(str_to_i64(str_from(text), &n), RC_OK);
    return n;
}

static int sign_in_status(struct caller *c, const char *name, const char *more)
{
    struct str body =
        arena_fmt(&c->arena, "{\"name\":\"%s\",\"password\":\"correct horse\"%s}", name, more);
    return call_as(c, "", FROM_PAGE, "POST", "/console/api/session", body.ptr).status;
}

/* The code that an authenticator shows for a secret that was just handed out. */
static const char *code_of(struct caller *c, const char *secret, int64_t steps_later)
{
    uint8_t bytes[ACCESS_TOTP_BYTES] = { 0 };
    for (size_t i = 0; i < ACCESS_TOTP_TEXT; i++) {
        const char *digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        unsigned digit = (unsigned)(strchr(digits, secret[i]) - digits);
        for (unsigned bit = 0; bit < 5; bit++)
            if ((digit >> (4 - bit) & 1) != 0)
                bytes[(i * 5 + bit) / 8] |= (uint8_t)(0x80 >> ((i * 5 + bit) % 8));
    }
    int64_t step = clock_wall_us(clock_system()) / 1000000 / ACCESS_TOTP_STEP_S + steps_later;
    struct str code = arena_fmt(
        &c->arena, "%06u",
        access_totp_code(str_of((const char *)bytes, sizeof(bytes)), step, ACCESS_TOTP_DIGITS));
    return code.ptr;
}

/* --- rights ------------------------------------------------------------------------------------------ */

static const struct {
    const char *method, *target, *body;
} owned[] = {
    { "GET", "/api/v1/token", NULL },
    { "POST", "/api/v1/token", "{\"name\":\"x\"}" },
    { "DELETE", "/api/v1/token/1", NULL },
    { "POST", "/api/v1/token/1/rotate", "{}" },
    { "GET", "/api/v1/token/1/use", NULL },
    { "GET", "/api/v1/user", NULL },
    { "POST", "/api/v1/user", "{\"name\":\"x\"}" },
    { "GET", "/api/v1/user/1", NULL },
    { "PATCH", "/api/v1/user/1", "{\"disabled\":true}" },
    { "DELETE", "/api/v1/user/1", NULL },
    { "POST", "/api/v1/user/1/password", "{\"password\":\"correct horse\"}" },
    { "POST", "/api/v1/user/1/second-factor", NULL },
    { "POST", "/api/v1/user/1/second-factor/confirm", "{\"code\":\"123456\"}" },
    { "DELETE", "/api/v1/user/1/second-factor", NULL },
    { "POST", "/api/v1/user/1/shared-secret", NULL },
    { "DELETE", "/api/v1/user/1/shared-secret", NULL },
    { "GET", "/api/v1/session", NULL },
    { "DELETE", "/api/v1/session/1", NULL },
    { "POST", "/api/v1/session/end", "{\"others\":true}" },
    { "GET", "/api/v1/tenant", NULL },
    { "POST", "/api/v1/tenant", "{\"name\":\"x\"}" },
    { "GET", "/api/v1/tenant/org_x/token", NULL },
    { "POST", "/api/v1/tenant/org_x/token", "{\"name\":\"x\"}" },
    { "DELETE", "/api/v1/tenant/org_x/token/1", NULL },
};

static void only_owners_administer_access(void **state)
{
    struct caller *c = *state;
    make_app(c, "app");
    const char *others[] = { token_as(c, "operator"), token_as(c, "viewer"),
                             token_of_app(c, "app", false) };
    for (size_t i = 0; i < COUNT_OF(owned); i++)
        for (size_t n = 0; n < COUNT_OF(others); n++)
            assert_int_equal(
                call_as(c, others[n], NULL, owned[i].method, owned[i].target, owned[i].body).status,
                403);
    assert_int_equal(call_as(c, token_as(c, "owner"), NULL, "GET", "/api/v1/user", NULL).status,
                     200);
}

static void tenants_find_nothing_of_each_other(void **state)
{
    struct caller *c = *state;
    const char *user = make_user(c, "ann", "admin");
    struct session ours = session_of(c, c->org, ACCESS_OWNER, 0, 0);
    struct str session = arena_fmt(&c->arena, "%lld", (long long)ours.num);
    struct answer a = call(c, "POST", "/api/v1/token", "{\"name\":\"ours\"}");
    const char *token = text_at(a, "id");
    a = call(c, "POST", "/api/v1/tenant", "{\"name\":\"Harbour\"}");
    assert_int_equal(a.status, 201);
    const char *tenant = text_at(a, "id");
    assert_int_equal(call(c, "POST", "/api/v1/tenant", "{\"name\":\"Harbour\"}").status, 409);
    assert_int_equal(call(c, "POST", "/api/v1/tenant", "{\"name\":\"org_x\"}").status, 422);
    a = call(c, "POST", path_of(c, "/api/v1/tenant/#/token", tenant), "{\"name\":\"first\"}");
    assert_int_equal(a.status, 201);
    const char *theirs = text_at(a, "token");
    assert_int_equal(
        json_array_size(at(call_as(c, theirs, NULL, "GET", "/api/v1/user", NULL), "data")), 0);
    assert_int_equal(
        json_array_size(at(call_as(c, theirs, NULL, "GET", "/api/v1/session", NULL), "data")), 0);
    assert_int_equal(
        json_array_size(at(call_as(c, theirs, NULL, "GET", "/api/v1/token", NULL), "data")), 1);
    const struct {
        const char *method, *pattern, *id, *body;
    } asked[] = {
        { "GET", "/api/v1/user/#", user, NULL },
        { "PATCH", "/api/v1/user/#", user, "{\"disabled\":true}" },
        { "DELETE", "/api/v1/user/#", user, NULL },
        { "POST", "/api/v1/user/#/password", user, "{\"password\":\"another horse\"}" },
        { "POST", "/api/v1/user/#/second-factor", user, NULL },
        { "POST", "/api/v1/user/#/second-factor/confirm", user, "{\"code\":\"123456\"}" },
        { "DELETE", "/api/v1/user/#/second-factor", user, NULL },
        { "POST", "/api/v1/user/#/shared-secret", user, NULL },
        { "DELETE", "/api/v1/user/#/shared-secret", user, NULL },
        { "DELETE", "/api/v1/session/#", session.ptr, NULL },
        { "DELETE", "/api/v1/token/#", token, NULL },
        { "POST", "/api/v1/token/#/rotate", token, "{}" },
        { "GET", "/api/v1/token/#/use", token, NULL },
    };
    for (size_t i = 0; i < COUNT_OF(asked); i++)
        assert_int_equal(call_as(c, theirs, NULL, asked[i].method,
                                 path_of(c, asked[i].pattern, asked[i].id), asked[i].body)
                             .status,
                         404);
    a = call_as(c, theirs, NULL, "POST", "/api/v1/session/end", "{\"others\":true}");
    assert_int_equal(json_integer_value(at(a, "ended")), 0);
    assert_int_equal(call_as(c, theirs, NULL, "GET", "/api/v1/tenant", NULL).status, 403);
    assert_int_equal(call_as(c, theirs, NULL, "POST", "/api/v1/tenant", "{\"name\":\"y\"}").status,
                     403);
    assert_int_equal(
        call_as(c, theirs, NULL, "GET", path_of(c, "/api/v1/tenant/#/token", tenant), NULL).status,
        403);
    assert_int_equal(in_session(c, &ours, "GET", "/api/v1/user", NULL).status, 200);
    /* The operator ends what it gave. */
    a = call(c, "GET", path_of(c, "/api/v1/tenant/#/token", tenant), NULL);
    const char *first = text_at(a, "data.0.id");
    struct str path = arena_fmt(&c->arena, "/api/v1/tenant/%s/token/%s", tenant, first);
    assert_int_equal(call(c, "DELETE", path.ptr, NULL).status, 204);
    assert_int_equal(call_as(c, theirs, NULL, "GET", "/api/v1/user", NULL).status, 401);
}

/* --- the proof --------------------------------------------------------------------------------------- */

static void a_session_proves_itself_again_before_it_changes_who_has_access(void **state)
{
    struct caller *c = *state;
    struct answer a = call(c, "POST", "/api/v1/token", "{\"name\":\"mine\"}");
    const char *token = text_at(a, "token"), *id = text_at(a, "id");
    struct session s = session_of(c, c->org, ACCESS_OWNER, number(id), 0);
    const char *body = "{\"name\":\"another\"}", *proof = "/console/api/session/proof";
    assert_int_equal(in_session(c, &s, "POST", "/api/v1/token", body).status, 201);
    grow_old(c, &s);
    for (size_t i = 0; i < COUNT_OF(owned); i++) {
        bool reads = strcmp(owned[i].method, "GET") == 0;
        if (reads || strstr(owned[i].target, "/session") != NULL)
            continue;
        a = in_session(c, &s, owned[i].method, owned[i].target, owned[i].body);
        assert_int_equal(a.status, 403);
        assert_string_equal(text_at(a, "code"), "proof_needed");
    }
    assert_int_equal(in_session(c, &s, "GET", "/api/v1/token", NULL).status, 200);
    assert_int_equal(call(c, "POST", "/api/v1/token", body).status,
                     201); /* a bearer is its own proof */
    struct str wrong = arena_fmt(&c->arena, "{\"token\":\"%s\"}", c->token);
    assert_int_equal(in_session(c, &s, "POST", proof, wrong.ptr).status, 401);
    assert_int_equal(in_session(c, &s, "POST", proof, "{\"password\":\"x\"}").status, 409);
    assert_int_equal(in_session(c, &s, "POST", proof, "{\"code\":\"x\"}").status, 409);
    assert_int_equal(in_session(c, &s, "POST", proof, "{}").status, 422);
    assert_int_equal(in_session(c, &s, "POST", "/api/v1/token", body).status, 403);
    struct str right = arena_fmt(&c->arena, "{\"token\":\"%s\"}", token);
    assert_int_equal(call_as(c, token, NULL, "POST", proof, right.ptr).status, 409);
    assert_int_equal(in_session(c, &s, "POST", proof, right.ptr).status, 204);
    assert_int_equal(in_session(c, &s, "POST", "/api/v1/token", body).status, 201);
}

static void guessing_a_proof_is_limited(void **state)
{
    struct caller *c = *state;
    struct session s = session_of(c, c->org, ACCESS_OWNER, 0, 0);
    const char *proof = "/console/api/session/proof";
    const char *body = "{\"token\":\"gk_0000000000000000000000000000000000000000\"}";
    int wrong = 0, status = 0;
    while ((status = in_session(c, &s, "POST", proof, body).status) == 401 && wrong < 100)
        wrong++;
    assert_int_equal(status, 429);
    assert_int_equal(wrong, 50);
    const char *user = make_user(c, "ann", "admin");
    struct session ann = session_of(c, c->org, ACCESS_OWNER, 0, number(user));
    for (wrong = 0;
         (status = in_session(c, &ann, "POST", proof, "{\"password\":\"wrong one\"}").status) ==
             401 &&
         wrong < 100;)
        wrong++;
    assert_int_equal(status, 429);
    assert_int_equal(wrong, 10);
}

static void a_session_of_a_link_is_proved_by_another_or_by_an_owners_token(void **state)
{
    struct caller *c = *state;
    const char *proof = "/console/api/session/proof", *viewer = token_as(c, "viewer");
    char code[ACCESS_TOKEN_TEXT + 1];
    struct session s = session_of(c, c->org, ACCESS_OWNER, 0, 0);
    assert_int_equal(access_login_code_new(c->access, c->org, code), RC_OK);
    struct str body = arena_fmt(&c->arena, "{\"code\":\"%s\"}", code);
    assert_int_equal(in_session(c, &s, "POST", proof, body.ptr).status, 204);
    assert_int_equal(in_session(c, &s, "POST", proof, body.ptr).status, 401);
    body = arena_fmt(&c->arena, "{\"token\":\"%s\"}", viewer);
    assert_int_equal(in_session(c, &s, "POST", proof, body.ptr).status, 401);
    body = arena_fmt(&c->arena, "{\"token\":\"%s\"}", c->token);
    assert_int_equal(in_session(c, &s, "POST", proof, body.ptr).status, 204);
}

static void a_stolen_cookie_without_the_header_is_nothing(void **state)
{
    struct caller *c = *state;
    struct session s = session_of(c, c->org, ACCESS_OWNER, 0, 0);
    struct str cookie = arena_fmt(&c->arena, "cookie: " ACCESS_COOKIE "=%s", s.text);
    for (size_t i = 0; i < COUNT_OF(owned); i++)
        assert_int_equal(
            call_as(c, "", cookie.ptr, owned[i].method, owned[i].target, owned[i].body).status,
            401);
    assert_int_equal(call_as(c, "", cookie.ptr, "GET", "/api/v1/account", NULL).status, 401);
    assert_int_equal(
        call_as(c, "", cookie.ptr, "POST", "/console/api/session/proof", "{\"code\":\"x\"}").status,
        401);
}

/* --- users ------------------------------------------------------------------------------------------- */

static void a_user_is_made_changed_and_deleted(void **state)
{
    struct caller *c = *state;
    const char *id = make_user(c, "ann", "operator");
    struct answer a = call(c, "GET", path_of(c, "/api/v1/user/#", id), NULL);
    assert_string_equal(text_at(a, "roles.0"), "operator");
    assert_string_equal(text_at(a, "consoleRole"), "operator");
    assert_true(json_is_true(at(a, "hasPassword")));
    assert_int_equal(call(c, "POST", "/api/v1/user", "{\"name\":\"ann\"}").status, 409);
    assert_int_equal(call(c, "POST", "/api/v1/user", "{\"name\":\"a\\nb\"}").status, 422);
    assert_int_equal(
        call(c, "POST", "/api/v1/user", "{\"name\":\"b\",\"roles\":[\"boss\"]}").status, 422);
    assert_int_equal(
        call(c, "POST", "/api/v1/user", "{\"name\":\"b\",\"password\":\"short\"}").status, 422);
    assert_int_equal(sign_in_status(c, "ann", ""), 200);
    struct session s = session_of(c, c->org, ACCESS_OPERATOR, 0, number(id));
    a = call(c, "PATCH", path_of(c, "/api/v1/user/#", id),
             "{\"roles\":[\"ROLE_EXTRA\",\"viewer\"]}");
    assert_int_equal(a.status, 200);
    assert_string_equal(text_at(a, "roles.0"), "ROLE_EXTRA");
    assert_string_equal(text_at(a, "consoleRole"), "viewer");
    assert_int_equal(in_session(c, &s, "GET", "/api/v1/app", NULL).status, 401);
    assert_int_equal(call(c, "POST", path_of(c, "/api/v1/user/#/password", id),
                          "{\"password\":\"another horse\"}")
                         .status,
                     204);
    assert_int_equal(sign_in_status(c, "ann", ""), 401);
    assert_int_equal(call(c, "DELETE", path_of(c, "/api/v1/user/#", id), NULL).status, 204);
    assert_int_equal(call(c, "GET", path_of(c, "/api/v1/user/#", id), NULL).status, 404);
}

static void a_disabled_user_cannot_sign_in_until_enabled_again(void **state)
{
    struct caller *c = *state;
    const char *id = make_user(c, "ann", "operator"), *path = path_of(c, "/api/v1/user/#", id);
    struct session s = session_of(c, c->org, ACCESS_OPERATOR, 0, number(id));
    assert_int_equal(call(c, "PATCH", path, "{\"disabled\":true}").status, 200);
    assert_int_equal(in_session(c, &s, "GET", "/api/v1/app", NULL).status, 401);
    assert_int_equal(sign_in_status(c, "ann", ""), 401);
    assert_int_equal(call(c, "PATCH", path, "{\"disabled\":false}").status, 200);
    assert_int_equal(sign_in_status(c, "ann", ""), 200);
}

static void nobody_locks_themselves_out(void **state)
{
    struct caller *c = *state;
    const char *id = make_user(c, "ann", "admin"), *path = path_of(c, "/api/v1/user/#", id);
    struct session s = session_of(c, c->org, ACCESS_OWNER, 0, number(id));
    assert_int_equal(in_session(c, &s, "DELETE", path, NULL).status, 409);
    assert_int_equal(in_session(c, &s, "PATCH", path, "{\"disabled\":true}").status, 409);
    assert_int_equal(in_session(c, &s, "PATCH", path, "{\"roles\":[]}").status, 409);
    struct answer a = in_session(c, &s, "POST", "/api/v1/session/end", "{\"others\":true}");
    assert_int_equal(a.status, 200);
    assert_int_equal(in_session(c, &s, "GET", "/api/v1/account", NULL).status, 200);
}

static void a_second_factor_counts_once_it_is_confirmed_and_no_code_counts_twice(void **state)
{
    struct caller *c = *state;
    const char *id = make_user(c, "ann", "admin");
    struct answer a = call(c, "POST", path_of(c, "/api/v1/user/#/second-factor", id), NULL);
    assert_int_equal(a.status, 200);
    const char *secret = text_at(a, "secret");
    struct str url =
        arena_fmt(&c->arena, "otpauth://totp/Grapnel:ann?secret=%s&issuer=Grapnel", secret);
    assert_string_equal(text_at(a, "url"), url.ptr);
    assert_int_equal(sign_in_status(c, "ann", ""), 200); /* not yet */
    const char *confirm = path_of(c, "/api/v1/user/#/second-factor/confirm", id);
    const char *code = code_of(c, secret, 0);
    struct str body = arena_fmt(&c->arena, "{\"code\":\"%s\"}", code);
    assert_int_equal(call(c, "POST", confirm, "{\"code\":\"abcdef\"}").status, 422);
    assert_int_equal(call(c, "POST", confirm, body.ptr).status, 204);
    assert_int_equal(call(c, "POST", confirm, body.ptr).status, 409);
    assert_int_equal(sign_in_status(c, "ann", ""), 401);
    struct str otp = arena_fmt(&c->arena, ",\"otp\":\"%s\"", code);
    assert_int_equal(sign_in_status(c, "ann", otp.ptr), 401); /* it confirmed: it was taken */
    otp = arena_fmt(&c->arena, ",\"otp\":\"%s\"", code_of(c, secret, 1));
    assert_int_equal(sign_in_status(c, "ann", otp.ptr), 200);
    assert_int_equal(sign_in_status(c, "ann", otp.ptr), 401);
    assert_int_equal(call(c, "DELETE", path_of(c, "/api/v1/user/#/second-factor", id), NULL).status,
                     204);
    assert_int_equal(sign_in_status(c, "ann", ""), 200);
}

static void a_shared_secret_is_shown_once_and_removed(void **state)
{
    struct caller *c = *state;
    const char *id = make_user(c, "ann", "manager"), *user = path_of(c, "/api/v1/user/#", id);
    const char *path = path_of(c, "/api/v1/user/#/shared-secret", id);
    assert_int_equal(strlen(text_at(call(c, "POST", path, NULL), "secret")), 48);
    assert_true(json_is_true(at(call(c, "GET", user, NULL), "hasSharedSecret")));
    assert_int_equal(call(c, "DELETE", path, NULL).status, 204);
    assert_true(json_is_false(at(call(c, "GET", user, NULL), "hasSharedSecret")));
}

/* --- one's own account ------------------------------------------------------------------------------- */

static void users_change_their_own_password_with_the_present_one(void **state)
{
    struct caller *c = *state;
    const char *id = make_user(c, "vic", "viewer"), *path = "/api/v1/account/password";
    struct session s = session_of(c, c->org, ACCESS_VIEWER, 0, number(id));
    struct session other = session_of(c, c->org, ACCESS_VIEWER, 0, number(id));
    assert_string_equal(text_at(in_session(c, &s, "GET", "/api/v1/account", NULL), "name"), "vic");
    assert_int_equal(call(c, "GET", "/api/v1/account", NULL).status, 409);
    assert_int_equal(in_session(c, &s, "POST", path,
                                "{\"password\":\"wrong horse\",\"newPassword\":\"another horse\"}")
                         .status,
                     403);
    assert_int_equal(in_session(c, &s, "POST", path,
                                "{\"password\":\"correct horse\",\"newPassword\":\"short\"}")
                         .status,
                     422);
    assert_int_equal(
        in_session(c, &s, "POST", path,
                   "{\"password\":\"correct horse\",\"newPassword\":\"another horse\"}")
            .status,
        204);
    assert_int_equal(in_session(c, &s, "GET", "/api/v1/account", NULL).status, 200);
    assert_int_equal(in_session(c, &other, "GET", "/api/v1/account", NULL).status, 401);
    assert_int_equal(sign_in_status(c, "vic", ""), 401);
}

static void users_look_after_their_own_second_factor(void **state)
{
    struct caller *c = *state;
    const char *id = make_user(c, "vic", "viewer"), *begin = "/api/v1/account/second-factor";
    const char *confirm = "/api/v1/account/second-factor/confirm";
    const char *away = "/api/v1/account/second-factor/remove",
               *right = "{\"password\":\"correct horse\"}";
    struct session s = session_of(c, c->org, ACCESS_VIEWER, 0, number(id));
    assert_int_equal(in_session(c, &s, "POST", begin, "{\"password\":\"wrong horse\"}").status,
                     403);
    struct answer a = in_session(c, &s, "POST", begin, right);
    assert_int_equal(a.status, 200);
    const char *secret = text_at(a, "secret");
    struct str body = arena_fmt(&c->arena, "{\"code\":\"%s\"}", code_of(c, secret, 0));
    assert_int_equal(in_session(c, &s, "POST", confirm, body.ptr).status, 204);
    assert_true(
        json_is_true(at(in_session(c, &s, "GET", "/api/v1/account", NULL), "hasSecondFactor")));
    a = in_session(c, &s, "POST", away, right);
    assert_int_equal(a.status, 403);
    assert_string_equal(text_at(a, "code"), "second_factor_needed");
    body = arena_fmt(&c->arena, "{\"password\":\"correct horse\",\"otp\":\"%s\"}",
                     code_of(c, secret, 1));
    assert_int_equal(in_session(c, &s, "POST", away, body.ptr).status, 204);
    assert_true(
        json_is_false(at(in_session(c, &s, "GET", "/api/v1/account", NULL), "hasSecondFactor")));
}

/* --- sessions and tokens ----------------------------------------------------------------------------- */

static void sessions_are_listed_and_ended_by_one_by_user_and_by_token(void **state)
{
    struct caller *c = *state;
    const char *user = make_user(c, "ann", "operator");
    const char *token = text_at(call(c, "POST", "/api/v1/token", "{\"name\":\"t\"}"), "id");
    struct session me = session_of(c, c->org, ACCESS_OWNER, 0, 0);
    struct session first = session_of(c, c->org, ACCESS_OPERATOR, 0, number(user));
    struct session second = session_of(c, c->org, ACCESS_OPERATOR, 0, number(user));
    struct session third = session_of(c, c->org, ACCESS_OWNER, number(token), 0);
    struct answer a = in_session(c, &me, "GET", "/api/v1/session", NULL);
    assert_int_equal(json_array_size(at(a, "data")), 4);
    assert_string_equal(text_at(a, "data.0.tokenId"), token);
    assert_string_equal(text_at(a, "data.1.userId"), user);
    assert_string_equal(text_at(a, "data.1.role"), "operator");
    assert_string_equal(text_at(a, "data.1.address"), "192.0.2.7");
    assert_string_equal(text_at(a, "data.1.how"), "token");
    assert_true(json_is_false(at(a, "data.1.current")));
    assert_true(json_is_true(at(a, "data.3.current")));
    assert_non_null(strstr(text_at(a, "data.0.lastUsedAt"), ":00:00"));
    a = in_session(c, &me, "GET", path_of(c, "/api/v1/session?user_id=#", user), NULL);
    assert_int_equal(json_array_size(at(a, "data")), 2);
    a = in_session(c, &me, "GET", path_of(c, "/api/v1/session?token_id=#", token), NULL);
    assert_int_equal(json_array_size(at(a, "data")), 1);
    assert_int_equal(in_session(c, &me, "GET", "/api/v1/session?user_id=ann", NULL).status, 422);
    struct str one = arena_fmt(&c->arena, "/api/v1/session/%lld", (long long)first.num);
    assert_int_equal(in_session(c, &me, "DELETE", one.ptr, NULL).status, 204);
    assert_int_equal(in_session(c, &first, "GET", "/api/v1/app", NULL).status, 401);
    assert_int_equal(in_session(c, &me, "DELETE", one.ptr, NULL).status, 404);
    assert_int_equal(
        in_session(c, &me, "DELETE", path_of(c, "/api/v1/session/#", token), NULL).status, 404);
    a = in_session(c, &me, "POST", "/api/v1/session/end", path_of(c, "{\"userId\":\"#\"}", user));
    assert_int_equal(json_integer_value(at(a, "ended")), 1);
    assert_int_equal(in_session(c, &second, "GET", "/api/v1/app", NULL).status, 401);
    a = in_session(c, &me, "POST", "/api/v1/session/end", path_of(c, "{\"tokenId\":\"#\"}", token));
    assert_int_equal(json_integer_value(at(a, "ended")), 1);
    assert_int_equal(in_session(c, &third, "GET", "/api/v1/app", NULL).status, 401);
    assert_int_equal(in_session(c, &me, "POST", "/api/v1/session/end", "{}").status, 422);
    assert_int_equal(in_session(c, &me, "GET", "/api/v1/app", NULL).status, 200);
}

static void a_session_ends_with_the_token_it_was_opened_with(void **state)
{
    struct caller *c = *state;
    const char *token = text_at(call(c, "POST", "/api/v1/token", "{\"name\":\"t\"}"), "id");
    struct session s = session_of(c, c->org, ACCESS_OWNER, number(token), 0);
    assert_int_equal(in_session(c, &s, "GET", "/api/v1/app", NULL).status, 200);
    assert_int_equal(call(c, "DELETE", path_of(c, "/api/v1/token/#", token), NULL).status, 204);
    assert_int_equal(in_session(c, &s, "GET", "/api/v1/app", NULL).status, 401);
}

static void a_token_says_who_made_it_and_from_where_it_is_used(void **state)
{
    struct caller *c = *state;
    struct answer a = call(c, "POST", "/api/v1/token", "{\"name\":\"ci\",\"role\":\"operator\"}");
    const char *id = text_at(a, "id"), *token = text_at(a, "token");
    const char *uses = path_of(c, "/api/v1/token/#/use", id);
    assert_string_equal(text_at(a, "madeBy.name"), "test");
    assert_true(json_is_null(at(a, "lastUsedAt")));
    assert_int_equal(json_array_size(at(call(c, "GET", uses, NULL), "data")), 0);
    assert_int_equal(call_as(c, token, NULL, "GET", "/api/v1/app", NULL).status, 200);
    a = call(c, "GET", "/api/v1/token", NULL);
    assert_string_equal(text_at(a, "data.0.id"), id);
    assert_non_null(strstr(text_at(a, "data.0.lastUsedAt"), ":00:00"));
    a = call(c, "GET", uses, NULL);
    assert_int_equal(json_array_size(at(a, "data")), 1);
    assert_string_equal(text_at(a, "data.0.address"), "192.0.2.7");
}

static void a_token_is_replaced_while_the_old_one_still_works(void **state)
{
    struct caller *c = *state;
    struct answer a = call(c, "POST", "/api/v1/token", "{\"name\":\"ci\",\"role\":\"viewer\"}");
    const char *id = text_at(a, "id"), *old = text_at(a, "token");
    a = call(c, "POST", path_of(c, "/api/v1/token/#/rotate", id), "{\"overlap\":3600}");
    assert_int_equal(a.status, 201);
    const char *token = text_at(a, "token");
    assert_string_equal(text_at(a, "name"), "ci");
    assert_string_equal(text_at(a, "role"), "viewer");
    assert_true(json_is_null(at(a, "expiresAt")));
    assert_int_equal(call_as(c, old, NULL, "GET", "/api/v1/app", NULL).status, 200);
    assert_int_equal(call_as(c, token, NULL, "GET", "/api/v1/app", NULL).status, 200);
    assert_int_equal(call_as(c, token, NULL, "POST", "/api/v1/app", "{\"name\":\"x\"}").status,
                     403);
    a = call(c, "GET", "/api/v1/token", NULL);
    assert_non_null(json_string_value(at(a, "data.1.expiresAt")));
    a = call(c, "POST", path_of(c, "/api/v1/token/#/rotate", id), "{\"overlap\":0}");
    assert_int_equal(a.status, 201);
    assert_non_null(
        json_string_value(at(a, "expiresAt"))); /* as long as the old one would have been */
    assert_int_equal(call_as(c, old, NULL, "GET", "/api/v1/app", NULL).status, 401);
    assert_int_equal(call(c, "POST", path_of(c, "/api/v1/token/#/rotate", id), NULL).status, 404);
}

static void what_keeps_an_ended_jwt_from_coming_back_cannot_be_revoked(void **state)
{
    struct caller *c = *state;
    struct store_token ended = { .org = c->org,
                                 .name = STR("ended"),
                                 .expires_us = STORE_TOKEN_ENDED_US };
    struct store_tx *tx;
    assert_int_equal(store_write(c->store, &tx), RC_OK);
    assert_int_equal(store_token_insert(tx, &ended), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
    struct str path = arena_fmt(&c->arena, "/api/v1/token/%lld", (long long)ended.num);
    assert_int_equal(call(c, "DELETE", path.ptr, NULL).status, 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, caller_open, caller_close)
        TEST(only_owners_administer_access),
        TEST(tenants_find_nothing_of_each_other),
        TEST(a_session_proves_itself_again_before_it_changes_who_has_access),
        TEST(guessing_a_proof_is_limited),
        TEST(a_session_of_a_link_is_proved_by_another_or_by_an_owners_token),
        TEST(a_stolen_cookie_without_the_header_is_nothing),
        TEST(a_user_is_made_changed_and_deleted),
        TEST(a_disabled_user_cannot_sign_in_until_enabled_again),
        TEST(nobody_locks_themselves_out),
        TEST(a_second_factor_counts_once_it_is_confirmed_and_no_code_counts_twice),
        TEST(a_shared_secret_is_shown_once_and_removed),
        TEST(users_change_their_own_password_with_the_present_one),
        TEST(users_look_after_their_own_second_factor),
        TEST(sessions_are_listed_and_ended_by_one_by_user_and_by_token),
        TEST(a_session_ends_with_the_token_it_was_opened_with),
        TEST(a_token_says_who_made_it_and_from_where_it_is_used),
        TEST(a_token_is_replaced_while_the_old_one_still_works),
        TEST(what_keeps_an_ended_jwt_from_coming_back_cannot_be_revoked),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
