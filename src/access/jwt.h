/* SPDX-License-Identifier: Apache-2.0
 *
 * Checking JWTs signed with a shared secret. Pure: no clock, no state.
 */
#pragma once

#include "base/base.h"
#include "json/tree.h"

enum {
    ACCESS_JWT_LEEWAY_S = 900 /* clocks may differ by this much, as Svix has it */
};

/* Claims; strings are in the arena. */
struct access_jwt {
    struct str subject;       /* "org_..." or "app_..." */
    struct str org;           /* the "org" claim; empty: none */
    struct str feature_flags; /* JSON array text; ptr NULL: no such claim */
    int64_t issued_s;         /* 0: not said */
    int64_t expires_s;        /* 0: never */
};

/* RC_DENIED: not a JWT, an algorithm other than HS256, HS384 and HS512, an extension that must be known (`crit`), a wrong
 * signature or one spelled otherwise than in base64url without padding, or outside its time (`exp`, `nbf`); `why` (may be
 * NULL) has the words. */
MUST_USE enum rc access_jwt_check(struct str secret, struct str token, int64_t now_wall_us, struct arena *a, struct access_jwt *out, struct buf *why);

/* The claims of a JWT whose signature was checked elsewhere, with a key of somebody else's (login/oidc.h). The caller
 * json_decref()s. RC_INVALID: not a JWT, longer than we read, or its claims are no object. */
MUST_USE enum rc access_jwt_claims(struct str token, json_t **out);
