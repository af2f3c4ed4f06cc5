/* SPDX-License-Identifier: Apache-2.0
 *
 * One's own account, for users who are signed in to the console, whatever their role: the password and the second
 * factor. The present password is given with each change, so that an open browser is not enough. A change ends the
 * user's other sessions; the one that asks goes on.
 */
#include "access/people.h"
#include "api/resource/session_priv.h"
#include "api/resource/user_priv.h"
#include "api/schemas/schemas.h"

static bool is_user(struct api_ctx *c)
{
    if (c->who->user != 0)
        return true;
    http_error(c->req, 409, "no_user",
               "This is not a session of a user with a password: there is no account to change. "
               "Sign in to the console with a name and password.");
    return false;
}

/* The user as they are now; c->tx is open. False: answered. */
static bool find_oneself(struct api_ctx *c, struct store_user *u)
{
    return api_ok(c, store_user_by_num(c->tx, c->who->user, c->arena, u));
}

/* 403, not 401: the session is as good as before. False: answered. */
static bool judge_proof(struct api_ctx *c, enum access_login verdict, const char *words)
{
    if (verdict == ACCESS_LOGIN_WRONG)
        http_error(c->req, 403, "wrong_password", "%s", words);
    else if (verdict != ACCESS_LOGIN_OK)
        return api_session_judge(c, verdict, words);
    return verdict == ACCESS_LOGIN_OK;
}

/* The present password. False: answered. */
static bool prove_oneself(struct api_ctx *c, struct access_user *user)
{
    struct access_user now;
    if (!is_user(c) || !api_ok(c, access_user_load(c->api->users, c->who->user, c->arena, &now)))
        return false;
    return judge_proof(c,
                       access_login_password(c->api->users, http_call_stranger(c->req->call),
                                             now.org.id, now.row.name, api_get_str(c, "password"),
                                             c->arena, user),
                       "The present password is wrong.");
}

/* And the present second factor, if there is one. False: answered. */
static bool prove_both(struct api_ctx *c)
{
    struct access_user user;
    if (!prove_oneself(c, &user))
        return false;
    struct str otp = str_trim(api_get_str(c, "otp"));
    if (user.row.totp.ptr == NULL)
        return true;
    if (otp.len == 0) {
        http_error(c->req, 403, "second_factor_needed",
                   "Give the code of your present second factor, too.");
        return false;
    }
    return judge_proof(c, access_login_code(c->api->users, &user, otp, c->arena),
                       "The code is wrong, or was used already.");
}

/* Writes the change, and puts the session that asks back among the living. */
static bool save_oneself(struct api_ctx *c, struct store_user *u)
{
    struct store_token session;
    enum rc rc = store_token_by_num(c->tx, c->who->token, c->arena, &session);
    access_people_changed(u, c->now_us);
    if (rc == RC_OK)
        rc = store_user_update(c->tx, u);
    if (rc == RC_OK)
        rc = store_token_insert(c->tx, &session);
    return api_ok(c, rc);
}

static void get_account(struct api_ctx *c)
{
    struct store_user u;
    if (is_user(c) && find_oneself(c, &u))
        api_user_reply(c, 200, &u);
}

static void change_password(struct api_ctx *c)
{
    struct access_user proved;
    struct store_user u;
    struct str hash;
    /* Before the transaction: both take their time. */
    if (!prove_oneself(c, &proved) || !api_user_hash(c, "newPassword", &hash) || !api_tx_write(c) ||
        !find_oneself(c, &u))
        return;
    u.password = hash;
    if (save_oneself(c, &u))
        api_reply_empty(c, 204);
}

static void begin_own_factor(struct api_ctx *c)
{
    struct store_user u;
    if (prove_both(c) && api_tx_write(c) && find_oneself(c, &u))
        api_user_begin_factor(c, &u);
}

static void confirm_own_factor(struct api_ctx *c)
{
    struct store_user u;
    if (!is_user(c) || !find_oneself(c, &u) || !api_user_confirm_factor(c, &u))
        return;
    if (save_oneself(c, &u))
        api_reply_empty(c, 204);
}

static void remove_own_factor(struct api_ctx *c)
{
    struct store_user u;
    if (!prove_both(c) || !api_tx_write(c) || !find_oneself(c, &u))
        return;
    u.totp = u.totp_new = STR_NONE;
    if (save_oneself(c, &u))
        api_reply_empty(c, 204);
}

#define ACCOUNT "/api/v1/account"
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, ACCOUNT, API_ORG, "v1.account.get",
                "Get the account of who is signed in"),
      .run = get_account, .steps = API_READS, .out = &api_schema_UserOut, .status = 200 },
    { API_ROUTE(HTTP_POST, ACCOUNT "/password", API_ORG, "v1.account.set-password",
                "Change one's own password"),
      .run = change_password, .in = &api_schema_AccountPasswordIn, .status = 204 },
    { API_ROUTE(HTTP_POST, ACCOUNT "/second-factor", API_ORG, "v1.account.second-factor.begin",
                "Make a second factor for oneself; it counts once it is confirmed"),
      .run = begin_own_factor, .in = &api_schema_AccountProofIn, .out = &api_schema_SecondFactorOut,
      .status = 200 },
    { API_ROUTE(HTTP_POST, ACCOUNT "/second-factor/confirm", API_ORG,
                "v1.account.second-factor.confirm",
                "Confirm one's own new second factor with a code of it"),
      .run = confirm_own_factor, .steps = API_WRITES, .in = &api_schema_SecondFactorIn,
      .status = 204 },
    { API_ROUTE(HTTP_POST, ACCOUNT "/second-factor/remove", API_ORG,
                "v1.account.second-factor.remove", "Remove one's own second factor"),
      .run = remove_own_factor, .in = &api_schema_AccountProofIn, .status = 204 },
};
API_ROUTES(account, routes);
