/* SPDX-License-Identifier: Apache-2.0
 *
 * What config.db holds sealed, for whoever has to find out whether a main secret is the right one (works on a
 * database of any schema, so that it can be asked before it is migrated), and what is needed to seal what builds
 * before kept in clear.
 */
#pragma once

#include "store/table.h"

/* A sealed value and the context it was sealed under, both borrowed for the call. True: enough. */
typedef bool (*store_sealed_fn)(void *ctx, struct str context, struct str sealed);

/* Shows fn what is sealed, newest first of each kind, some thousand rows at most, until it returns true; *count:
 * how many it was shown. RC_IO, RC_CORRUPT. */
MUST_USE enum rc store_sealed_each(struct db *db, store_sealed_fn fn, void *ctx, int64_t *count);

/* A text that was sealed when the store first had a main secret, to be opened at every start.
 * RC_NOT_FOUND: none yet. */
MUST_USE enum rc store_seal_proof_get(struct db *db, struct arena *a, struct str *out);
MUST_USE enum rc store_seal_proof_set(struct store_tx *tx, struct str sealed);

/* Takes credentials out of the URLs in remembered answers, as builds before gave them. *count: in how many. */
MUST_USE enum rc store_answer_hide_users(struct store_tx *tx, int64_t *count);

/* Writes config.db anew and empties its log, so that neither holds what rows held before. At the start, as it takes
 * its time. RC_BUSY: somebody is reading it. */
MUST_USE enum rc store_config_forget(struct store *s);
