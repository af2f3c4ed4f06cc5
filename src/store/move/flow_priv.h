/* SPDX-License-Identifier: Apache-2.0
 *
 * What flows, of one organisation.
 */
#pragma once

#include "store/move/far_priv.h"

/* Compared once it is there. RC_CORRUPT: it differs. RC_BUSY: the server stops, or the move was canceled. */
MUST_USE enum rc store_move_flow_copy(struct move_in *in);
MUST_USE enum rc store_move_flow_delete(struct store_mover *m, int64_t org);
/* What waits of it in the own database; xfree(). */
MUST_USE enum rc store_move_flow_waiting(struct store_mover *m, int64_t org, struct store_due_endpoint **out, size_t *count);
