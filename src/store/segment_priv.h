/* SPDX-License-Identifier: Apache-2.0
 *
 * Segments: one file for a stretch of messages and everything about them. A message belongs to the
 * last segment that starts at or before its key, or to the first.
 *
 * Inside a segment, keys are cut into stretches of some thousand rows, and every index starts with
 * the stretch number. An index by application or endpoint would otherwise dirty one page per row as
 * soon as there are many of them; within a stretch all rows of the index share a few pages. A read
 * walks the stretches, newest first, one seek each. Stretches part the key range exactly, so
 * walking them in order is walking rows in order.
 *
 * Threads: the store thread alone writes and changes the list of segments; others hold references.
 */
#pragma once

#include <stdatomic.h>

#include "store/flow.h"
#include "store/keys_priv.h"

enum store_stretch_kind { STRETCH_MESSAGES, STRETCH_ATTEMPTS, STRETCH_REQUESTS, STRETCH_RUNS, STRETCH_KINDS };
enum { STRETCH_ROWS = 4096 };

struct store_stretches {
    int64_t *first; /* the first key of each; [0] takes what is before, too */
    size_t count, room;
    size_t saved;             /* how many are in the file */
    int64_t filled;           /* rows of all indexes in the last one */
    int64_t own;              /* messages or attempts in the last one */
    int64_t before;           /* ... in those before it */
    _Atomic int64_t last_key; /* the greatest key seen; 0: none */
};

struct store_segment {
    atomic_int refs;
    struct store *store;
    int64_t start; /* its first key, and its name */
    char *path;
    char *keys_path;
    struct mutex lock; /* guards `stretches` (the store thread changes them) */
    struct store_stretches stretches[STRETCH_KINDS];
    /* Store thread: */
    struct db *writer; /* NULL: not open */
    uint64_t writer_used;
    bool in_tx;
    enum rc tx_rc; /* the group's transaction failed: why */
    int64_t new_messages, new_attempts, new_pending, new_bytes; /* in the open transaction */
    struct map64 *bounded; /* by source: request rows without message since they were last counted */
    /* Store thread adds, anyone reads: */
    _Atomic int64_t messages, attempts, pending, payload_bytes, wal_pages;
    int64_t created_us;     /* when it became the newest, wall clock */
    atomic_bool wal_helped; /* the keeper moved most of the log: the store thread moves the rest */
    atomic_bool gone;       /* taken off the list; its files go with the last reference */
    /* Guarded by store->keys_lock: */
    struct store_key_table keys;
    struct store_key_file *key_file;
    struct store_key_group *key_group; /* shared with its neighbours; NULL: none */
};

/* Opens or makes the file, migrates it, reads its stretches and counts. RC_CORRUPT, RC_IO. */
MUST_USE enum rc store_segment_open(struct store *s, int64_t start, struct store_segment **out,
                                    struct buf *why);
struct store_segment *store_segment_ref(struct store_segment *seg);
void store_segment_unref(struct store_segment *seg); /* NULL is fine; the last one closes */

/* Opens every segment of the folder, and makes a first one. */
MUST_USE enum rc store_segments_load(struct store *s, struct buf *why);
void store_segments_free(struct store *s);

/* Store thread: the segment of a key, borrowed. */
struct store_segment *store_segment_of(struct store *s, int64_t k);
/* Store thread: appends a segment that starts after everything there is. */
MUST_USE enum rc store_segment_roll(struct store *s);
/* Store thread: takes a segment off the list; its files are removed when nobody reads them any more. */
void store_segment_remove(struct store *s, struct store_segment *seg);

/* Any thread: the list as it is now, oldest first, each with a reference. */
struct store_segment_list {
    struct store_segment **at;
    size_t count;
};
struct store_segment_list store_segment_list_get(struct store *s);
void store_segment_list_free(struct store_segment_list *list);
/* Any thread: the segment of a key, with a reference. */
struct store_segment *store_segment_find(struct store *s, int64_t k);

/* Store thread: makes sure that the segment has a writer and an open transaction. */
MUST_USE enum rc store_segment_begin(struct store_segment *seg);
/* Ends the transaction; the counts become visible. */
MUST_USE enum rc store_segment_commit(struct store_segment *seg);
/* The segment is not the newest any more. */
void store_segment_age(struct store_segment *seg);
/* Closes writers that were not used for longest, down to a few. Not within a transaction. */
void store_segment_trim_writers(struct store *s);
MUST_USE enum rc store_segment_connect(struct store_segment *seg, struct buf *why);

/* Store thread, in a transaction: the stretch to write a new row of that key into, counting it. */
int64_t store_stretch_take(struct store_segment *seg, enum store_stretch_kind kind, int64_t key,
                           int64_t rows);
/* The greatest key of a message or a request; 0: there is none. */
int64_t store_segment_last_key(const struct store_segment *seg);
/* The stretch an existing key is in. Store thread. */
int64_t store_stretch_of(const struct store_segment *seg, enum store_stretch_kind kind,
                         int64_t key);

MUST_USE enum rc store_stretches_load(struct store_segment *seg);
MUST_USE enum rc store_stretches_save(
    struct store_segment *seg);                        /* in a transaction: what the file lacks */
void store_stretches_saved(struct store_segment *seg); /* ... which was committed */

/* Any thread: a copy of the first keys, in the arena. */
struct store_stretch_list {
    const int64_t *first;
    size_t count;
};
struct store_stretch_list store_stretch_list_get(struct store_segment *seg,
                                                 enum store_stretch_kind kind, struct arena *a);
size_t store_stretch_count(struct store_segment *seg, enum store_stretch_kind kind);
size_t store_stretch_find(const struct store_stretch_list *list, int64_t key);

/* The time in a key, and the key of a time. */
int64_t store_key_time_us(int64_t k);
int64_t store_key_at(int64_t wall_us);
