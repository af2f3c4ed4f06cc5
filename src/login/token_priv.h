/* SPDX-License-Identifier: Apache-2.0
 *
 * What an id_token says of a person, and whether it is the provider's. Pure.
 */
#pragma once

#include "login/oidc.h"
#include "verify/verify.h"

/* What an id_token is checked against. */
struct login_expected {
    struct str issuer, client_id, nonce;
    struct str roles_claim;
    const struct login_roles *roles;
};
/* How tokens have to be signed. Freed by verify_scheme_free(). */
struct verify_scheme *login_token_scheme(void);
/* The signature and the times, by keys of this set. */
enum grapnel_status login_token_verify(const struct verify_scheme *scheme, struct str token, struct str keys, int64_t now_us);
/* OK, TOKEN or ROLE, of a token that was verified. */
enum login_oidc_verdict login_token_read(struct str token, const struct login_expected *e, struct arena *a,
                                         struct login_oidc_user *out, struct buf *why);
