/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads that start from one message: it, its deliveries; and the counts of an endpoint.
 */
#include <stdlib.h>

#include "store/store_priv.h"

/* --- a message ------------------------------------------------------------------------------------------ */

static enum rc read_one(struct store *s, struct db_stmt *st, struct arena *a,
                        struct store_message_row *out)
{
    enum rc rc;
    if (!db_step(st, &rc))
        return rc == RC_OK ? RC_NOT_FOUND : rc;
    store_read_message(st, 0, clock_wall_us(s->o.clock), a, &out->message);
    db_reset(st);
    return RC_OK;
}

enum rc store_message_get(struct store *s, int64_t app, const struct id *id, struct arena *a,
                          struct store_message_row *out)
{
    struct store_reader *reader;
    struct store_segment *seg = store_segment_find(s, id_key(id));
    enum rc rc = store_reader_get(seg, &reader);
    if (rc == RC_OK) {
        struct db_stmt *st = db_prepare(
            reader->db,
            "SELECT " MESSAGE_COLUMNS("", "payload") " FROM message"
                                                     " WHERE k = ? AND tail = ? AND app = ?");
        db_bind_int(st, 1, id_key(id));
        db_bind_blob(st, 2, store_id_tail(id));
        db_bind_int(st, 3, app);
        rc = read_one(s, st, a, out);
        store_reader_put(s, reader);
    }
    store_segment_unref(seg);
    return rc;
}

enum rc store_message_load(struct store *s, const struct id *id, struct store_message **out)
{
    struct store_reader *reader;
    struct store_segment *seg = store_segment_find(s, id_key(id));
    enum rc rc = store_reader_get(seg, &reader);
    if (rc == RC_OK) {
        rc = store_load_message(reader->db, id, clock_wall_us(s->o.clock), out);
        store_reader_put(s, reader);
    }
    store_segment_unref(seg);
    return rc;
}

/* --- by event id ---------------------------------------------------------------------------------------- */

struct event_search {
    struct store *store;
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
enum rc store_message_by_event_id(struct store *s, int64_t app, struct str event_id,
                                  struct arena *a, struct store_message_row *out)
{
    struct event_search e = {
        .store = s, .app = app, .event_id = event_id, .arena = a, .out = out, .rc = RC_NOT_FOUND
    };
    uint64_t hash = store_keys_hash(s->hash_seed, app, event_id);
    struct store_segment_list list = store_segment_list_get(s);
    bool ended = false;
    for (size_t i = list.count; i-- > 0 && !ended;) {
        e.segment = list.at[i];
        ended = store_event_candidates(s, e.segment, hash, try_candidate, &e);
    }
    store_segment_list_free(&list);
    return e.rc;
}

/* --- deliveries of a message ------------------------------------------------------------------------------ */

static int by_number(const void *left, const void *right)
{
    const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* The endpoints a message was meant for, ascending, each once. */
static enum rc read_endpoints(struct db *db, int64_t app, const struct id *id, struct arena *a,
                              int64_t **out, size_t *count)
{
    enum rc rc;
    size_t all = 0, kept = 0;
    struct db_stmt *st =
        db_prepare(db, "SELECT endpoints FROM message WHERE k = ? AND tail = ? AND app = ?");
    db_bind_int(st, 1, id_key(id));
    db_bind_blob(st, 2, store_id_tail(id));
    db_bind_int(st, 3, app);
    if (!db_step(st, &rc))
        return rc == RC_OK ? RC_NOT_FOUND : rc;
    struct str packed = db_borrow(st, 0);
    int64_t *numbers = arena_array(a, packed.len + 1, sizeof *numbers);
    while (store_endpoints_next(&packed, &numbers[all]))
        all++;
    db_reset(st);
    if (all > 1)
        qsort(numbers, all, sizeof *numbers, by_number);
    for (size_t i = 0; i < all; i++) {
        if (kept == 0 || numbers[i] != numbers[kept - 1])
            numbers[kept++] = numbers[i];
    }
    *out = numbers;
    *count = kept;
    return RC_OK;
}

static enum rc read_deliveries(struct db *db, size_t stretch, const struct id *message,
                               const int64_t *endpoints, size_t wanted,
                               struct store_delivery_row *rows, size_t *count)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < wanted; i++) {
        struct db_stmt *st =
            db_prepare(db, "SELECT state, due, attempts, last_at, reason FROM delivery"
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
            .next_due_us = db_int(st, 1),
            .attempt_count = (int)db_int(st, 2),
            .last_at_us = db_int(st, 3),
            .reason = (enum store_reason)db_int(st, 4),
        };
        db_reset(st);
    }
    return rc;
}

enum rc store_delivery_by_message(struct store *s, int64_t app, const struct id *message,
                                  struct arena *a, struct store_delivery_row **out, size_t *count)
{
    struct store_reader *reader;
    int64_t *endpoints;
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

enum rc store_delivery_counts(struct store *s, int64_t app, int64_t endpoint, int64_t since_us,
                              int64_t until_us, struct store_counts *out)
{
    enum rc rc = RC_OK;
    int64_t low = store_key_at(since_us), high = store_key_at(until_us);
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
