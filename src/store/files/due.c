/* SPDX-License-Identifier: Apache-2.0
 *
 * What is still to be delivered: the partial index on due times holds just that.
 */
#include "store/files/due_priv.h"

#include "store/files/readers_priv.h"
#include "store/files/segment_priv.h"
#include "store/files/segments_priv.h"
#include "store/files/stretch_priv.h"
#include "store/key_time_priv.h"
#include "store/rows_priv.h"

#include <stdlib.h>

/* --- of one endpoint, by due time -------------------------------------------------------------------------- */

static bool is_later(const struct store_due *a, const struct store_due *b)
{
    if (a->due_us != b->due_us)
        return a->due_us > b->due_us;
    return id_key(&a->message) > id_key(&b->message);
}

/* Keeps the `max` earliest of what is there and one more. */
static void due_insert(struct store_due *out, size_t *count, size_t max,
                       const struct store_due *row)
{
    size_t at = *count;
    while (at > 0 && is_later(&out[at - 1], row))
        at--;
    if (at == max)
        return;
    size_t moved = (*count < max ? *count : max - 1) - at;
    memmove(&out[at + 1], &out[at], moved * sizeof *out);
    out[at] = *row;
    if (*count < max)
        (*count)++;
}

struct wanted {
    int64_t endpoint;
    int64_t after_due_us, after_key;
    size_t max;
    struct store_due *out;
    size_t *count;
};

/* Once enough are found, only what is due no later than the last of them matters: in a long backlog
 * the stretches after the first give nothing and cost one seek. */
static enum rc due_in_stretch(struct db *db, int64_t stretch, void *arg)
{
    const struct wanted *w = arg;
    enum rc rc;
    bool is_full = *w->count == w->max;
    struct db_stmt *s = db_prepare(
        db,
        "SELECT d.msg, m.tail, d.app, d.due, d.attempts, d.state, d.trigger, d.retry_at, d.asked, d.ahead"
        " FROM delivery d INDEXED BY delivery_due CROSS JOIN message m ON m.k = d.msg"
        " WHERE d.stretch = ?1 AND d.endpoint = ?2 AND d.due IS NOT NULL AND (d.due, d.msg) > (?3, ?4)"
        " AND d.due <= ?5 ORDER BY d.due, d.msg LIMIT ?6");
    db_bind_int(s, 1, stretch);
    db_bind_int(s, 2, w->endpoint);
    db_bind_int(s, 3, w->after_due_us);
    db_bind_int(s, 4, w->after_key);
    db_bind_int(s, 5, is_full ? w->out[w->max - 1].due_us : INT64_MAX);
    db_bind_int(s, 6, (int64_t)w->max);
    while (db_step(s, &rc)) {
        struct store_due row = {
            .message = store_id_of(db_int(s, 0), db_borrow(s, 1)),
            .app = db_int(s, 2),
            .endpoint = w->endpoint,
            .due_us = db_int(s, 3),
            .attempt_count = (int)db_int(s, 4),
            .state = (enum store_state)db_int(s, 5),
            .trigger = (enum store_trigger)db_int(s, 6),
            .retry_at_us = db_int(s, 7),
            .asked_us = db_int(s, 8),
            .ahead_count = (int)db_int(s, 9),
        };
        due_insert(w->out, w->count, w->max, &row);
    }
    return rc;
}

/* Something that is asked of each stretch of the segments in which deliveries wait. */
typedef enum rc (*due_fn)(struct db *db, int64_t stretch, void *arg);

static enum rc due_walk_segment(struct store_segment *seg, due_fn fn, void *arg)
{
    struct store_reader *reader;
    enum rc rc = store_reader_get(seg, &reader);
    if (rc != RC_OK)
        return rc;
    int64_t stretches = (int64_t)store_stretch_count(seg, STRETCH_MESSAGES);
    for (int64_t n = 0; rc == RC_OK && n < stretches; n++)
        rc = fn(reader->db, n, arg);
    store_reader_put(seg->store, reader);
    return rc;
}

