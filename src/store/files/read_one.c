/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads that start from one message: it, its deliveries; and the counts of an endpoint. And rows of which only the id
 * is known, or a key that was remembered with them: an id's time names the segment, so one row is read; only an attempt
 * lies in its message's segment, which may be any that began before.
 */
#include "store/files/read_one_priv.h"

#include "store/files/conditions_priv.h"
#include "store/files/keys_priv.h"
#include "store/files/readers_priv.h"
#include "store/files/remember_priv.h"
#include "store/files/segment_priv.h"
#include "store/files/segments_priv.h"
#include "store/files/stretch_priv.h"
#include "store/find.h"
#include "store/key_time_priv.h"

/* --- a message ------------------------------------------------------------------------------------------ */

static enum rc read_one(struct store_files *s, struct db_stmt *st, struct arena *a,
                        struct store_message_row *out)
{
    enum rc rc;
    if (!db_step(st, &rc))
        return rc == RC_OK ? RC_NOT_FOUND : rc;
    store_read_message(st, 0, clock_wall_us(s->base.o.clock), a, &out->message);
    db_reset(st);
    return RC_OK;
}

enum rc store_read_by_id(struct store_files *s, const char *sql, const struct id *id, int64_t owner,
                         void (*read)(void *ctx, struct db_stmt *row), void *ctx)
{
    struct store_reader *reader;
    struct store_segment *seg = store_segment_find(s, id_key(id));
    enum rc rc = store_reader_get(seg, &reader);
    if (rc == RC_OK) {
        struct db_stmt *row = db_prepare(reader->db, sql);
        db_bind_int(row, 1, id_key(id));
        db_bind_blob(row, 2, store_id_tail(id));
        db_bind_int(row, 3, owner);
        if (db_step(row, &rc)) {
            read(ctx, row);
            db_reset(row);
        } else if (rc == RC_OK) {
            rc = RC_NOT_FOUND;
        }
        store_reader_put(s, reader);
    }
    store_segment_unref(seg);
    return rc;
}

struct message_read {
    struct store_files *store;
    struct arena *arena;
    struct store_message_row *out;
};

static void read_message_row(void *ctx, struct db_stmt *row)
{
    const struct message_read *m = ctx;
    store_read_message(row, 0, clock_wall_us(m->store->base.o.clock), m->arena, &m->out->message);
}

enum rc store_files_message_get(struct store *store, int64_t app, const struct id *id,
                                struct arena *a, struct store_message_row *out)
{
    struct store_files *s = store_files_of(store);
    struct message_read m = { s, a, out };
    return store_read_by_id(s,
                            "SELECT " MESSAGE_COLUMNS(
                                "", "payload") " FROM message WHERE k = ? AND tail = ? AND app = ?",
                            id, app, read_message_row, &m);
}

enum rc store_files_message_load(struct store *store, const struct id *id,
                                 struct store_message **out)
{
    struct store_files *s = store_files_of(store);
    struct store_reader *reader;
    struct store_segment *seg = store_segment_find(s, id_key(id));
    enum rc rc = store_reader_get(seg, &reader);
    if (rc == RC_OK) {
        rc = store_load_message(reader->db, id, clock_wall_us(s->base.o.clock), out);
        store_reader_put(s, reader);
    }
    store_segment_unref(seg);
    return rc;
}

/* --- by event id ---------------------------------------------------------------------------------------- */

struct event_search {
    struct store_files *store;
    struct store_segment *segment;
    int64_t app;
    struct str event_id;
    struct arena *arena;
    struct store_message_row *out;
    enum rc rc; /* RC_NOT_FOUND so far */
};

static bool try_candidate(void *ctx, int64_t k)
{
    struct event_search *e = ctx;
    struct store_reader *reader;
    enum rc rc = store_reader_get(e->segment, &reader);
    if (rc == RC_OK) {
        struct db_stmt *st = db_prepare(
            reader->db,
            "SELECT " MESSAGE_COLUMNS("", "payload") " FROM message"
                                                     " WHERE k = ? AND app = ? AND event_id = ?");
        db_bind_int(st, 1, k);
        db_bind_int(st, 2, e->app);
        db_bind_text(st, 3, e->event_id);
        rc = read_one(e->store, st, e->arena, e->out);
        store_reader_put(e->store, reader);
    }
    e->rc = rc;
    return rc != RC_NOT_FOUND;
}

