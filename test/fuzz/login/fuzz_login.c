/* SPDX-License-Identifier: Apache-2.0
 *
 * What an OpenID provider and a browser bring. The first byte says what the rest is taken for: a provider's
 * description, a set of keys, an id_token as it comes, the claims of one that was verified, the cookie of a login, or
 * roles. No key is ours, so no token may verify; and an address that is taken is one that may be told secrets.
 */
#include "../fuzz.h"

#include "login/provider_priv.h"
#include "login/ticket_priv.h"
#include "login/token_priv.h"

enum { INPUT_MAX = 1 << 16 };

static const char header[] = "eyJhbGciOiJFZERTQSIsImtpZCI6ImsifQ"; /* {"alg":"EdDSA","kid":"k"} */

static bool may_be_told(struct str url)
{
    return str_ieq(str_sub(url, 0, 8), STR("https://"));
}

static void try_provider(struct str text, struct arena *a)
{
    struct login_provider p;
    if (login_provider_read(text, STR("https://a"), a, &p, NULL) != RC_OK)
        return;
    MUST(may_be_told(p.authorize) && may_be_told(p.token) && may_be_told(p.keys));
    MUST(p.end.len == 0 || may_be_told(p.end));
}

static void try_token(struct str token, struct str keys)
{
    struct verify_scheme *scheme = login_token_scheme();
    MUST(login_token_verify(scheme, token, keys, INT64_C(1700000000) * 1000000) !=
         GRAPNEL_VERIFIED);
    verify_scheme_free(scheme);
}

static void try_claims(struct str claims, struct arena *a)
{
    struct login_roles roles = { .rules = { { STR("admins"), ACCESS_OWNER } }, .count = 1 };
    const struct login_expected e = { .issuer = STR("https://a"),
                                      .client_id = STR("grapnel"),
                                      .nonce = STR("n"),
                                      .roles_claim = STR("/r/s"),
                                      .roles = &roles };
    struct login_oidc_user user = { 0 };
    struct str token =
        arena_fmt(a, "%s.%.*s.AAAA", header, STR_ARGS(login_base64url(claims.ptr, claims.len, a)));
    if (login_token_read(token, &e, a, &user, NULL) == LOGIN_OIDC_OK)
        MUST(user.role == ACCESS_OWNER && user.name.len > 0);
}

static void try_cookie(struct str cookie, struct arena *a)
{
    struct sign_vault *vault = NULL;
    struct login_ticket ticket;
    MUST(sign_vault_new(STR("a secret no input can know"), &vault) == RC_OK);
    MUST(login_ticket_open(vault, cookie, a, &ticket) == RC_INVALID);
    sign_vault_free(vault);
}

static void try_roles(struct str text, struct arena *a)
{
    struct login_roles roles;
    if (login_roles_parse("o", text, a, &roles, NULL) != RC_OK)
        return;
    for (size_t i = 0; i < roles.count; i++) {
        struct login_role role = { 0 };
        login_role_add(&role, &roles, roles.rules[i].value);
        MUST(role.has_one && role.role <= roles.rules[i].role);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_of((const char *)data, size);
    struct arena a;
    if (size == 0 || size > INPUT_MAX)
        return 0;
    struct str rest = str_sub(text, 1, text.len);
    arena_init(&a);
    if (data[0] == 'd')
        try_provider(rest, &a);
    else if (data[0] == 'k')
        try_token(arena_fmt(&a, "%s.e30.AAAA", header), rest);
    else if (data[0] == 't')
        try_token(rest, STR("{\"keys\":[]}"));
    else if (data[0] == 'c')
        try_claims(rest, &a);
    else if (data[0] == 's')
        try_cookie(rest, &a);
    else
        try_roles(rest, &a);
    arena_fini(&a);
    return 0;
}
