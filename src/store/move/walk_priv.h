/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of what flows, of one organisation: read from the other cell and written here, or only read back from here. Both come to
 * digests of the same columns.
 */
#pragma once

#include "store/move/far_priv.h"

enum move_sort { MOVE_MESSAGES, MOVE_ATTEMPTS, MOVE_REQUESTS, MOVE_RUNS, MOVE_WAITING, MOVE_SORTS };

/* What of 68 minutes is in one segment: from_k <= k < end_k. */
struct move_stretch {
    int64_t number, from_k, end_k;
    int64_t segment_first_k, segment_end_k; /* of the other cell */
};

/* `is_copy`: from the other cell, and written here; else what is here. Adds to digests[MOVE_SORTS]. */
MUST_USE enum rc store_move_walk_stretch(struct move_in *in, const struct move_stretch *s, bool is_copy, struct move_digest *digests);
MUST_USE enum rc store_move_walk_waiting(struct move_in *in, bool is_copy, struct move_digest *digest);
/* Idempotency keys that the other cell remembers of messages in these stretches (numbers, separated by commas) from `from_k` on. */
MUST_USE enum rc store_move_walk_keys(struct move_in *in, const char *stretches, int64_t from_k);
