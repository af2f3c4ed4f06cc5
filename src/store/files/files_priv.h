/* SPDX-License-Identifier: Apache-2.0
 *
 * The store from inside: its types. What a file does is in a header of its own. From the bottom:
 *
 *   keys      hashes of idempotency keys and event ids: in memory, in sorted files, in filters over many files
 *   conditions                    what lists are filtered by, in SQL
 *   health, stretch               what a commit came to; the stretches of a segment
 *   segment, readers              one segment: its writer and its transaction; read snapshots
 *   remember                      which keys a segment knows
 *   segments, stats               the list of segments; how much is in them
 *   walk                          from page to page over segments and stretches
 *   request, write, delivery, erase, filter_run   one job each, inside its segment's transaction
 *   read_*, due, filter_run       reads
 *   wal, queue                    the store thread: groups of jobs, and their commits
 *   keeper                        the thread that moves logs, seals and removes
 *   files                         opening, closing, and the table of it all (store/backend.h)
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

#include "metrics/metrics.h"
#include "store/files/keys_priv.h"
#include "store/store_priv.h"

struct store_files;

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
    struct store_files *store;
    int64_t start; /* its first key; the one in its name, or a later one (store_segments_load) */
    char *path;
    char *keys_path;
    struct mutex lock; /* guards `stretches` (the store thread changes them) */
    struct store_stretches stretches[STRETCH_KINDS];
    /* Store thread: */
    struct db *writer; /* NULL: not open */
    uint64_t writer_used;
    bool in_tx;
    enum rc tx_rc; /* the group's transaction failed: why */
    bool is_spoilt; /* ... and a job of the group was the first to fail in it */
    int64_t new_messages, new_attempts, new_pending, new_bytes; /* in the open transaction */
    struct map64 *bounded; /* by source: request rows without message since they were last counted */
    /* Store thread adds, anyone reads: */
    _Atomic int64_t messages, attempts, pending, payload_bytes, wal_pages;
    int64_t created_us;     /* when it became the newest */
    /* The times that are shown for its rows, against those in their keys: at least and at most. */
    _Atomic int64_t shown_low_us, shown_high_us;
    bool is_shown_saved; /* store thread */
    bool has_refused;    /* store thread: the last commit failed, and its log may hold what was refused */
    atomic_bool wal_helped; /* the keeper moved most of the log: the store thread moves the rest */
    atomic_bool gone;       /* taken off the list; its files go with the last reference */
    atomic_bool sync_failed; /* see struct db_options: the log is not moved until the next start */
    atomic_bool is_told;     /* ... and that was logged */
    /* Guarded by store->keys_lock: */
    struct store_key_table keys;
    struct store_key_file *key_file;
    struct store_key_group *key_group; /* shared with its neighbours; NULL: none */
};

enum { JOB_INTERNAL = STORE_JOB_KINDS }; /* struct store_internal */

/* What a job's room holds here. The room is bytes of the submitter's. */
struct __attribute__((may_alias)) store_files_job {
    struct store_job *next;
    struct loop_task task;
    int kind;                      /* enum store_job_kind, or JOB_INTERNAL */
    bool is_later;                 /* it depends on another segment's commit: once more in the next group */
    int64_t queued_us;
    struct store_segment *segment; /* the one it wrote to; NULL: none */
};
_Static_assert(sizeof(struct store_files_job) <= STORE_JOB_ROOM, "a job's room is too small");

static inline struct store_files_job *files_job(struct store_job *job)
{
    return (struct store_files_job *)(void *)job->room;
}

/* Something of our own for the store thread, between groups; freed by fn. */
struct store_internal {
    struct store_job job;
    void (*fn)(struct store_internal *i);
    struct store_files *store;
    struct store_segment *segment; /* with a reference */
};

struct store_reader {
    struct store_segment *segment; /* with a reference; NULL: an empty place */
    struct db *db;
    uint64_t used;
    bool busy;
};

struct store_files {
    struct store base;
    char *dir;
    int lock_fd;
    uint64_t hash_seed;

    struct mutex segments_lock;      /* the store thread changes the list under it */
    struct store_segment **segments; /* by start, ascending; never empty */
    size_t segment_count, segment_room;
    struct mutex keys_lock;

    struct mutex readers_lock;
    struct cond reader_freed;
    struct store_reader *readers;
    size_t reader_count;
    uint64_t reader_clock;

    struct mutex queue_lock;
    struct cond queue_wake;
    struct store_job *queue_first, *queue_last;
    size_t queue_count;
    bool queue_idle;
    atomic_bool queue_stop;
    struct thread *writer;
    /* Store thread: */
    struct store_job *later_first, *later_last; /* what has to wait for this group's commit */
    struct store_job *retry_first, *retry_last; /* outcomes whose commit failed */
    int64_t retry_at_us;
    int apart_count; /* groups in a row that were run again without the outcome that failed in them */
    int64_t roll_at_us; /* a segment could not be made: not again before this */
    uint64_t writer_clock;

    struct mutex health_lock;
    enum rc commit_rc; /* of the last one that failed; RC_OK: none has for a while */
    int64_t commit_failed_us; /* the system's monotonic time of it */
    char commit_words[256];
    atomic_bool disk_low;

    struct mutex keeper_lock;
    struct cond keeper_wake;
    bool keeper_stop, keeper_asked;
    atomic_bool keeper_round; /* a whole round was asked for, not the logs only */
    struct thread *keeper;
    int64_t shown[7]; /* gauges as last told */
};

static inline struct store_files *store_files_of(struct store *s)
{
    return CONTAINER_OF(s, struct store_files, base);
}