static enum rc due_walk(struct store *store, due_fn fn, void *arg)
{
    enum rc rc = RC_OK;
    struct store_segment_list list = store_segment_list_get(store_files_of(store));
    for (size_t i = 0; rc == RC_OK && i < list.count; i++) {
        if (atomic_load(&list.at[i]->pending) > 0)
            rc = due_walk_segment(list.at[i], fn, arg);
    }
    store_segment_list_free(&list);
    return rc;
}

enum rc store_files_due_list(struct store *store, int64_t endpoint, int64_t after_due_us,
                             const struct id *after_message, size_t max, struct store_due *out,
                             size_t *count)
{
    struct wanted w = {
        .endpoint = endpoint,
        .after_due_us = after_message == NULL ? INT64_MIN : after_due_us,
        .after_key = after_message == NULL ? -1 : id_key(after_message),
        .max = max,
        .out = out,
        .count = count,
    };
    *count = 0;
    return max == 0 ? RC_OK : due_walk(store, due_in_stretch, &w);
}

/* --- how many ---------------------------------------------------------------------------------------------- */

struct due_counted {
    int64_t endpoint;
    size_t max, count;
    int64_t oldest_key; /* INT64_MAX: none */
};

static enum rc due_count_stretch(struct db *db, int64_t stretch, void *arg)
{
    struct due_counted *c = arg;
    enum rc rc;
    if (c->count == c->max)
        return RC_OK;
    struct db_stmt *s =
        db_prepare(db, "SELECT count(*), min(msg) FROM"
                       " (SELECT msg FROM delivery INDEXED BY delivery_due"
                       " WHERE stretch = ?1 AND endpoint = ?2 AND due IS NOT NULL LIMIT ?3)");
    db_bind_int(s, 1, stretch);
    db_bind_int(s, 2, c->endpoint);
    db_bind_int(s, 3, (int64_t)(c->max - c->count));
    while (db_step(s, &rc)) {
        size_t found = (size_t)db_int(s, 0);
        c->count += found;
        if (found > 0 && db_int(s, 1) < c->oldest_key)
            c->oldest_key = db_int(s, 1);
    }
    return rc;
}

enum rc store_files_due_count(struct store *store, int64_t endpoint, size_t max, size_t *count,
                              int64_t *oldest_us)
{
    struct due_counted c = { .endpoint = endpoint, .max = max, .oldest_key = INT64_MAX };
    enum rc rc = due_walk(store, due_count_stretch, &c);
    *count = c.count;
    *oldest_us = c.count > 0 ? store_key_time_us(c.oldest_key) : 0;
    return rc;
}

/* --- all endpoints --------------------------------------------------------------------------------------------- */

struct tally {
    struct map64 *by_endpoint;
    struct arena *arena;
    size_t count;
};

static enum rc app_of(struct db *db, int64_t stretch, struct store_due_endpoint *e)
{
    enum rc rc;
    struct db_stmt *s =
        db_prepare(db, "SELECT app FROM delivery WHERE stretch = ? AND endpoint = ? LIMIT 1");
    db_bind_int(s, 1, stretch);
    db_bind_int(s, 2, e->endpoint);
    if (db_step(s, &rc)) {
        e->app = db_int(s, 0);
        db_reset(s);
    }
    return rc;
}

static enum rc tally_one(struct tally *t, struct db *db, int64_t stretch,
                         const struct store_due_endpoint *found)
{
    enum rc rc = RC_OK;
    struct store_due_endpoint *e = map64_get(t->by_endpoint, (uint64_t)found->endpoint);
    if (e == NULL) {
        e = ARENA_NEW(t->arena, struct store_due_endpoint);
        *e = (struct store_due_endpoint){ .endpoint = found->endpoint,
                                          .first_due_us = found->first_due_us };
        (void)map64_set(t->by_endpoint, (uint64_t)e->endpoint, e);
        t->count++;
        rc = app_of(db, stretch, e);
    }
    e->count += found->count;
    if (found->first_due_us < e->first_due_us)
        e->first_due_us = found->first_due_us;
    return rc;
}

