/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows as both engines have them, looked for, written and joined; and a minute that is written.
 */
#pragma once

#include "stats/engine_priv.h"
#include "stats/table_priv.h"

/* For the log: the file's path, and nothing that a URL could give away. */
const char *stats_rows_name(const struct stats_rows *r);
/* May others write, too? */
bool stats_rows_is_shared(const struct stats_rows *r);

/* Writes a minute's cells beside or onto what there is of it, and marks it as one in which there was a server. `t` NULL:
 * only that. All or nothing, and only once stats_rows_commit() was RC_OK; a failure has undone it. A table whose commit
 * was lost with its connection is written once, however often it is tried. */
MUST_USE enum rc stats_rows_put(struct stats_rows *r, int64_t minute, struct stats_table *t);
MUST_USE enum rc stats_rows_commit(struct stats_rows *r, int64_t minute, struct stats_table *t);

/* A row or several for each key that has any: what they say is to be added up. */
MUST_USE enum rc stats_rows_find(struct stats_rows *r, struct db *db, const struct stats_keys *keys, stats_row_fn fn, void *ctx);
/* Has the server a row then? It has one of each time that is kept and in which it ran. */
MUST_USE enum rc stats_rows_has(struct stats_rows *r, struct db *db, enum stats_tier tier, int64_t time, bool *has);
/* The first and the last time with a row in the tier; INT64_MAX and INT64_MIN: there is none. */
MUST_USE enum rc stats_rows_extent(struct stats_rows *r, struct db *db, enum stats_tier tier, int64_t *first, int64_t *last);
/* Packs before this may have been dropped for their size; 0: none ever was. */
MUST_USE enum rc stats_rows_dropped(struct stats_rows *r, struct db *db, int64_t *until);

/* Puts these rows, whose subjects have no others then or whose others were joined, in their place. */
MUST_USE enum rc stats_rows_set(struct stats_rows *r, enum stats_tier tier, int64_t time, const struct stats_batch *b);
/* Adds what there is of the batch's subjects at that time to the batch. */
MUST_USE enum rc stats_rows_join(struct stats_rows *r, enum stats_tier tier, int64_t time, struct stats_batch *b);
MUST_USE enum rc stats_rows_drop(struct stats_rows *r, enum stats_tier tier, int64_t from, int64_t to);

/* For open(): reads what is noted down, or notes it down the first time. RC_CONFLICT: it is of another format. Within a
 * transaction. */
MUST_USE enum rc stats_rows_read_notes(struct stats_rows *r);
MUST_USE enum rc stats_rows_set_note(struct stats_rows *r, const char *name, struct str value);
/* The first column of the first row; 0 without one. */
MUST_USE enum rc stats_rows_number(struct db *db, const char *sql, int64_t *out);
