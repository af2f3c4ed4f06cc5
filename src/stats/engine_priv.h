/* SPDX-License-Identifier: Apache-2.0
 *
 * Where cells are kept: rows under (tier, time, kind, id), so that a minute's lie beside each other and are written in
 * order. Times are minutes since 1970. Two engines keep them: stats.db (rows_file.c), or two tables of a PostgreSQL
 * database that several nodes may write (rows_postgres.c). Everything above sees rows and batches of them.
 *
 * The writer is the statistics' thread's alone. The reader, and whether there is one, is for whoever holds the lock of
 * struct stats.
 */
#pragma once

#include "db/db.h"
#include "stats/batch_priv.h"

enum stats_tier {
    STATS_TIER_MINUTE = 0,  /* a cell of a minute, until its hour is packed */
    STATS_TIER_MINUTES = 1, /* a pack: the minutes of an hour */
    STATS_TIER_HOUR = 2,    /* a cell of an hour, until its day is packed */
    STATS_TIER_HOURS = 3,   /* a pack: the hours of a day */
    STATS_TIER_DAY = 4      /* a cell of a day */
};

struct stats_rows {
    const struct stats_engine *engine;
    char *place;                /* the file's path, or the database's URL; owned */
    struct db *writer, *reader; /* NULL: not open now */
    _Atomic bool is_reader_lost;
    uint64_t key[2];
    int64_t newest;             /* the last minute that may have rows */
    /* bound.c: when it was last measured how much is in use, and against which bound; whether it was said that there is too much. */
    int64_t measured_hour, measured_for;
    bool is_over_said;
};

/* Which rows are looked for: all of these subjects at all of these times. */
struct stats_keys {
    enum stats_tier tier;
    const struct stats_subject *subjects;
    size_t subject_count;
    int64_t first, step; /* times: first, first + step, ... */
    int64_t count;
};
/* What is found. `subject`: which of the keys' it is of. RC_OK: go on. `bytes` are borrowed for the call. */
typedef enum rc (*stats_row_fn)(void *ctx, size_t subject, int64_t time, struct str bytes);

/* A subject's minutes of an hour, or hours of a day, in the form of a pack, or some of them; those of a subject come one
 * after the other. */
typedef enum rc (*stats_piece_fn)(void *ctx, struct stats_subject of, struct str pack);
/* A row of a subject of a kind; several of one subject are to be added up. */
typedef enum rc (*stats_of_kind_fn)(void *ctx, int64_t id, struct str bytes);

struct stats_engine {
    bool is_shared;
    int64_t row_bytes; /* what a row takes beside its bytes */

    enum rc (*open)(struct stats_rows *r, struct buf *why); /* what it has opened when it fails is closed by its caller */
    void (*remove)(struct stats_rows *r);                   /* NULL: it is never removed as a whole */
    enum rc (*begin)(struct stats_rows *r);                 /* a transaction that writes */
    /* ... with what is read unchanged until the end. RC_BUSY: somebody else has begun so. */
    enum rc (*begin_alone)(struct stats_rows *r);
    /* Cells of a minute. `part`: which write of which node they are of; 0: marks. */
    enum rc (*put)(struct stats_rows *r, int64_t minute, int64_t part, struct stats_batch *b);
    enum rc (*set)(struct stats_rows *r, enum stats_tier tier, int64_t time, const struct stats_batch *b);
    enum rc (*find)(struct db *db, const struct stats_keys *keys, stats_row_fn fn, void *ctx);
    /* All rows of a tier from `start` on for `span` minutes, at places `unit` minutes apart. */
    enum rc (*walk)(struct stats_rows *r, enum stats_tier tier, int64_t start, int64_t unit, int64_t span,
                    stats_piece_fn fn, void *ctx);
    enum rc (*of_kind)(struct db *db, enum stats_tier tier, int64_t time, enum stats_kind kind,
                       stats_of_kind_fn fn, void *ctx);
    enum rc (*drop_subjects)(struct stats_rows *r, enum stats_tier tier, const struct stats_subject *of, size_t count);
    enum rc (*size)(struct stats_rows *r, int64_t *bytes);
    enum rc (*used)(struct stats_rows *r, int64_t *bytes); /* how much of it is in use, which costs more; NULL: all of it */

    const char *get_note; /* value: by name */
    const char *set_note; /* name, value */
    const char *extent;   /* first, last: of a tier */
    const char *drop;     /* tier, from, to */
    const char *quiet;    /* kind, id, bytes: of a tier, with so much a row, above a kind, at most so many; least first */
};