/* Newest first: an event id may be used again once it is past the window of idempotency. */
enum rc store_files_message_by_event_id(struct store *store, int64_t app, struct str event_id,
                                        struct arena *a, struct store_message_row *out)
{
    struct store_files *s = store_files_of(store);
    struct event_search e = {
        .store = s, .app = app, .event_id = event_id, .arena = a, .out = out, .rc = RC_NOT_FOUND
    };
    uint64_t hash = store_keys_hash(s->hash_seed, app, event_id);
    struct store_segment_list list = store_segment_list_get(s);
    bool ended = false;
    for (size_t i = list.count; i-- > 0 && !ended;) {
        e.segment = list.at[i];
        enum rc rc = store_event_candidates(s, e.segment, hash, try_candidate, &e, &ended);
        if (rc != RC_OK) {
            e.rc = rc;
            ended = true;
        }
    }
    store_segment_list_free(&list);
    return e.rc;
}

/* --- by id alone ---------------------------------------------------------------------------------------------- */

/* ?1 key, ?2 tail. Columns for store_read_flowing(). */
static const char *const by_key[] = {
    [STORE_FLOW_MESSAGE] =
        "SELECT app, 0, created, 0, event_type, event_id, NULL, NULL, 0 FROM message"
        " WHERE k = ?1 AND tail = ?2",
    [STORE_FLOW_REQUEST] =
        "SELECT app, source, at, status, coalesce(event_type, reason, ''), dedupe_id, NULL, NULL, 0"
        " FROM any_request WHERE k = ?1 AND tail = ?2",
    [STORE_FLOW_RUN] = "SELECT app, 0, started, halted, event, NULL, NULL, NULL, 0 FROM filter_run"
                       " WHERE k = ?1 AND tail = ?2",
    /* ?3: the stretch its key falls into. */
    [STORE_FLOW_ATTEMPT] =
        "SELECT m.app, 0, a.started, a.http_status, m.event_type, NULL, m.k, m.tail, a.endpoint"
        " FROM attempt a INDEXED BY attempt_endpoint CROSS JOIN message m ON m.k = a.msg"
        " WHERE a.stretch = ?3 AND a.ak = ?1 AND a.tail = ?2",
};

static enum rc find_flowing_in(struct store_files *s, struct store_segment *seg, struct arena *a,
                               struct store_flowing_row *out)
{
    struct store_reader *reader;
    size_t stretch = 0;
    if (out->kind == STORE_FLOW_ATTEMPT) {
        struct store_stretch_list list = store_stretch_list_get(seg, STRETCH_ATTEMPTS, a);
        stretch = store_stretch_find(&list, id_key(&out->id));
    }
    enum rc rc = store_reader_get(seg, &reader);
    if (rc != RC_OK)
        return rc;
    struct db_stmt *st = db_prepare(reader->db, by_key[out->kind]);
    db_bind_int(st, 1, id_key(&out->id));
    db_bind_blob(st, 2, store_id_tail(&out->id));
    if (out->kind == STORE_FLOW_ATTEMPT)
        db_bind_int(st, 3, (int64_t)stretch);
    if (db_step(st, &rc)) {
        store_read_flowing(st, a, out);
        db_reset(st);
    } else if (rc == RC_OK) {
        rc = RC_NOT_FOUND;
    }
    store_reader_put(s, reader);
    return rc;
}

static enum rc find_attempt(struct store_files *s, struct arena *a, struct store_flowing_row *out,
                            bool *is_complete)
{
    enum rc rc = RC_NOT_FOUND;
    size_t looked = 0;
    struct store_segment_list list = store_segment_list_get(s);
    for (size_t i = list.count; rc == RC_NOT_FOUND && i-- > 0;) {
        if (i > 0 && list.at[i]->start > id_key(&out->id))
            continue;
        if (looked++ == STORE_FIND_SEGMENTS) {
            *is_complete = false;
            break;
        }
        rc = find_flowing_in(s, list.at[i], a, out);
    }
    store_segment_list_free(&list);
    return rc;
}

enum rc store_files_find_flowing(struct store *store, enum store_flowing kind, const struct id *id,
                                 struct arena *a, struct store_flowing_row *out, bool *is_complete)
{
    struct store_files *s = store_files_of(store);
    *out = (struct store_flowing_row){ .kind = kind, .id = *id };
    if (kind == STORE_FLOW_ATTEMPT)
        return find_attempt(s, a, out, is_complete);
    struct store_segment *seg = store_segment_find(s, id_key(id));
    enum rc rc = find_flowing_in(s, seg, a, out);
    store_segment_unref(seg);
    return rc;
}

/* --- by what was remembered ------------------------------------------------------------------------------- */

struct key_search {
    struct store_files *store;
    struct store_segment *segment;
    const struct store_find_keys *find;
    const struct store_find_key *wanted; /* the one that is looked for now */
    struct arena *arena;
    struct store_flowing_row *out;
    size_t count, max;
    enum rc rc;
};

