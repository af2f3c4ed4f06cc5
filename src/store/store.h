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

struct store_backend;
enum { STORE_CELLS_APART = 255 };
struct store_options {
    const struct store_backend *backend; /* store/backend.h */
    const char *dir; /* made if missing, mode 0700 */
    const char *url; /* of a PostgreSQL database, see db_connect(): for the configuration, and for messages with
                      * store_postgres_backend; NULL: files in `dir` */
    const struct clock *clock;
    const struct rng *rng;
    int64_t segment_messages; /* a new segment after this many */
    int64_t segment_bytes;    /* or this many bytes of payload */
    int64_t segment_us;       /* or this much time */
    int64_t retention_us;     /* sealed segments whose messages are all older than this and idempotency_us are removed */
    int64_t idempotency_us;   /* how long a key is remembered */
    int64_t audit_us;         /* how long rows of the audit log are kept */
    size_t group_max;         /* jobs in one commit */
    size_t queue_max;         /* jobs waiting; more are RC_BUSY */
    int64_t cache_bytes;      /* page cache, all connections together */
    int readers;              /* read connections */
    int64_t free_min_bytes;   /* refuse new messages below this much free disk */
    /* Pages of a write-ahead log: from how many the keeper moves them, the store thread does, and how few the keeper
     * leaves to it. */
    int64_t wal_soft, wal_hard, wal_little;
    int cell; /* its number: row keys differ between cells with numbers up to STORE_CELLS_APART - 1 */
    int64_t seen_us; /* for how long whoever opens it has seen the database without a gap, if another node had it */
    bool is_server; /* noted in the lock, for others: store_holder() */
    bool is_guest;  /* of a lookout: it only looks, since this node is of another database */
    bool no_sync;   /* tests only: skip fsync */
};
void store_options_defaults(struct store_options *o); /* files in ./grapnel-data */

/* Opens or makes the store, migrates it, recovers. RC_BUSY: another process has it. RC_CONFLICT: another node has the
 * database, or may have (`why` says which, and for how long); asking again later makes sense. RC_CORRUPT: not
 * ours, newer than this program, or damaged: `why` names the file and what to do. RC_IO, RC_LIMIT. */
MUST_USE enum rc store_open(const struct store_options *o, struct store **out, struct buf *why);

/* Takes a segment that cannot be read out of a store that nobody has open: its files go to `dir`/set-aside, and nothing
 * is deleted. `file`: its name, a folder before it does not matter. `place`: where it is now. RC_BUSY: the store is open;
 * RC_NOT_FOUND, RC_INVALID: no such segment, no segment's name; RC_IO, RC_LIMIT. `why` says so. */
MUST_USE enum rc store_set_aside(const char *dir, const char *file, struct buf *place, struct buf *why);

/* Looks whether store_open() would succeed, apart from the lock: owners, schema versions, damage. Changes nothing,
 * and is fine beside a server. RC_DENIED, RC_CORRUPT, RC_IO: `why` names the file and what to do. */
MUST_USE enum rc store_look(const char *dir, int *databases, struct buf *why);

/* Who has it open, as noted by whoever took the lock. Only a hint: the note is written after the lock is taken, and
 * stays when its writer is killed, so look more than once before giving up because of it. */
enum store_holder { STORE_HOLDER_UNKNOWN, STORE_HOLDER_COMMAND, STORE_HOLDER_SERVER };
enum store_holder store_holder(const char *dir);

/* Commits what is queued, checkpoints, closes. NULL is fine. */
void store_close(struct store *s);

/* Ids made here are placed in segments by their time. Any thread. */
struct id_source *store_ids(struct store *s);

/* The store's own time, as the wall face of a clock: it starts as the wall clock's and then runs with
 * the monotonic one, so that it does not care when the wall clock is set (docs/internals/time.md).
 * Whatever is stored and waited for is measured on it: due times, retention, windows. Any thread. */
const struct clock *store_clock(struct store *s);
/* The later of the store's time and the wall clock: for what must not live too long. Any thread. */
const struct clock *store_clock_later(struct store *s);
/* A time of the store's as the wall clock to show, and back. 0 stays 0. Any thread. */
int64_t store_shown_us(struct store *s, int64_t own_us);
int64_t store_own_us(struct store *s, int64_t wall_us);

/* Is the store able to accept? RC_OK, RC_LIMIT (disk nearly full), RC_IO (the last commit failed, or
 * the file that messages go to could not be synced and there is no other yet, or the database is away), RC_BUSY (a commit has been
 * under way for more than ACTIVITY_STUCK_US), RC_DENIED (another node has taken this one's place: for good). Any thread, cheap. */
enum rc store_health(struct store *s, struct buf *why);

/* May deliveries be sent now? Not by a node that cannot tell whether another one has taken its place. Any thread, cheap. */
bool store_may_deliver(struct store *s);

bool store_is_in_database(const struct store *s); /* else in files */

/* The nodes of a store in a database, as this one last saw them: itself, and those that stand by. */
enum { STORE_NODES_MAX = 64, STORE_NODE_TEXT = 128 };
struct store_node {
    char name[STORE_NODE_TEXT];
    char address[STORE_NODE_TEXT]; /* of the node at work: where others reach it; "": it has not said so */
    int64_t seen_us;               /* so long ago */
    bool is_active;                /* at work; the others stand by */
};
/* The node at work first; returns how many of `max`. Of a store in files there are none. Any thread, cheap. */
size_t store_nodes(struct store *s, struct store_node *out, size_t max);
/* Tells nodes that stand by where this one is reached: "host:port", or ":port" for the address that this machine has
 * towards the database. Nothing happens with a store in files. Any thread. */
void store_announce(struct store *s, const char *address);

/* What a node that stands by has of the store: one connection, over which it looks whether another node is at work, and says
 * that it is there itself. One thread. NULL: with a store in files nobody stands by. */
struct store_lookout;
struct store_lookout *store_lookout_new(const struct store_options *o);
/* RC_CONFLICT: a node is at work; *at_work gets the address that it announced, if it did. RC_OK: none is, as far as its
 * lease tells: store_open() knows whether it may be replaced. RC_IO: why. */
MUST_USE enum rc store_lookout_look(struct store_lookout *l, struct buf *at_work, struct buf *why);
void store_lookout_free(struct store_lookout *l); /* NULL is fine */

/* How long a key is remembered, as last set. Any thread. */
int64_t store_idempotency_us(const struct store *s);
/* Reload: retention, limits. */
void store_set_retention(struct store *s, int64_t retention_us, int64_t idempotency_us);
