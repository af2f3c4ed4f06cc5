/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept on disk. Two parts:
 *  - what is configured (store/config.h): one small database; worker threads read and write it in
 *    transactions, plain blocking code, one writer at a time;
 *  - what flows (store/flow.h): segments, one file per stretch of messages; one store thread writes
 *    in groups, worker threads read.
 *
 * Folder: config.db, segments/<first id key in hex>.db, segments/<...>.keys, lock. A second process on the
 * same folder is refused.
 */
#pragma once

#include "base/base.h"
#include "loop/loop.h"

struct store;

struct store_options {
    const char *dir; /* made if missing, mode 0700 */
    const struct clock *clock;
    const struct rng *rng;
    int64_t segment_messages; /* a new segment after this many */
    int64_t segment_bytes;    /* or this many bytes of payload */
    int64_t segment_us;       /* or this much time */
    int64_t retention_us;     /* sealed segments whose messages are all older are removed */
    int64_t idempotency_us;   /* how long a key is remembered */
    size_t group_max;         /* jobs in one commit */
    size_t queue_max;         /* jobs waiting; more are RC_BUSY */
    int64_t cache_bytes;      /* page cache, all connections together */
    int readers;              /* read connections */
    int64_t free_min_bytes;   /* refuse new messages below this much free disk */
    bool no_sync;             /* tests only: skip fsync */
};
void store_options_defaults(struct store_options *o);

/* Opens or makes the store, migrates it, recovers. RC_BUSY: another process has it. RC_CORRUPT: not
 * ours, newer than this program, or damaged: `why` names the file and what to do. RC_IO, RC_LIMIT. */
MUST_USE enum rc store_open(const struct store_options *o, struct store **out, struct buf *why);
/* Commits what is queued, checkpoints, closes. NULL is fine. */
void store_close(struct store *s);

/* Ids made here are placed in segments by their time. Any thread. */
struct id_source *store_ids(struct store *s);

/* Is the store able to accept? RC_OK, RC_LIMIT (disk nearly full), RC_IO (last commit failed). Any thread, cheap. */
enum rc store_health(struct store *s, struct buf *why);

/* Reload: retention, limits. */
void store_set_retention(struct store *s, int64_t retention_us, int64_t idempotency_us);