static struct db_stmt *ask_key(struct db *db, const struct key_search *q, int64_t k)
{
    bool is_event = q->find->event_id.ptr != NULL;
    struct db_stmt *s = db_prepare(
        db, is_event ? "SELECT tail, created, event_type, event_id FROM message"
                       " WHERE k = ?1 AND app = ?2 AND event_id = ?3"
                     : "SELECT m.tail, m.created, m.event_type, m.event_id FROM remembered r"
                       " CROSS JOIN message m ON m.k = r.k"
                       " WHERE r.k = ?1 AND m.app = ?2 AND substr(r.hashes, 1, 16) = ?3");
    db_bind_int(s, 1, k);
    db_bind_int(s, 2, q->wanted->app);
    if (is_event)
        db_bind_text(s, 3, q->find->event_id);
    else
        db_bind_blob(s, 3, str_of((const char *)q->wanted->key, sizeof(q->wanted->key)));
    return s;
}

/* A hash that fits may be another's: the row says. */
static bool try_key(void *ctx, int64_t k)
{
    struct key_search *q = ctx;
    struct store_reader *reader;
    enum rc rc = store_reader_get(q->segment, &reader);
    if (rc == RC_OK) {
        struct db_stmt *s = ask_key(reader->db, q, k);
        if (db_step(s, &rc)) {
            q->out[q->count++] = (struct store_flowing_row){ .kind = STORE_FLOW_MESSAGE,
                                                             .id = store_id_of(k, db_borrow(s, 0)),
                                                             .app = q->wanted->app,
                                                             .at_us = db_int(s, 1),
                                                             .title = db_text(s, 2, q->arena),
                                                             .event_id = db_text(s, 3, q->arena) };
            db_reset(s);
        }
        store_reader_put(q->store, reader);
    }
    if (rc != RC_OK)
        q->rc = rc;
    return q->rc != RC_OK || q->count == q->max;
}

static enum rc look_for_keys(struct key_search *q)
{
    const struct store_find_keys *f = q->find;
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && q->rc == RC_OK && q->count < q->max && i < f->key_count;
         i++) {
        bool ended = false;
        q->wanted = &f->keys[i];
        uint64_t hash = f->event_id.ptr != NULL
                            ? store_keys_hash(q->store->hash_seed, q->wanted->app, f->event_id)
                            : store_remembered_hash(q->wanted->key);
        rc = store_event_candidates(q->store, q->segment, hash, try_key, q, &ended);
    }
    return rc != RC_OK ? rc : q->rc;
}

enum rc store_files_find_messages(struct store *store, const struct store_find_keys *f,
                                  struct arena *a, struct store_flowing_row *out, size_t max,
                                  size_t *count, bool *is_complete)
{
    struct store_files *s = store_files_of(store);
    struct key_search q = {
        .store = s, .find = f, .arena = a, .out = out, .count = *count, .max = max
    };
    enum rc rc = RC_OK;
    struct store_segment_list list = store_segment_list_get(s);
    for (size_t i = list.count; rc == RC_OK && q.count < max && i-- > 0;) {
        if (clock_mono_us(s->base.o.clock) > f->until_us) {
            *is_complete = false;
            break;
        }
        q.segment = list.at[i];
        rc = look_for_keys(&q);
    }
    store_segment_list_free(&list);
    *count = q.count;
    return rc;
}

/* --- deliveries of a message ------------------------------------------------------------------------------ */

/* The endpoints a message was meant for, ascending, each once. */
static enum rc read_endpoints(struct db *db, int64_t app, const struct id *id, struct arena *a,
                              const int64_t **out, size_t *count)
{
    enum rc rc;
    struct db_stmt *st =
        db_prepare(db, "SELECT endpoints FROM message WHERE k = ? AND tail = ? AND app = ?");
    db_bind_int(st, 1, id_key(id));
    db_bind_blob(st, 2, store_id_tail(id));
    db_bind_int(st, 3, app);
    if (!db_step(st, &rc))
        return rc == RC_OK ? RC_NOT_FOUND : rc;
    *out = store_endpoints_list(db_borrow(st, 0), a, count);
    db_reset(st);
    return RC_OK;
}

