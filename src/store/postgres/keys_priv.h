/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of remembered keys: `remembered_<n>` is written, `remembered_<n-1>` is read, too; both as (key, k, body_hash). A new one is begun when the window
 * (store_idempotency_us()) has passed, so that no table is ever emptied row by row. A row whose k is older than the
 * window does not count.
 *
 * Idempotency keys are kept as they are, event ids by a hash.
 */
#pragma once

#include "store/postgres/postgres_priv.h"

/* Any thread. */
void store_postgres_event_key(const struct store_postgres *s, int64_t app, struct str event_id,
                              uint8_t out[static POSTGRES_KEY_BYTES]);
/* Keys of messages before this one are forgotten. */
int64_t store_postgres_keys_from(struct store_postgres *s);
/* Which table is written. At opening, and after a switch by somebody else. */
MUST_USE enum rc store_postgres_keys_load(struct store_postgres *s, struct buf *why);
/* Keeper: begins a new table when it is time, and drops those that are of no more use. */
void store_postgres_keys_mind(struct store_postgres *s);
/* Makes tables again that somebody has removed by hand. */
MUST_USE enum rc store_postgres_keys_mend(struct store_postgres *s);
