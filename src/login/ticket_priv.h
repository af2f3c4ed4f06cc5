/* SPDX-License-Identifier: Apache-2.0
 *
 * The cookie of a login by OpenID Connect that is under way. Pure.
 */
#pragma once

#include "login/oidc.h"

enum { LOGIN_RANDOM_TEXT = 43 }; /* 32 bytes as base64url */

struct login_ticket {
    struct str state, nonce, verifier, next;
    int64_t until_us; /* wall clock */
};
/* A new one, in the arena. */
void login_ticket_new(const struct rng *rng, int64_t now_us, struct str next, struct arena *a, struct login_ticket *out);
struct str login_ticket_seal(const struct sign_vault *vault, const struct login_ticket *t, struct arena *a);
/* RC_INVALID: not one of ours. Whether it is still good is for the caller to see. */
MUST_USE enum rc login_ticket_open(const struct sign_vault *vault, struct str cookie, struct arena *a, struct login_ticket *out);
/* base64url without padding, in the arena. */
struct str login_base64url(const void *bytes, size_t len, struct arena *a);