static enum rc read_deliveries(struct db *db, size_t stretch, const struct id *message,
                               const int64_t *endpoints, size_t wanted,
                               struct store_delivery_row *rows, size_t *count)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < wanted; i++) {
        struct db_stmt *st = db_prepare(
            db,
            "SELECT state, due, attempts, last_at, reason, retry_at, trigger, task FROM delivery"
            " WHERE stretch = ? AND endpoint = ? AND msg = ?");
        db_bind_int(st, 1, (int64_t)stretch);
        db_bind_int(st, 2, endpoints[i]);
        db_bind_int(st, 3, id_key(message));
        if (!db_step(st, &rc))
            continue;
        rows[(*count)++] = (struct store_delivery_row){
            .message = *message,
            .endpoint = endpoints[i],
            .state = (enum store_state)db_int(st, 0),
            .due_us = db_int(st, 1),
            .attempt_count = (int)db_int(st, 2),
            .last_at_us = db_int(st, 3),
            .reason = (enum store_reason)db_int(st, 4),
            .retry_at_us = db_int(st, 5),
            .trigger = (enum store_trigger)db_int(st, 6),
            .task = db_int(st, 7),
        };
        db_reset(st);
    }
    return rc;
}

enum rc store_files_delivery_by_message(struct store *store, int64_t app, const struct id *message,
                                        struct arena *a, struct store_delivery_row **out,
                                        size_t *count)
{
    struct store_files *s = store_files_of(store);
    struct store_reader *reader;
    const int64_t *endpoints;
    size_t wanted;
    struct store_segment *seg = store_segment_find(s, id_key(message));
    struct store_stretch_list stretches = store_stretch_list_get(seg, STRETCH_MESSAGES, a);
    enum rc rc = store_reader_get(seg, &reader);
    *count = 0;
    if (rc == RC_OK) {
        rc = read_endpoints(reader->db, app, message, a, &endpoints, &wanted);
        if (rc == RC_OK) {
            *out = arena_array(a, wanted + 1, sizeof **out);
            rc = read_deliveries(reader->db, store_stretch_find(&stretches, id_key(message)),
                                 message, endpoints, wanted, *out, count);
        }
        store_reader_put(s, reader);
    }
    store_segment_unref(seg);
    return rc;
}

/* --- counts --------------------------------------------------------------------------------------------------- */

static enum rc count_stretch(struct db *db, size_t stretch, int64_t app, int64_t endpoint,
                             int64_t low, int64_t high, struct store_counts *out)
{
    enum rc rc;
    struct db_stmt *st =
        db_prepare(db, "SELECT state, count(*) FROM delivery WHERE stretch = ? AND endpoint = ?"
                       " AND msg >= ? AND msg < ? AND app = ? GROUP BY state");
    db_bind_int(st, 1, (int64_t)stretch);
    db_bind_int(st, 2, endpoint);
    db_bind_int(st, 3, low);
    db_bind_int(st, 4, high);
    db_bind_int(st, 5, app);
    while (db_step(st, &rc)) {
        int64_t state = db_int(st, 0);
        if (state >= 0 && state < (int64_t)COUNT_OF(out->by_state))
            out->by_state[state] += db_int(st, 1);
    }
    return rc;
}

static enum rc count_segment(struct store_segment *seg, int64_t app, int64_t endpoint, int64_t low,
                             int64_t high, struct store_counts *out)
{
    struct arena scratch;
    struct store_reader *reader;
    enum rc rc = store_reader_get(seg, &reader);
    if (rc != RC_OK)
        return rc;
    arena_init(&scratch);
    struct store_stretch_list stretches = store_stretch_list_get(seg, STRETCH_MESSAGES, &scratch);
    size_t last = store_stretch_find(&stretches, high);
    for (size_t i = store_stretch_find(&stretches, low); rc == RC_OK && i <= last; i++)
        rc = count_stretch(reader->db, i, app, endpoint, low, high, out);
    arena_fini(&scratch);
    store_reader_put(seg->store, reader);
    return rc;
}

enum rc store_files_delivery_counts(struct store *store, int64_t app, int64_t endpoint,
                                    int64_t since_us, int64_t until_us, struct store_counts *out)
{
    struct store_files *s = store_files_of(store);
    enum rc rc = RC_OK;
    int64_t low = store_key_at(store_own_us(&s->base, since_us));
    int64_t high = store_key_at(store_own_us(&s->base, until_us));
    *out = (struct store_counts){ 0 };
    struct store_segment_list list = store_segment_list_get(s);
    for (size_t i = 0; rc == RC_OK && i < list.count; i++) {
        bool is_before = i + 1 < list.count && list.at[i + 1]->start <= low;
        bool is_after = i > 0 && list.at[i]->start >= high;
        if (!is_before && !is_after)
            rc = count_segment(list.at[i], app, endpoint, low, high, out);
    }
    store_segment_list_free(&list);
    return rc;
}
