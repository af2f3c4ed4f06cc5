/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/move/walk_priv.h. Memory holds one batch: the keys of some hundred messages, and about a megabyte of rows that wait to
 * be sent. Between two batches others of this cell have their turn at its database.
 */
#include "store/move/walk_priv.h"

#include "store/postgres/event_key_priv.h"
#include "store/postgres/member_priv.h"
#include "store/postgres/segments_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

enum {
    SQL_MAX = 1 << 16,
    SCRATCH_MAX = 1 << 28,
    BATCH_MESSAGES = 300,
    BATCH_ROWS = 1000,
    BATCH_BYTES = 1 << 20,
    REST_SHARE = 4 /* of the time that a batch took, one part is waited */
};
static const int64_t rest_most_us = 50000, expires_soon_us = INT64_C(3600) * 1000000;

#define MESSAGE_COLUMNS \
    "k, app, org, created, deliver_at, expires, shard, tail, event_type, event_id, channels, tags, content_type," \
    " headers, endpoints, payload, source, received, status, method, url, peer, request_headers, body_bytes," \
    " request_type, dedupe_id"
enum { K_AT = 0, APP_AT = 1, ORG_AT = 2, EXPIRES_AT = 5, EVENT_ID_AT = 9, PAYLOAD_AT = 15 };

static const struct sort {
    const char *table, *columns, *kinds;
} sorts[MOVE_SORTS] = {
    [MOVE_MESSAGES] = { "message", MESSAGE_COLUMNS, "llllllhbtbttbbbbllibbbblbb" },
    [MOVE_ATTEMPTS] = { "attempt",
                        "msg, endpoint, ak, started, next_due, took, task, http_status, number, state_after, reason,"
                        " trigger, success, tail, error, detail, url, response, response_headers, request_headers",
                        "llllllliihhhobbbbbbb" },
    [MOVE_REQUESTS] = { "request",
                        "k, source, app, at, body_bytes, status, outcome, has_message, tail, reason, method, url, peer,"
                        " headers, body, event_type, dedupe_id, original, items",
                        "lllllihobbbbbbbbbbt" },
    [MOVE_RUNS] = { "filter_run",
                    "k, app, started, took, halted, has_data, tail, event, filters, summary, detail",
                    "llllohbbbbb" },
    [MOVE_WAITING] = { "waiting",
                       "shard, state, trigger, attempts, ahead, endpoint, msg, app, due, retry_at, asked, task, last_at,"
                       " tip, tail",
                       "hhhiilllllllllb" },
};

struct walk {
    struct move_in *in;
    const struct move_stretch *stretch; /* NULL: of what waits */
    bool is_copy;
    struct move_digest *digests;
    enum move_sort sort; /* of the rows that come */
    struct buf scratch;
    int64_t expires_us; /* payloads that expire until then may be gone on one side */
    /* The batch: */
    bool is_open;
    struct copy_side to;
    struct copy_sink sinks[MOVE_SORTS], keys;
    bool has_sink[MOVE_SORTS], has_keys;
    size_t rows, bytes;
    int64_t began_us;
    struct buf ks; /* of its messages, separated by commas */
    size_t k_count;
    int64_t covered_from_k, covered_end_k;
};

/* --- a batch --------------------------------------------------------------------------------------------- */

static enum rc say_failed(const struct walk *w, const struct postgres_conn *c)
{
    buf_say(w->in->why, "the database of this cell: %s", c->words);
    return c->rc;
}

/* The fence first: whoever has been replaced as the node at work writes nothing. */
static enum rc batch_begin(struct walk *w)
{
    struct postgres_conn *c = &w->in->write;
    if (w->is_open)
        return RC_OK;
    if (store_move_conn_open(c) != RC_OK)
        return say_failed(w, c);
    store_postgres_pipe_begin(c);
    store_postgres_fence_send(w->in->m->store, c, true);
    if (store_postgres_pipe_end(c) != RC_OK)
        return say_failed(w, c);
    w->to = (struct copy_side){ .server = c, .name = "the database", .why = w->in->why };
    w->is_open = true;
    w->began_us = clock_mono_us(clock_system());
    return RC_OK;
}

static struct copy_sink *sink_of(struct walk *w, enum move_sort sort)
{
    if (!w->has_sink[sort])
        store_copy_sink_init(&w->sinks[sort], &w->to, sorts[sort].table, sorts[sort].columns,
                             sorts[sort].kinds);
    w->has_sink[sort] = true;
    return &w->sinks[sort];
}

