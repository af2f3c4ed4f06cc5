/* SPDX-License-Identifier: Apache-2.0
 *
 * stats.db: one table of cells under (tier, time, kind, id), so that a minute's rows lie beside each other and are written
 * in order. Times are minutes since 1970. What is damaged is made anew. Whoever calls holds the lock of struct stats, but
 * for packing, which readers do not notice: they read a snapshot.
 */
#pragma once

#include "db/db.h"
#include "stats/cell_priv.h"
#include "stats/table_priv.h"

enum stats_tier {
    STATS_TIER_MINUTE = 0,  /* a cell of a minute, until its hour is packed */
    STATS_TIER_MINUTES = 1, /* a pack: the minutes of an hour */
    STATS_TIER_HOUR = 2,    /* a cell of an hour, until its day is packed */
    STATS_TIER_HOURS = 3,   /* a pack: the hours of a day */
    STATS_TIER_DAY = 4      /* a cell of a day */
};

struct stats_rows {
    char *path;
    struct db *writer, *reader; /* NULL: not open now */
    uint64_t key[2];
    int64_t newest; /* the last minute that may have rows */
    _Atomic int64_t dropped; /* packs before this may have been dropped for their size; 0: none ever was */
    bool is_over_said;
};

/* Opens or makes it. The key of a file that was there is kept, else `key` goes into it. RC_OK, or why there is none now. */
MUST_USE enum rc stats_rows_open(struct stats_rows *f, struct buf *why);
void stats_rows_close(struct stats_rows *f);
/* After RC_CORRUPT: removes it, for stats_rows_open() to make it anew. */
void stats_rows_remove(struct stats_rows *f);

/* Adds a minute's cells to what the file has of it, and marks it as one in which there was a server. `t` NULL: only that.
 * All or nothing. */
MUST_USE enum rc stats_rows_put(struct stats_rows *f, int64_t minute, struct stats_table *t);

/* One row's bytes, into `out`. RC_NOT_FOUND: there is none. */
MUST_USE enum rc stats_rows_get(struct db *db, enum stats_tier tier, int64_t time, enum stats_kind kind, int64_t id, struct buf *out);
/* The first time with a row in the tier; INT64_MAX: there is none. */
MUST_USE enum rc stats_rows_first(struct db *db, enum stats_tier tier, int64_t *time);
MUST_USE enum rc stats_rows_set(struct db *db, enum stats_tier tier, int64_t time, enum stats_kind kind, int64_t id, struct str bytes);

/* --- pack.c ----------------------------------------------------------------------------------------- */
/* Packs the oldest hour and the oldest day that are over at `now_us`; *more: there are others. */
MUST_USE enum rc stats_pack_next(struct stats_rows *f, int64_t now_us, bool *more);
/* Drops what is past its time. */
MUST_USE enum rc stats_rows_expire(struct stats_rows *f, int64_t now_us);
/* Drops the finest of what moves least until the file is well within `size_max`. */
MUST_USE enum rc stats_rows_shrink(struct stats_rows *f, int64_t size_max);
MUST_USE enum rc stats_rows_size(struct stats_rows *f, int64_t *bytes); /* without pages that are free */
