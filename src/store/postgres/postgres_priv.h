/* SPDX-License-Identifier: Apache-2.0
 *
 * The PostgreSQL backend from inside: its types. What a file does is in a header of its own. From the bottom:
 *
 *   params, connection    parameters and whole columns in binary; a connection with a deadline for each exchange
 *   schema                the tables, and their versions
 *   health, segments      what the database last said; the partitions, and who makes one that is missing
 *   keys                  the two tables of remembered keys, and when they are switched
 *   young                 what was accepted a moment ago and has no outcome yet, in memory
 *   clock                 the database's clock, which the store's time follows
 *   confirmed             what the database confirmed last, and whether a new connection still finds it
 *   counted               how many deliveries of an endpoint are in which state, in memory
 *   member                the slot of this node, its lease, its epoch (the fence)
 *   nodes, lookout        who else is there; what a node that stands by sees of that
 *   readers, read_*, ...  reads, on connections of db.h
 *   queue, accept, outcome, spill   the two writers: groups of jobs, and their commits
 *   recover, due          what waits: written down after a node died, and read for `deliver`
 *   keeper                the thread that makes and removes partitions, and all that is done now and then
 *   postgres              opening, closing, and the table of it all (store/backend.h)
 *
 * A message and all that is about it is in the partitions of one segment: the one whose [first_k, end_k) has the
 * message's key. Segments do not overlap. There may be gaps between them, in which there are no messages.
 *
 * How a delivery stands: as its row in `waiting` says, if there is one; else as `state_after` (and `reason`) of its newest row in `attempt`
 * says, the one with the greatest `ak`; else it is pending. A delivery that ends without an attempt gets a row in `attempt` with number 0, which
 * no list of attempts shows. `endpoints` of a message names all that ever had a delivery of it.
 *
 * Threads: two write, one for what is accepted and one for outcomes, each with a connection of its own; the beat and
 * the keeper have theirs; reads come from workers.
 */
#pragma once

#include <stdatomic.h>

#include "metrics/metrics.h"
#include "store/postgres/connection_priv.h"
#include "store/postgres/counted_priv.h"
#include "store/postgres/young_priv.h"
#include "store/store_priv.h"

struct db;

/* A slice of keys whose rows are in tables of their own: message_<n>, attempt_<n>, request_<n>, filter_run_<n>. */
struct postgres_segment {
    atomic_int refs;
    int n;
    int64_t first_k, end_k;          /* keys of messages, requests and runs: first_k <= k < end_k */
    char message[24], attempt[24], request[24], filter_run[24]; /* names of its tables */
    /* How much is in it, as far as this process knows: estimates. */
    _Atomic int64_t messages, attempts, payload_bytes, disk_bytes;
    bool is_frozen; /* keeper: nothing is written to it any more, and that was made known to vacuum */
};

/* The segments there are, by first_k ascending, each with a reference. */
struct postgres_segments {
    struct postgres_segment **at;
    size_t count;
};

enum {
    POSTGRES_READERS_MAX = 8,
    POSTGRES_KEY_BYTES = 16,
    POSTGRES_YOUNG_US = 10000000,   /* older ones, and what is due later than that, are written to `waiting` */
    POSTGRES_YOUNG_MAX = 100000,    /* so are those beyond */
    POSTGRES_PATIENCE_US = 5000000, /* publishes wait so long for the database */
    POSTGRES_LEASE_US = 5000000
};

/* What a job's room holds here. The room is bytes of the submitter's. */
struct __attribute__((may_alias)) postgres_job {
    struct store_job *next;
    struct loop_task task;
    enum store_job_kind kind;
    int64_t queued_us; /* monotonic */
    bool is_written;   /* of a publish: something of it is new */
};
_Static_assert(sizeof(struct postgres_job) <= STORE_JOB_ROOM, "a job's room is too small");

static inline struct postgres_job *postgres_job(struct store_job *job)
{
    return (struct postgres_job *)(void *)job->room;
}

/* A queue, the thread that empties it group by group, and its connection. */
struct postgres_writer {
    struct store_postgres *store;
    struct postgres_conn conn;
    struct mutex lock;
    struct cond wake;
    struct store_job *first, *last;
    size_t count; /* that wait */
    size_t taken; /* of the group under way, until the next one is asked for */
    int64_t taken_us; /* when it was taken; monotonic; 0: there is none */
    bool is_idle, is_stopping;
    struct thread *thread; /* NULL: not started */
};

