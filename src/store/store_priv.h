/* SPDX-License-Identifier: Apache-2.0
 *
 * The store from inside.
 */
#pragma once

#include <stdatomic.h>

#include "metrics/metrics.h"
#include "store/config_priv.h"
#include "store/filter_run.h"
#include "store/request.h"
#include "store/segment_priv.h"

enum store_job_kind {
    JOB_PUBLISH = 1,
    JOB_OUTCOME,
    JOB_REQUEUE,
    JOB_EXPUNGE,
    JOB_RECORD,
    JOB_FILTER_RUN,
    JOB_INTERNAL
};

/* Something of our own for the store thread, between groups; freed by fn. */
struct store_internal {
    struct store_job job;
    void (*fn)(struct store_internal *i);
    struct store *store;
    struct store_segment *segment; /* with a reference */
};

struct store_reader {
    struct store_segment *segment; /* with a reference; NULL: an empty place */
    struct db *db;
    uint64_t used;
    bool busy;
};

struct store {
    struct store_options o;
    char *dir;
    int lock_fd;
    struct store_config config;
    struct clock id_clock; /* never before the newest stored id */
    int64_t id_floor_us;
    struct id_source *ids;
    uint64_t hash_seed;
    _Atomic int64_t retention_us, idempotency_us;

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
    uint64_t writer_clock;

    struct mutex health_lock;
    enum rc commit_rc;
    char commit_words[256];
    atomic_bool disk_low;

    struct mutex keeper_lock;
    struct cond keeper_wake;
    bool keeper_stop, keeper_asked;
    atomic_bool keeper_round; /* a whole round was asked for, not the logs only */
    struct thread *keeper;
    int64_t shown[5]; /* gauges as last told */
};

/* --- queue.c ---------------------------------------------------------------------------------------- */
void store_queue_start(struct store *s);
void store_queue_stop(struct store *s); /* commits what is queued first */
void store_submit_internal(struct store *s, struct store_internal *i);
void store_group_run(struct store *s, struct store_job *jobs);

/* --- write.c: one job each, inside its segment's transaction ------------------------------------------- */
MUST_USE enum rc store_apply_publish(struct store *s, struct store_publish *p);
MUST_USE enum rc store_apply_outcome(struct store *s, struct store_outcome *o);
MUST_USE enum rc store_apply_requeue(struct store *s, struct store_requeue *r);
MUST_USE enum rc store_apply_expunge(struct store *s, struct store_expunge *e);
/* filter_run.c */
MUST_USE enum rc store_apply_filter_run(struct store *s, struct store_filter_run_job *j);
/* What a failed statement means for the group: all but a conflict or an absence fails its transaction. */
MUST_USE enum rc store_settle(struct store_segment *seg, enum rc rc);

/* --- request.c ---------------------------------------------------------------------------------------- */
MUST_USE enum rc store_apply_record(struct store *s, struct store_record *r);
/* Is p->request kept in the row of its message, and not in one of its own? */
bool store_request_is_in_message(const struct store_publish *p);
#define STORE_REQUEST_COLUMNS \
    "request_stretch, source, received, status, method, url, peer, request_headers, body_bytes, request_type, dedupe_id"
#define STORE_REQUEST_VALUES "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"
/* The values of STORE_REQUEST_COLUMNS, from the parameter `first` on. */
void store_request_bind(struct store_segment *seg, struct db_stmt *s, int first,
                        const struct store_request *r);
/* The whole of a request's headers, in *out, which the caller buf_fini()s. */
struct str store_request_headers(struct str headers, struct str lines, struct buf *out);
/* A row of its own. `p`: what made its messages; NULL: it has none. */
MUST_USE enum rc store_request_insert(struct store_segment *seg, const struct store_request *r,
                                      const struct store_publish *p);
/* Is anything of it new? */
bool store_publish_is_new(const struct store_publish *p);