static struct copy_sink *sink_of_keys(struct walk *w)
{
    char table[32];
    if (!w->has_keys) {
        (void)snprintf(table, sizeof table, "remembered_%d",
                       atomic_load(&w->in->m->store->key_bucket));
        store_copy_sink_init(&w->keys, &w->to, table, "key, k, body_hash", "ulu");
    }
    w->has_keys = true;
    return &w->keys;
}

static enum rc sinks_end(struct walk *w, enum rc rc)
{
    for (size_t i = 0; i < MOVE_SORTS; i++) {
        if (w->has_sink[i] && rc == RC_OK)
            rc = store_copy_sink_end(&w->sinks[i]);
        if (w->has_sink[i])
            store_copy_sink_fini(&w->sinks[i]);
        w->has_sink[i] = false;
    }
    if (w->has_keys && rc == RC_OK)
        rc = store_copy_sink_end(&w->keys);
    if (w->has_keys)
        store_copy_sink_fini(&w->keys);
    w->has_keys = false;
    return rc;
}

static void take_rest(const struct walk *w)
{
    int64_t us = (clock_mono_us(clock_system()) - w->began_us) / REST_SHARE;
    if (us > rest_most_us)
        us = rest_most_us;
    const struct timespec pause = { .tv_sec = 0, .tv_nsec = us * 1000 };
    (void)nanosleep(&pause, NULL);
}

static enum rc commit_batch(struct walk *w, enum rc rc)
{
    struct postgres_conn *c = &w->in->write;
    if (!w->is_open)
        return rc;
    rc = sinks_end(w, rc);
    w->is_open = false;
    w->rows = w->bytes = 0;
    if (rc == RC_OK && store_postgres_exec(c, "COMMIT") != RC_OK)
        rc = say_failed(w, c);
    if (rc != RC_OK) {
        store_postgres_conn_close(c); /* what is open of the transaction ends with it */
        return rc;
    }
    take_rest(w);
    return store_move_in_goes_on(w->in) ? RC_OK : RC_BUSY;
}

/* --- attempts -------------------------------------------------------------------------------------------- */

static enum rc take_attempt(void *ctx, struct copy_row *row)
{
    struct walk *w = ctx;
    store_move_digest_row(&w->digests[MOVE_ATTEMPTS], &w->scratch, sorts[MOVE_ATTEMPTS].kinds, row);
    return w->is_copy ? store_copy_sink_put(sink_of(w, MOVE_ATTEMPTS), row) : RC_OK;
}

static enum rc attempts_of_batch(struct walk *w)
{
    struct postgres_conn *c = w->is_copy ? &w->in->from_details : &w->in->read_details;
    struct copy_side side = { .server = c, .name = "a database", .why = w->in->why };
    struct buf sql;
    if (w->k_count == 0)
        return RC_OK;
    buf_init(&sql, SQL_MAX);
    buf_say(&sql, "SELECT %s FROM attempt WHERE msg IN (%s)", sorts[MOVE_ATTEMPTS].columns,
            w->ks.ptr);
    enum rc rc = store_copy_each(&side, sql.ptr, sorts[MOVE_ATTEMPTS].kinds, take_attempt, w);
    buf_fini(&sql);
    buf_reset(&w->ks);
    w->k_count = 0;
    return rc;
}

static enum rc batch_end(struct walk *w, enum rc rc)
{
    if (rc == RC_OK)
        rc = attempts_of_batch(w);
    return commit_batch(w, rc);
}

/* --- rows ------------------------------------------------------------------------------------------------ */

/* Of a partition of this cell, as long as the other's is. */
static enum rc cover_key(struct walk *w, int64_t k)
{
    if (k >= w->covered_from_k && k < w->covered_end_k)
        return RC_OK;
    enum rc rc = store_postgres_segments_cover_as(w->in->m->store, k, w->stretch->segment_first_k,
                                                  w->stretch->segment_end_k);
    if (rc != RC_OK) {
        buf_say(w->in->why, "cannot make partitions for what comes: %s", rc_name(rc));
        return rc;
    }
    struct postgres_segment *seg = store_postgres_segment_of(w->in->m->store, k);
    w->covered_from_k = seg == NULL ? k : seg->first_k;
    w->covered_end_k = seg == NULL ? k : seg->end_k;
    store_postgres_segment_unref(seg);
    return RC_OK;
}