/* A group of which nobody knows whether it was written, and whose jobs were told that it was not: it is taken back as soon as the
 * database answers again. */
struct postgres_unknown {
    struct db_array keys; /* that it may have remembered */
    struct db_array ks;   /* of its rows */
    bool is_there;
};

/* The database's clock, as the beat last read it (clock_priv.h). */
struct postgres_clock {
    struct clock clock;        /* hand out */
    _Atomic int64_t offset_us; /* its wall clock minus our monotonic one */
    int64_t told_us;           /* how far our wall clock was ahead of it when that was last logged; beat */
    bool is_followed;          /* false: this store was given a clock of its own */
};

/* What the database confirmed last (confirmed_priv.h): of rows, what was written since the last beat began; 0: none. */
struct postgres_marks {
    int64_t message_k;
    int64_t attempt_msg, attempt_endpoint, attempt_ak;
};

struct postgres_confirmed {
    struct mutex lock;
    int64_t last_k; /* as the beat wrote it */
    struct postgres_marks marks;
};

struct store_postgres {
    struct store base;
    char *url;
    struct postgres_clock clock;
    int lock_fd;           /* of the folder */
    uint64_t hash_seed[2]; /* of event ids */

    struct mutex segments_lock;          /* guards the list */
    struct postgres_segment **segments;  /* by first_k, ascending */
    size_t segment_count, segment_room;
    struct postgres_segment **gone;      /* taken off it, their tables still there */
    size_t gone_count;
    _Atomic int64_t span_us;             /* how long the next one shall be */
    struct mutex make_lock;              /* one at a time makes or removes partitions */
    struct postgres_conn maker;          /* ... on this connection */

    struct mutex readers_lock;
    struct cond reader_freed;
    struct db *readers[POSTGRES_READERS_MAX]; /* NULL: not connected */
    bool is_reader_busy[POSTGRES_READERS_MAX];
    size_t reader_count;

    _Atomic int key_bucket; /* the table of keys that is written now: remembered_<n>; that before it is read, too */
    int64_t bucket_since_us; /* store_clock(); keeper */

    struct postgres_young young;
    _Atomic int64_t spill_until_us; /* what was accepted until then is written to `waiting` however young it is; monotonic */
    struct postgres_counted counted;
    _Atomic int64_t waiting; /* rows in `waiting`: an estimate */

    /* The member of the cluster that this is: set when it joins. */
    int slot;
    int64_t epoch;
    char name[STORE_NODE_TEXT];
    char lock_slot[96], lock_both[160]; /* the first statements of a group */
    struct postgres_conn beat_conn;
    _Atomic int64_t lease_until_us; /* monotonic */
    atomic_bool is_fenced;          /* this node may not write any more: somebody else has the slot, or `has_lost` */
    atomic_bool has_lost;           /* the database lacks what it had confirmed */
    struct postgres_confirmed confirmed;
    struct mutex beat_lock; /* guards what follows */
    struct cond beat_wake;
    bool beat_stop, beat_at_once;
    char announced[STORE_NODE_TEXT]; /* where other nodes reach this one; ":port" until the host is known; "": nowhere */
    struct store_node nodes[STORE_NODES_MAX]; /* that stand by */
    size_t node_count;
    struct thread *beat;

    struct postgres_writer accepts, outcomes;
    struct postgres_unknown unknown; /* thread of the accepts */
    struct map64 *bounded;           /* the same: by source, request rows without message since they were last counted */
    struct mutex watch_lock;         /* two threads commit, one at a time tells the watcher */

    struct mutex health_lock;
    enum rc commit_rc;
    int64_t failed_us; /* when a commit failed last; monotonic */
    char commit_words[256];

    struct mutex keeper_lock;
    struct cond keeper_wake;
    bool keeper_stop, keeper_asked;
    struct thread *keeper;
    struct postgres_conn keeper_conn;
    int64_t shown[4]; /* gauges as last told */
};

static inline struct store_postgres *store_postgres_of(struct store *s)
{
    return CONTAINER_OF(s, struct store_postgres, base);
}

/* Which of the cluster's parts an application belongs to. */
static inline int store_postgres_shard_of(int64_t app)
{
    return (int)(((uint64_t)app * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}