/* --- remember.c --------------------------------------------------------------------------------------- */
enum { REMEMBERED_BYTES = 40 }; /* key, body hash, event id's hash */
/* Looks for an earlier message with the key; sets result and first. RC_OK with result CREATED: none. */
MUST_USE enum rc store_remembered_check(struct store *s, struct store_publish *p);
MUST_USE enum rc store_remember(struct store *s, struct store_segment *seg,
                                const struct store_publish *p);
/* With those of p->also that were remembered, too. */
void store_forget(struct store *s, struct store_segment *seg, const struct store_publish *p);
/* Fills the table of a segment from its rows, or maps its sorted file. At start. */
MUST_USE enum rc store_remembered_load(struct store_segment *seg, bool is_newest);
/* Writes the sorted file of a sealed segment and swaps it in. Keeper thread. */
void store_remembered_seal(struct store_segment *seg);
/* Keeper: neighbours with key files get one filter together. */
void store_remembered_group(struct store *s, struct store_segment *const *segments, size_t count);
/* Messages that may have this event id: calls fn for each until it returns true. Any thread. */
bool store_event_candidates(struct store *s, struct store_segment *seg, uint64_t hash,
                            bool (*fn)(void *ctx, int64_t k), void *ctx);

/* --- readers.c ---------------------------------------------------------------------------------------- */
void store_readers_init(struct store *s);
void store_readers_fini(struct store *s);
/* A read snapshot of a segment. Hold one at a time. RC_IO, RC_CORRUPT; RC_NOT_FOUND: the segment is gone. */
MUST_USE enum rc store_reader_get(struct store_segment *seg, struct store_reader **out);
void store_reader_put(struct store *s, struct store_reader *r); /* NULL is fine */
/* Closes what is open on a segment and idle. */
void store_readers_drop(struct store *s, const struct store_segment *seg);

/* --- keeper.c ----------------------------------------------------------------------------------------- */
void store_keeper_start(struct store *s);
void store_keeper_stop(struct store *s);
void store_keeper_ask(struct store *s); /* now rather than at the next round. Any thread */

/* Store thread, between groups: keeps write-ahead logs short. */
void store_wal_mind(struct store *s);

/* --- rows.c: the columns of messages ---------------------------------------------------------------------- */
/* `payload` is an expression: "payload", or "NULL" to leave it out. */
#define MESSAGE_COLUMNS(m, payload) \
    m "k, " m "tail, " m "app, " m "org, " m "created, " m "deliver_at, " m "expires, " m \
      "event_type, " m "event_id, " m "channels, " m "tags, " m "content_type, " m \
      "headers, " payload
enum { MESSAGE_COLUMN_COUNT = 14 };
/* Conditions for the filter parameters ?5 event types, ?6 channel, ?7 tag, ?8 after, ?9 before. */
#define MESSAGE_FILTER(m) \
    " AND (?5 IS NULL OR " m "event_type IN (SELECT value FROM json_each(?5)))" \
    " AND (?6 IS NULL OR EXISTS (SELECT 1 FROM json_each(" m "channels) WHERE value = ?6))" \
    " AND (?7 IS NULL OR EXISTS (SELECT 1 FROM json_each(" m "tags) WHERE value = ?7))"
void store_read_message(struct db_stmt *s, int column, int64_t now_us, struct arena *a,
                        struct store_message *out);
void store_bind_filter(struct db_stmt *s, struct arena *a, const struct str *event_types,
                       size_t count, struct str channel, struct str tag);
struct id store_id_of(int64_t k, struct str tail);
struct str store_id_tail(const struct id *id); /* borrowed */
/* Loads the message, counted. */
MUST_USE enum rc store_load_message(struct db *db, const struct id *id, int64_t now_us,
                                    struct store_message **out);
/* Numbers as bytes of 7 bits, low first. */
struct str store_endpoints_pack(const int64_t *numbers, size_t count, struct buf *out);
bool store_endpoints_next(struct str *packed, int64_t *number);

/* --- store.c ------------------------------------------------------------------------------------------- */
/* What the last commit came to; `words` when it failed. Store thread. */
void store_health_set(struct store *s, enum rc rc, struct str words);
