/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules by which users and tenants are made and changed, whoever does it: the command line and the API keep to the
 * same. A change to what a user may do, or to how they prove who they are, raises their generation, and the store then
 * ends the sessions and tokens they have. Nothing here writes a user: the caller does, in a transaction of its own.
 * Hashing a password takes tens of milliseconds: never on a loop thread, and better not within a write transaction.
 */
#pragma once

#include "access/password.h"
#include "access/user.h"
#include "json/json.h"

enum { ACCESS_PEOPLE_SHARED_TEXT = HEX_LEN(24) }; /* length of a shared secret */

/* What names of users and tenants have to be, in words. */
#define ACCESS_PEOPLE_NAME_RULE "1 to 256 bytes of UTF-8 without control characters"
bool access_people_is_name(struct str name);

/* A role by its short name (admin, manager, config-manager, user, operator, viewer) or by its own (ROLE_...). Empty: it
 * is none. */
struct str access_people_role(struct str word);
/* The other way round; a role without a short name is its own. Borrowed. */
struct str access_people_role_word(struct str role);
/* Adds a role to an array of them, as a user's row has it. RC_INVALID: not a role; RC_LIMIT: there are
 * ACCESS_USER_ROLES_MAX. */
MUST_USE enum rc access_people_add_role(json_t *roles, struct str word);

/* A user who is not in the store yet. `name` is borrowed. */
struct store_user access_people_new(int64_t org, struct str name, int64_t now_us);
/* Marks the change of what a user may do or of how they prove who they are. */
void access_people_changed(struct store_user *u, int64_t now_us);
/* The password as it is kept, in the arena. RC_INVALID: ACCESS_PASSWORD_MIN to ACCESS_PASSWORD_MAX bytes are allowed. */
MUST_USE enum rc access_people_password(struct str password, struct arena *a, struct str *out);
/* A new secret of a second factor, sealed in the arena; `text` is what an authenticator takes. RC_LIMIT: no memory. */
MUST_USE enum rc access_people_totp(const struct sign_vault *v, const struct store_user *u, struct arena *a,
                                    struct str *sealed, char text[static ACCESS_TOTP_TEXT + 1]);
/* Whether `code` is right for a second factor that waits to be confirmed, now. *step: for store_user_use_step(). */
bool access_people_confirms(const struct sign_vault *v, const struct store_user *u, struct str code, int64_t now_us,
                            struct arena *a, int64_t *step);
/* The same as access_people_totp() for a secret that proves logins of programs. */
MUST_USE enum rc access_people_shared(const struct sign_vault *v, const struct store_user *u, struct arena *a,
                                      struct str *sealed, char text[static ACCESS_PEOPLE_SHARED_TEXT + 1]);

/* Makes a tenant. RC_INVALID: its name is none (the rule above, and it does not begin with org_); RC_CONFLICT: there is
 * one of that name. Strings of *out are in the arena. */
MUST_USE enum rc access_people_tenant(struct store_tx *tx, struct id_source *ids, struct str name, int64_t now_us,
                                      struct arena *a, struct store_org *out);
