/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of segments, and making them.
 */
#pragma once

#include "store/postgres/postgres_priv.h"

/* Any thread. */
struct postgres_segments store_postgres_segments_get(struct store_postgres *s);
void store_postgres_segments_free(struct postgres_segments *list);
/* The one of a key, with a reference; NULL: there is none. Any thread. */
struct postgres_segment *store_postgres_segment_of(struct store_postgres *s, int64_t k);
struct postgres_segment *store_postgres_segment_ref(struct postgres_segment *seg);
void store_postgres_segment_unref(struct postgres_segment *seg); /* NULL is fine */

void store_postgres_segments_init(struct store_postgres *s);
void store_postgres_segments_fini(struct store_postgres *s);
/* Reads the list anew. */
MUST_USE enum rc store_postgres_segments_load(struct store_postgres *s, struct buf *why);
/* Sees to it that there is one for the key. Blocks; any thread but loops. */
MUST_USE enum rc store_postgres_segments_cover(struct store_postgres *s, int64_t k);
/* The same; a new one has first_k <= k < end_k, but for what others have of that. For rows that come from elsewhere. */
MUST_USE enum rc store_postgres_segments_cover_as(struct store_postgres *s, int64_t k, int64_t first_k, int64_t end_k);
/* Makes tables again that somebody has removed by hand. */
MUST_USE enum rc store_postgres_segments_mend(struct store_postgres *s);
/* Takes it off the list; store_postgres_segments_clear() drops its tables. */
MUST_USE enum rc store_postgres_segment_remove(struct store_postgres *s, struct postgres_segment *seg);
/* Drops the tables of those that were removed and that nobody reads any more, also what a process that ended left of it. */
MUST_USE enum rc store_postgres_segments_clear(struct store_postgres *s);
