/* SPDX-License-Identifier: Apache-2.0
 *
 * Logging in with a name. Who is not there takes as long to refuse as who has the wrong password; failures
 * of a name are bounded (ten at once, then one each 30 seconds), in fixed memory; so is how many
 * passwords are being checked. Worker threads; no lock.
 */
#pragma once

#include "core/password.h"
#include "sign/sign.h"
#include "store/application.h"
#include "store/user.h"

enum { CORE_USER_NAME_MAX = 256, CORE_USER_SECRET_MAX = 256, CORE_USER_ROLES_MAX = 32 };

struct core_users;

struct core_users_options {
    struct store *store;
    const struct sign_vault *vault;
    const struct clock *clock;
    const struct rng *rng;
    int at_once;           /* passwords checked at a time: each takes 19 MiB and a worker */
    bool codes_are_reused; /* a one-time code is taken again within its time */
};
struct core_users *core_users_new(const struct core_users_options *o);
void core_users_free(struct core_users *u); /* NULL is fine */

enum core_login {
    CORE_LOGIN_OK,
    CORE_LOGIN_WRONG,   /* the name, the tenant, the password, the code: which one is not said */
    CORE_LOGIN_LIMITED, /* too many failures of this name; later */
    CORE_LOGIN_BUSY     /* too many passwords are being checked, or the store is busy */
};

/* A user and their tenant; strings in the arena. */
struct core_user {
    struct store_user row;
    struct store_org org;
};

/* `tenant`: an organisation's name or id; empty: the only user of that name. */
MUST_USE enum core_login core_login_password(struct core_users *u, struct str tenant,
                                             struct str name, struct str password, struct arena *a,
                                             struct core_user *out);
/* `hash`: SHA-1 in hex of "preservica-external-auth", `timestamp` (seconds, at most five minutes off), name
 * and shared secret. */
MUST_USE enum core_login core_login_shared(struct core_users *u, struct str tenant, struct str name,
                                           struct str timestamp, struct str hash, struct arena *a,
                                           struct core_user *out);
/* The second factor of someone whose first was right. A code is taken once. */
MUST_USE enum core_login core_login_code(struct core_users *u, const struct core_user *user,
                                         struct str code, struct arena *a);

/* A user as they are now. RC_NOT_FOUND, RC_IO. */
MUST_USE enum rc core_user_load(struct core_users *u, int64_t num, struct arena *a,
                                struct core_user *out);
bool core_user_has_role(const struct core_user *user, const char *const *any_of, size_t count);

/* A tenant by name or id. RC_NOT_FOUND. */
MUST_USE enum rc core_tenant_find(struct store_tx *tx, struct str name_or_id, struct arena *a,
                                  struct store_org *out);

/* Secrets at rest. */
enum core_user_secret { CORE_USER_TOTP, CORE_USER_SHARED };
MUST_USE enum rc core_user_seal(const struct sign_vault *v, enum core_user_secret what, int64_t org,
                                struct str name, struct str plain, struct buf *out);
/* Into the arena, wiped with it; RC_CORRUPT. */
MUST_USE enum rc core_user_open(const struct sign_vault *v, enum core_user_secret what, int64_t org,
                                struct str name, struct str sealed, struct arena *a,
                                struct str *out);
