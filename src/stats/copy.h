/* SPDX-License-Identifier: Apache-2.0
 *
 * Copying statistics between a store's folder and its database, for store_copy().
 */
#pragma once

#include "base/base.h"

struct stats_home {
    const char *dir; /* with stats.db in it; NULL: in the database */
    const char *url;
};

/* All of it, onto nothing or onto what an earlier run of the same copy has left. Nobody else writes either. Blocks. *rows: how many
 * were written; 0 if there are no statistics at `from`, and then none are made. RC_CONFLICT: there are others at `to`. RC_CORRUPT: what is at
 * `from` is damaged or of a later version; `to` may have a part of it. RC_IO, RC_LIMIT, RC_BUSY. `why` in words. */
MUST_USE enum rc stats_copy(const struct stats_home *from, const struct stats_home *to, int64_t *rows, struct buf *why);
