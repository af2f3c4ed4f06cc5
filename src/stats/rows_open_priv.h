/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and closing what keeps the rows.
 */
#pragma once

#include "stats/engine_priv.h"

/* `dir`: the store's folder. `url`: of the database; NULL: stats.db in the folder. */
void stats_rows_init(struct stats_rows *r, const char *dir, const char *url);
void stats_rows_init_like(struct stats_rows *r, const struct stats_rows *other); /* closed */
void stats_rows_fini(struct stats_rows *r);
bool stats_rows_is_open(const struct stats_rows *r);

/* Opens or makes what keeps the rows. A key that was there is kept, else `key` goes into it. RC_OK, or why it cannot be
 * had now. RC_CORRUPT of a file: stats_rows_remove() it, and open it again. Blocks for seconds if a server does not
 * answer: so it is done in a struct of its own, without the lock, and then adopted. */
MUST_USE enum rc stats_rows_open(struct stats_rows *r, struct buf *why);
void stats_rows_adopt(struct stats_rows *r, struct stats_rows *fresh); /* `r` is closed; of `fresh` only the memory is left */
void stats_rows_close(struct stats_rows *r);
void stats_rows_remove(struct stats_rows *r);