/* Event ids are remembered under a hash with a seed of the cell's own. */
static enum rc remember_event(struct walk *w, const struct copy_row *row)
{
    struct copy_row key = { .count = 3 };
    uint8_t hash[POSTGRES_EVENT_KEY_BYTES];
    static const uint8_t none[POSTGRES_EVENT_KEY_BYTES] = { 0 };
    if (row->at[EVENT_ID_AT].is_null)
        return RC_OK;
    store_postgres_event_hash(w->in->m->store->hash_seed, row->at[APP_AT].number,
                              row->at[EVENT_ID_AT].bytes, hash);
    key.at[0].bytes = str_of((const char *)hash, sizeof hash);
    key.at[1] = row->at[K_AT];
    key.at[2].bytes = str_of((const char *)none, sizeof none);
    w->in->counts.keys++;
    return store_copy_sink_put(sink_of_keys(w), &key);
}

/* A payload whose time is over soon may be there on one side and not on the other. */
static void digest_take(struct walk *w, const struct copy_row *row)
{
    struct copy_row seen = *row;
    bool ends = w->sort == MOVE_MESSAGES && row->at[EXPIRES_AT].number > 0 &&
                row->at[EXPIRES_AT].number <= w->expires_us;
    if (ends)
        seen.at[PAYLOAD_AT] = (struct copy_value){ .is_null = true };
    if (w->sort == MOVE_MESSAGES)
        store_move_row_translate(&seen, ORG_AT,
                                 w->is_copy ? w->in->from_internal : w->in->own_internal, 0);
    store_move_digest_row(&w->digests[w->sort], &w->scratch, sorts[w->sort].kinds, &seen);
}

static enum rc put_here(struct walk *w, struct copy_row *row)
{
    if (w->sort == MOVE_MESSAGES)
        store_move_row_translate(row, ORG_AT, w->in->from_internal, w->in->own_internal);
    enum rc rc = w->stretch == NULL ? RC_OK : cover_key(w, row->at[K_AT].number);
    if (rc == RC_OK)
        rc = batch_begin(w);
    if (rc == RC_OK)
        rc = store_copy_sink_put(sink_of(w, w->sort), row);
    if (rc == RC_OK && w->sort == MOVE_MESSAGES)
        rc = remember_event(w, row);
    return rc;
}

static enum rc take_row(void *ctx, struct copy_row *row)
{
    struct walk *w = ctx;
    digest_take(w, row);
    w->rows++;
    w->bytes += w->scratch.len;
    if (w->sort == MOVE_MESSAGES) {
        buf_say(&w->ks, "%s%" PRId64, w->k_count > 0 ? "," : "", row->at[K_AT].number);
        w->k_count++;
    }
    enum rc rc = w->is_copy ? put_here(w, row) : RC_OK;
    bool is_full = w->rows >= BATCH_ROWS || w->bytes >= BATCH_BYTES || w->k_count >= BATCH_MESSAGES;
    if (rc == RC_OK && is_full) {
        w->rows = w->bytes = 0;
        rc = batch_end(w, RC_OK);
    }
    return rc;
}

static void walk_init(struct walk *w, struct move_in *in, bool is_copy)
{
    *w = (struct walk){ .in = in, .is_copy = is_copy };
    w->expires_us = clock_wall_us(store_clock(in->m->o.store)) + expires_soon_us;
    buf_init(&w->scratch, SCRATCH_MAX);
    buf_init(&w->ks, SQL_MAX);
}

static enum rc walk_fini(struct walk *w, enum rc rc)
{
    rc = batch_end(w, rc);
    buf_fini(&w->scratch);
    buf_fini(&w->ks);
    return rc;
}

static enum rc walk_rows(struct walk *w, enum move_sort sort, const char *where)
{
    struct postgres_conn *c = w->is_copy ? &w->in->from : &w->in->read;
    struct copy_side side = { .server = c, .name = "a database", .why = w->in->why };
    struct buf text;
    w->sort = sort;
    buf_init(&text, SQL_MAX);
    buf_say(&text, "SELECT %s FROM %s WHERE %s", sorts[sort].columns, sorts[sort].table, where);
    char *sql = store_move_sql(text.ptr, w->in->org);
    enum rc rc = store_copy_each(&side, sql, sorts[sort].kinds, take_row, w);
    xfree(sql);
    buf_fini(&text);
    return rc == RC_OK ? batch_end(w, rc) : rc;
}

static enum rc read_begin(struct walk *w)
{
    enum rc rc = store_move_read_begin(w->is_copy ? &w->in->from : &w->in->read);
    return rc == RC_OK
               ? store_move_read_begin(w->is_copy ? &w->in->from_details : &w->in->read_details)
               : rc;
}

