/* SPDX-License-Identifier: Apache-2.0
 *
 * The main secret, and what is sealed under it.
 */
#pragma once

#include "server/server_priv.h"

/* The operator's main secret, or the one kept beside the store (made if missing). */
MUST_USE enum rc server_main_secret(const struct conf *c, struct buf *out, struct buf *why);
/* Is there one already? False: it would be made. */
bool server_knows_main_secret(const struct conf *c);
/* What seals secrets under it. */
MUST_USE enum rc server_vault(const struct conf *c, struct sign_vault **out, struct buf *why);
/* A key of it for one purpose; the caller wipes it. Errors as server_main_secret()'s. */
MUST_USE enum rc server_key_for(const struct conf *c, struct str purpose, uint8_t key[static 32], struct buf *why);
/* The same for a store: RC_DENIED when its secrets are sealed with another, or with one that is missing. The first
 * time, the store notes which one it is. */
MUST_USE enum rc server_vault_open(const struct conf *c, struct store *store,
                                   struct sign_vault **out, struct buf *why);
/* Does what is sealed in config.db open? RC_NOT_FOUND: nothing is sealed. RC_DENIED: no. `vault` NULL: there is none. */
MUST_USE enum rc server_vault_fits(const struct sign_vault *vault, struct db *db);
/* Is that the main secret of the nodes that have this database? Looks at nothing but their proof. RC_NOT_FOUND: they have
 * none. RC_DENIED: no. */
MUST_USE enum rc server_vault_proves(const struct sign_vault *vault, struct db *db);
/* Says so, and what to do. */
void server_say_wrong_secret(const struct conf *c, struct buf *why);
