/* SPDX-License-Identifier: Apache-2.0
 *
 * What is configured, of one organisation.
 */
#pragma once

#include "store/move/far_priv.h"

/* All of it, but the organisation's own; compared once they are there. RC_CORRUPT: they differ. */
MUST_USE enum rc store_move_config_copy(struct move_in *in);
/* Deletes them, in small transactions, proofs of access first (`proofs_only`: nothing else). RC_BUSY: the server stops. */
MUST_USE enum rc store_move_config_delete(struct store_mover *m, int64_t org, bool proofs_only);
bool store_move_config_knows(struct str table); /* does it go along? For tests */