static void read_end(struct walk *w)
{
    store_move_read_end(w->is_copy ? &w->in->from : &w->in->read);
    store_move_read_end(w->is_copy ? &w->in->from_details : &w->in->read_details);
}

enum rc store_move_walk_stretch(struct move_in *in, const struct move_stretch *s, bool is_copy,
                                struct move_digest *digests)
{
    static const struct {
        enum move_sort sort;
        const char *owner;
    } parts[] = { { MOVE_MESSAGES, "app IN " MOVE_APPS },
                  { MOVE_REQUESTS, "source IN " MOVE_SOURCES },
                  { MOVE_RUNS, "app IN " MOVE_APPS } };
    char where[1024];
    struct walk w;
    walk_init(&w, in, is_copy);
    w.stretch = s;
    w.digests = digests;
    enum rc rc = read_begin(&w);
    for (size_t i = 0; rc == RC_OK && i < COUNT_OF(parts); i++) {
        (void)snprintf(where, sizeof where,
                       "k >= %" PRId64 " AND k < %" PRId64 " AND (k >> 44) = %" PRId64 " AND %s",
                       s->from_k, s->end_k, s->number, parts[i].owner);
        rc = walk_rows(&w, parts[i].sort, where);
    }
    rc = walk_fini(&w, rc);
    read_end(&w);
    return rc;
}

enum rc store_move_walk_waiting(struct move_in *in, bool is_copy, struct move_digest *digest)
{
    struct move_digest digests[MOVE_SORTS] = { 0 };
    struct walk w;
    walk_init(&w, in, is_copy);
    w.digests = digests;
    enum rc rc = read_begin(&w);
    if (rc == RC_OK)
        rc = walk_rows(&w, MOVE_WAITING,
                       "endpoint IN (SELECT num FROM endpoint WHERE app IN " MOVE_APPS ")");
    rc = walk_fini(&w, rc);
    read_end(&w);
    *digest = digests[MOVE_WAITING];
    return rc;
}

/* --- idempotency keys ------------------------------------------------------------------------------------- */

/* key, k, body's hash. An event id has none, and is remembered anew with its message. */
static enum rc take_key(void *ctx, struct copy_row *row)
{
    static const uint8_t none[POSTGRES_KEY_BYTES] = { 0 };
    struct walk *w = ctx;
    if (row->at[2].bytes.len != sizeof none || memcmp(row->at[2].bytes.ptr, none, sizeof none) == 0)
        return RC_OK;
    enum rc rc = batch_begin(w);
    if (rc == RC_OK)
        rc = store_copy_sink_put(sink_of_keys(w), row);
    w->in->counts.keys++;
    if (rc == RC_OK && ++w->rows >= BATCH_ROWS)
        rc = commit_batch(w, RC_OK);
    return rc;
}

static enum rc keys_of_table(struct walk *w, int64_t bucket, const char *stretches, int64_t from_k)
{
    struct copy_side side = { .server = &w->in->from, .name = "a database", .why = w->in->why };
    struct buf text;
    buf_init(&text, SCRATCH_MAX);
    buf_say(&text,
            "WITH mine AS MATERIALIZED (SELECT k FROM message WHERE k >= %" PRId64
            " AND (k >> 44) IN (%s) AND app IN " MOVE_APPS ")"
            " SELECT r.key, r.k, r.body_hash FROM mine JOIN remembered_%" PRId64
            " r ON r.k = mine.k",
            from_k, stretches, bucket);
    char *sql = store_move_sql(text.ptr, w->in->org);
    enum rc rc = store_copy_each(&side, sql, "ulu", take_key, w);
    xfree(sql);
    buf_fini(&text);
    return rc;
}

static enum rc far_bucket(struct walk *w, int64_t *bucket)
{
    struct copy_side side = { .server = &w->in->from, .name = "a database", .why = w->in->why };
    return store_copy_number(&side, "SELECT CAST(key_bucket AS bigint) FROM cluster", bucket);
}

enum rc store_move_walk_keys(struct move_in *in, const char *stretches, int64_t from_k)
{
    int64_t bucket = 0;
    struct walk w;
    walk_init(&w, in, true);
    enum rc rc = store_move_read_begin(&in->from);
    if (rc == RC_OK)
        rc = far_bucket(&w, &bucket);
    for (int64_t n = bucket - 1; rc == RC_OK && n <= bucket; n++)
        rc = keys_of_table(&w, n, stretches, from_k);
    rc = walk_fini(&w, rc);
    store_move_read_end(&in->from);
    return rc;
}
