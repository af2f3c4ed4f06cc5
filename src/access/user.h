/* SPDX-License-Identifier: Apache-2.0
 *
 * Logging in with a name. Who is not there takes as long to refuse as who has the wrong password. Guessing is
 * bounded, in fixed memory, without giving guessers a way to lock out who knows the password:
 *  - an address has ten failures at once for one name, then one each 30 seconds; 50 and one each 6 seconds for all
 *    names together;
 *  - a name has 100 failures at once from all addresses, then one each 3 seconds. An address that has logged in with
 *    the name before is not affected by this, nor by the failures of others: it has as many of its own.
 * So is how many passwords are checked at a time: strangers leave one place to addresses that have logged in before,
 * and one address takes half of the places at most. Worker threads.
 */
#pragma once

#include "access/password.h"
#include "sign/sign.h"
#include "store/application.h"
#include "store/user.h"

enum { ACCESS_USER_NAME_MAX = 256, ACCESS_USER_SECRET_MAX = 256, ACCESS_USER_ROLES_MAX = 32 };

struct access_users;

struct access_users_options {
    struct store *store;
    const struct sign_vault *vault;
    const struct clock *clock;
    const struct rng *rng;
    int at_once;           /* passwords checked at a time, at least 1: each takes 19 MiB and a worker */
    const char *proof_prefix; /* what proofs of a shared secret begin with, at most 64 bytes; borrowed */
    bool codes_are_reused; /* a one-time code is taken again within its time */
};
struct access_users *access_users_new(const struct access_users_options *o);
void access_users_free(struct access_users *u); /* NULL is fine */

enum access_login {
    ACCESS_LOGIN_OK,
    ACCESS_LOGIN_WRONG,   /* the name, the tenant, the password, the code: which one is not said */
    ACCESS_LOGIN_LIMITED, /* too many failures of this name or from this address; later */
    ACCESS_LOGIN_BUSY     /* too many passwords are being checked, or the store is busy */
};

/* A user and their tenant; strings in the arena. */
struct access_user {
    struct store_user row;
    struct store_org org;
};

/* `tenant`: an organisation's name or id; empty: the only user of that name. `from`: a number for the address that
 * asks, such as http_call_stranger(). */
MUST_USE enum access_login access_login_password(struct access_users *u, uint64_t from, struct str tenant,
                                             struct str name, struct str password, struct arena *a,
                                             struct access_user *out);
/* `hash`: SHA-1 in hex of the proof_prefix, `timestamp` (seconds, at most five minutes off), name
 * and shared secret. */
MUST_USE enum access_login access_login_shared(struct access_users *u, uint64_t from, struct str tenant,
                                           struct str name, struct str timestamp, struct str hash, struct arena *a,
                                           struct access_user *out);
/* The second factor of someone whose first was right; their failures are bounded wherever they come from (ten at
 * once, then one each 30 seconds), since only who knows the password gets here. A code is taken once. */
MUST_USE enum access_login access_login_code(struct access_users *u, const struct access_user *user,
                                         struct str code, struct arena *a);

/* A user as they are now. RC_NOT_FOUND, RC_IO. */
MUST_USE enum rc access_user_load(struct access_users *u, int64_t num, struct arena *a,
                                struct access_user *out);
bool access_user_has_role(const struct access_user *user, const char *const *any_of, size_t count);

/* Whether there is somebody of that name here, or the store cannot be read. Not to be told to whoever asks. */
bool access_user_is_here(struct access_users *u, struct str tenant, struct str name);

/* A tenant by name or id. RC_NOT_FOUND. */
MUST_USE enum rc access_tenant_find(struct store_tx *tx, struct str name_or_id, struct arena *a,
                                  struct store_org *out);

/* Secrets at rest. */
enum access_user_secret { ACCESS_USER_TOTP, ACCESS_USER_SHARED };
MUST_USE enum rc access_user_seal(const struct sign_vault *v, enum access_user_secret what, int64_t org,
                                struct str name, struct str plain, struct buf *out);
/* Into the arena, wiped with it; RC_CORRUPT. */
MUST_USE enum rc access_user_open(const struct sign_vault *v, enum access_user_secret what, int64_t org,
                                struct str name, struct str sealed, struct arena *a,
                                struct str *out);
