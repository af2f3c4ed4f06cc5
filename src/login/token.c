/* SPDX-License-Identifier: Apache-2.0
 *
 * What an id_token says (OpenID Connect Core 1.0, 3.1.3.7). The signature comes first, by libgrapnel; only then is a
 * claim looked at.
 */
#include "login/token_priv.h"

#include "access/jwt.h"
#include "json/json.h"

enum { SUBJECT_MAX = 255, NAME_MAX_BYTES = 256, SHOWN = 200, VALUES_MAX = 1000 };

/* The token is the body of a request that is not there. The keys do not come from the address, but from the function
 * below: where they are, only the provider's description says. */
static const char scheme_text[] = "auth jwt\n"
                                  "sig body\n"
                                  "jwt-alg RS256\n"
                                  "jwt-alg ES256\n"
                                  "jwt-alg EdDSA\n"
                                  "jwks https://provider.invalid/keys\n";

struct verify_scheme *login_token_scheme(void)
{
    struct verify_scheme *scheme = NULL;
    MUST(verify_scheme_read(str_from(scheme_text), &scheme, NULL) == RC_OK);
    return scheme;
}

static bool give_keys(void *ctx, struct grapnel_bytes url, char *json, size_t cap, size_t *len)
{
    const struct str *keys = ctx;
    (void)url;
    if (keys->len > cap)
        return false;
    memcpy(json, keys->ptr, keys->len);
    *len = keys->len;
    return true;
}

enum grapnel_status login_token_verify(const struct verify_scheme *scheme, struct str token,
                                       struct str keys, int64_t now_us)
{
    const struct grapnel_window window = { .future_s = LOGIN_OIDC_LEEWAY_S };
    const struct grapnel_config config = {
        .now_us = now_us, .window = &window, .key_set = give_keys, .key_set_ctx = &keys
    };
    const struct grapnel_request request = { .body = verify_bytes(token) };
    struct grapnel_verdict verdict;
    return grapnel_verify(scheme->engine, &config, &request, &verdict);
}

/* --- claims -------------------------------------------------------------------------------------------- */

static enum login_oidc_verdict token_refuse(struct buf *why, const char *words, struct str value)
{
    buf_say(why, "the id_token %s: \"%.*s\"", words, STR_ARGS(str_sub(value, 0, SHOWN)));
    return LOGIN_OIDC_TOKEN;
}

/* A token for several has to say that it was asked for by us. */
static bool is_for_us(const json_t *claims, struct str client_id)
{
    const json_t *audience = json_object_get(claims, "aud");
    const json_t *party = json_object_get(claims, "azp");
    bool is_named = str_eq(json_str_of(audience), client_id);
    size_t count = json_is_array(audience) ? json_array_size(audience) : 1;
    for (size_t i = 0; i < json_array_size(audience); i++)
        is_named = is_named || str_eq(json_str_of(json_array_get(audience, i)), client_id);
    if (!is_named || (count > 1 && party == NULL))
        return false;
    return party == NULL || str_eq(json_str_of(party), client_id);
}

static enum login_oidc_verdict check_claims(const json_t *claims, const struct login_expected *e,
                                            struct buf *why)
{
    struct str issuer = json_str_member(claims, "iss");
    struct str subject = json_str_member(claims, "sub");
    struct str nonce = json_str_member(claims, "nonce");
    if (!str_eq(issuer, e->issuer))
        return token_refuse(why, "is of another issuer", issuer);
    if (!is_for_us(claims, e->client_id))
        return token_refuse(why, "is for somebody else (aud, azp); this client is", e->client_id);
    if (!json_is_number(json_object_get(claims, "exp")) ||
        !json_is_number(json_object_get(claims, "iat")))
        return token_refuse(why, "lacks a time (exp, iat); its subject is", subject);
    if (!str_eq_constant_time(nonce, e->nonce))
        return token_refuse(why, "has the nonce of another login; its subject is", subject);
    if (subject.len == 0 || subject.len > SUBJECT_MAX)
        return token_refuse(why, "has no subject, or one of more than 255 bytes", subject);
    return LOGIN_OIDC_OK;
}

static struct str name_for_people(const json_t *claims, struct arena *a)
{
    static const char *const names[] = { "preferred_username", "email", "name", "sub" };
    struct str name = STR_NONE;
    for (size_t i = 0; i < COUNT_OF(names) && name.len == 0; i++)
        name = str_trim(json_str_member(claims, names[i]));
    if (name.len == 0)
        name = json_str_member(claims, "sub"); /* nothing but blanks */
    return arena_str(a, str_sub(name, 0, NAME_MAX_BYTES));
}

/* --- roles --------------------------------------------------------------------------------------------- */

static const json_t *pointed_at(const json_t *claims, struct str pointer)
{
    const json_t *at = claims;
    struct str part;
    (void)str_skip_prefix(&pointer, STR("/"));
    while (at != NULL && str_split(&pointer, '/', &part)) {
        struct arena a;
        arena_init_small(&a);
        at = json_object_get(at, arena_cstr(&a, part));
        arena_fini(&a);
    }
    return at;
}

/* "/realm_access/roles" leads through objects; any other text is a member's name, also one that is an address. */
static const json_t *find_claim(const json_t *claims, struct str name, struct arena *a)
{
    return str_starts(name, STR("/")) ? pointed_at(claims, name)
                                      : json_object_get(claims, arena_cstr(a, name));
}

static enum login_oidc_verdict token_role(const json_t *claims, const struct login_expected *e,
                                          struct arena *a, struct login_oidc_user *out,
                                          struct buf *why)
{
    const json_t *values = find_claim(claims, e->roles_claim, a);
    struct login_role role = { 0 };
    login_role_add(&role, e->roles, json_str_of(values));
    for (size_t i = 0; i < json_array_size(values) && i < VALUES_MAX; i++)
        login_role_add(&role, e->roles, json_str_of(json_array_get(values, i)));
    out->role = role.role;
    if (role.has_one)
        return LOGIN_OIDC_OK;
    if (values == NULL) {
        buf_say(why, "the id_token has no claim \"%.*s\" (console.oidc_roles_claim)",
                STR_ARGS(e->roles_claim));
        return LOGIN_OIDC_ROLE;
    }
    buf_say(why, "console.oidc_roles maps nothing that the claim \"%.*s\" holds: %.*s",
            STR_ARGS(e->roles_claim), STR_ARGS(str_sub(json_text(a, values), 0, SHOWN)));
    return LOGIN_OIDC_ROLE;
}

enum login_oidc_verdict login_token_read(struct str token, const struct login_expected *e,
                                         struct arena *a, struct login_oidc_user *out,
                                         struct buf *why)
{
    json_t *claims = NULL;
    if (access_jwt_claims(token, &claims) != RC_OK)
        return token_refuse(why, "holds no object", STR_NONE);
    enum login_oidc_verdict verdict = check_claims(claims, e, why);
    if (verdict == LOGIN_OIDC_OK) {
        out->name = name_for_people(claims, a);
        verdict = token_role(claims, e, a, out, why);
    }
    json_decref(claims);
    return verdict;
}