static enum rc tally_segment(struct store_segment *seg, struct tally *t)
{
    struct store_reader *reader;
    enum rc rc = store_reader_get(seg, &reader), rc_one = RC_OK;
    if (rc != RC_OK)
        return rc;
    struct db_stmt *s = db_prepare(
        reader->db,
        "SELECT stretch, endpoint, count(*), min(due) FROM delivery INDEXED BY delivery_due"
        " WHERE due IS NOT NULL GROUP BY stretch, endpoint");
    while (rc_one == RC_OK && db_step(s, &rc)) {
        struct store_due_endpoint found = {
            .endpoint = db_int(s, 1),
            .count = db_int(s, 2),
            .first_due_us = db_int(s, 3),
        };
        rc_one = tally_one(t, reader->db, db_int(s, 0), &found);
    }
    db_reset(s);
    store_reader_put(seg->store, reader);
    return rc_one != RC_OK ? rc_one : rc;
}

enum rc store_files_due_endpoints(struct store *store, struct arena *a,
                                  struct store_due_endpoint **out, size_t *count)
{
    struct store_files *s = store_files_of(store);
    enum rc rc = RC_OK;
    struct tally t = { .by_endpoint = map64_new(), .arena = a };
    struct store_segment_list list = store_segment_list_get(s);
    for (size_t i = 0; rc == RC_OK && i < list.count; i++) {
        if (atomic_load(&list.at[i]->pending) > 0)
            rc = tally_segment(list.at[i], &t);
    }
    store_segment_list_free(&list);

    size_t at = 0;
    uint64_t endpoint;
    void *value;
    *count = 0;
    *out = arena_array(a, t.count + 1, sizeof **out);
    while (map64_next(t.by_endpoint, &at, &endpoint, &value))
        (*out)[(*count)++] = *(struct store_due_endpoint *)value;
    map64_free(t.by_endpoint);
    return rc;
}

/* --- after the machine was off -------------------------------------------------------------------------- */

/* Retries that fall into from..until are due at `from`. First attempts are not: whoever set a time for one wants
 * nothing earlier. */
static enum rc bring_forward(struct store_segment *seg, int64_t from_us, int64_t until_us,
                             int64_t *count)
{
    static const char *const changes[] = {
        "UPDATE delivery SET due = ?1 WHERE due > ?1 AND due <= ?2 AND attempts > 0",
        "UPDATE delivery SET retry_at = ?1 WHERE due IS NOT NULL AND retry_at > ?1 AND retry_at <= ?2"
        " AND attempts > 0",
    };
    enum rc rc = store_segment_connect(seg, NULL);
    if (rc == RC_OK)
        rc = db_begin(seg->writer, true);
    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; rc == RC_OK && i < COUNT_OF(changes); i++) {
        struct db_stmt *s = db_prepare(seg->writer, changes[i]);
        db_bind_int(s, 1, from_us);
        db_bind_int(s, 2, until_us);
        rc = db_run(s);
        *count += rc == RC_OK ? db_changes(seg->writer) : 0;
    }
    if (rc == RC_OK)
        return db_commit(seg->writer);
    db_rollback(seg->writer);
    return rc;
}

void store_due_after_boot(struct store_files *s)
{
    enum { WORTH_US = 1000000 };
    int64_t off_us = store_time_ahead_us(&s->base.time), now_us = store_time_us(&s->base.time),
            count = 0;
    if (!s->base.time.is_new_boot || off_us < WORTH_US)
        return;
    enum rc failed = RC_OK;
    for (size_t i = 0; i < s->segment_count; i++) {
        if (atomic_load(&s->segments[i]->pending) == 0)
            continue;
        enum rc rc = bring_forward(s->segments[i], now_us, now_us + off_us, &count);
        failed = rc == RC_OK ? failed : rc;
    }
    if (count > 0 || failed != RC_OK)
        LOG(STORE_RETRIES_DUE, F_INT("retries", count), F_INT("off_s", off_us / 1000000),
            F_TEXT("rc", rc_name(failed)));
}
