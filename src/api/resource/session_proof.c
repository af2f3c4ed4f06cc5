/* SPDX-License-Identifier: Apache-2.0
 *
 * Proving again who one is, in a session that goes on: whoever finds an open browser must not be able to give
 * themselves access for good. A session is proved by what it was opened with; one that was opened by neither a user
 * nor a token (a link of `grapnel console`, single sign-on) by a token of an owner or by another such link.
 */
#include "api/resource/session_priv.h"

#include "access/session.h"
#include "api/schemas/schemas.h"

static bool proof_refuse(struct api_ctx *c, const char *words)
{
    http_error(c->req, 409, "wrong_proof", "%s", words);
    return false;
}

/* Whether this token stands for whoever has the session. */
static bool is_of_session(const struct access_identity *who, const struct access_identity *token)
{
    if (token->org != who->org || token->app != 0 || token->kind != STORE_TOKEN_BEARER)
        return false;
    if (who->parent != 0)
        return token->token == who->parent;
    return token->token != 0 && token->role == ACCESS_OWNER && !token->read_only;
}

static bool prove_by_token(struct api_ctx *c)
{
    struct access_identity *token = NULL;
    struct access_proof proof = { str_trim(api_get_str(c, "token")), false };
    if (c->who->user != 0)
        return proof_refuse(c, "This session is a user's: give the user's password.");
    if (!api_session_may_try(c, "token"))
        return false;
    enum rc rc = access_load(c->api->o.access, proof, &token, NULL);
    if (rc == RC_OK && !is_of_session(c->who, token))
        rc = RC_DENIED;
    access_identity_unref(token);
    if (rc == RC_DENIED || rc == RC_NOT_FOUND)
        return api_session_refuse_wrong(
            c, "token",
            c->who->parent != 0 ? "This is not the token that the session was opened with."
                                : "This is not a token of an owner of the organisation.");
    return api_ok(c, rc);
}

static bool prove_by_code(struct api_ctx *c)
{
    struct store_token row;
    if (c->who->user != 0 || c->who->parent != 0)
        return proof_refuse(c, "This session was not opened with such a link: give the password or "
                               "the token that it was opened with.");
    if (!api_session_may_try(c, "code"))
        return false;
    enum rc rc = access_code_take(c->api->o.access, STORE_TOKEN_LOGIN, api_get_str(c, "code"), true,
                                  c->arena, &row);
    if (rc == RC_OK && row.org != c->who->org)
        rc = RC_NOT_FOUND;
    if (rc == RC_NOT_FOUND)
        return api_session_refuse_wrong(c, "code",
                                        "This link was used before or is older than five minutes. "
                                        "Run `grapnel console` again.");
    return api_ok(c, rc);
}

static bool prove_by_password(struct api_ctx *c)
{
    struct access_user user, found;
    if (c->who->user == 0)
        return proof_refuse(c, "This session is not a user's: give the token or the link that it "
                               "was opened with.");
    if (!api_ok(c, access_user_load(c->api->users, c->who->user, c->arena, &user)))
        return false;
    enum access_login verdict =
        access_login_password(c->api->users, http_call_stranger(c->req->call), user.org.id,
                              user.row.name, api_get_str(c, "password"), c->arena, &found);
    return api_session_judge(c, verdict, "The password is wrong.") && api_session_second(c, &found);
}

static bool proof_take(struct api_ctx *c)
{
    bool has_token = api_has(c, "token"), has_code = api_has(c, "code");
    bool has_password = api_has(c, "password");
    if (has_token + has_code + has_password != 1) {
        http_invalid(c->req, "body", "value_error", "Give one of: token; code; password.");
        return false;
    }
    if (c->who->kind != STORE_TOKEN_SESSION)
        return proof_refuse(c, "This is not a session of the console: a token proves itself with "
                               "each call.");
    if (has_password)
        return prove_by_password(c);
    return has_token ? prove_by_token(c) : prove_by_code(c);
}

static void prove_again(struct api_ctx *c)
{
    if (!api_session_enter(c) || !proof_take(c))
        return;
    if (api_ok(c, access_session_prove(c->api->o.access, c->who)))
        api_reply_empty(c, 204);
}

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_POST, "/console/api/session/proof", API_ANY, "v1.console.session.prove",
                "Prove again who has this session of the console"),
      .run = prove_again, .in = &api_schema_ConsoleProofIn, .status = 204 },
};
API_ROUTES(session_proof, routes);
