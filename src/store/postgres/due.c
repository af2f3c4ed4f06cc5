/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/due_priv.h. The young are looked at first: one that is written to `waiting` meanwhile is then found twice,
 * and not never. Of two the row is the newer one.
 */
#include "store/postgres/due_priv.h"

#include "db/db.h"
#include "store/key_time_priv.h"
#include "store/postgres/read_priv.h"
#include "store/rows_priv.h"

#include <stdlib.h>

/* --- of one endpoint, by due time -------------------------------------------------------------------- */

struct due_wanted {
    struct store_postgres *store;
    int64_t endpoint, after_due_us, after_k;
    size_t max;
    struct store_due *out; /* of `waiting`, then of both */
    size_t *count;
};

static enum rc read_waiting(void *ctx, struct db *db)
{
    const struct due_wanted *w = ctx;
    enum rc rc;
    struct db_stmt *s = db_prepare(
        db, "SELECT msg, tail, app, due, attempts, state, trigger, retry_at, asked, ahead"
            " FROM waiting WHERE endpoint = ?1 AND (due, msg) > (?2, ?3)"
            " ORDER BY due, msg LIMIT ?4");
    db_bind_int(s, 1, w->endpoint);
    db_bind_int(s, 2, w->after_due_us);
    db_bind_int(s, 3, w->after_k);
    db_bind_int(s, 4, (int64_t)w->max);
    *w->count = 0;
    while (db_step(s, &rc)) {
        w->out[(*w->count)++] = (struct store_due){
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
    }
    return rc;
}

static int compare_due(const void *left, const void *right)
{
    const struct store_due *a = left, *b = right;
    int64_t x = id_key(&a->message), y = id_key(&b->message);
    if (a->due_us != b->due_us)
        return a->due_us < b->due_us ? -1 : 1;
    return (x > y) - (x < y);
}

/* The earliest of both. */
static void merge_due(struct due_wanted *w, const struct store_due *young, size_t young_count)
{
    struct map64 *seen = map64_new();
    size_t total = *w->count;
    struct store_due *all = xcalloc(total + young_count + 1, sizeof *all);
    for (size_t i = 0; i < total; i++) {
        all[i] = w->out[i];
        (void)map64_set(seen, (uint64_t)id_key(&all[i].message), &all[i]);
    }
    for (size_t i = 0; i < young_count; i++)
        if (map64_get(seen, (uint64_t)id_key(&young[i].message)) == NULL)
            all[total++] = young[i];
    if (total > 1)
        qsort(all, total, sizeof *all, compare_due);
    *w->count = total < w->max ? total : w->max;
    memcpy(w->out, all, *w->count * sizeof *all);
    xfree(all);
    map64_free(seen);
}

static bool are_young(struct store_postgres *s, const struct store_due *young, size_t count)
{
    struct postgres_young_row row;
    for (size_t i = 0; i < count; i++)
        if (!store_postgres_young_find(&s->young, &young[i].message, young[i].endpoint, &row))
            return false;
    return true;
}

/* Both as they are at one moment: no young one got an outcome or a row while the rows were read, or it is tried again. */
static enum rc list_due(struct due_wanted *w)
{
    enum { TRIES = 4 };
    struct arena scratch;
    struct store_due *young;
    size_t count;
    bool is_settled = false;
    enum rc rc = RC_OK;
    arena_init(&scratch);
    for (int i = 0; rc == RC_OK && !is_settled && i < TRIES; i++) {
        arena_reset(&scratch);
        store_postgres_young_list(&w->store->young, w->endpoint, w->after_due_us, w->after_k,
                                  w->max, &scratch, &young, &count);
        rc = store_postgres_read(w->store, read_waiting, w);
        is_settled = are_young(w->store, young, count);
    }
    if (rc == RC_OK && count > 0)
        merge_due(w, young, count);
    arena_fini(&scratch);
    return rc;
}

enum rc store_postgres_due_list(struct store *store, int64_t endpoint, int64_t after_due_us,
                                const struct id *after_message, size_t max, struct store_due *out,
                                size_t *count)
{
    struct due_wanted w = { .store = store_postgres_of(store),
                            .endpoint = endpoint,
                            .after_due_us = after_message == NULL ? INT64_MIN : after_due_us,
                            .after_k = after_message == NULL ? -1 : id_key(after_message),
                            .max = max,
                            .out = out,
                            .count = count };
    *count = 0;
    return max == 0 ? RC_OK : list_due(&w);
}

/* --- how many ---------------------------------------------------------------------------------------- */

struct due_counted {
    int64_t endpoint;
    size_t max, count;
    int64_t oldest_k;
};

static enum rc count_waiting(void *ctx, struct db *db)
{
    struct due_counted *c = ctx;
    enum rc rc;
    struct db_stmt *s =
        db_prepare(db, "SELECT count(*), min(msg) FROM"
                       " (SELECT msg FROM waiting WHERE endpoint = ?1 LIMIT ?2) AS w");
    db_bind_int(s, 1, c->endpoint);
    db_bind_int(s, 2, (int64_t)c->max);
    if (db_step(s, &rc)) {
        c->count = (size_t)db_int(s, 0);
        c->oldest_k = c->count > 0 ? db_int(s, 1) : INT64_MAX;
        db_reset(s);
    }
    return rc;
}

enum rc store_postgres_due_count(struct store *store, int64_t endpoint, size_t max, size_t *count,
                                 int64_t *oldest_us)
{
    struct store_postgres *s = store_postgres_of(store);
    struct due_counted c = { .endpoint = endpoint, .max = max };
    int64_t oldest_k;
    store_postgres_young_oldest(&s->young, endpoint, count, &oldest_k);
    enum rc rc = store_postgres_read(s, count_waiting, &c);
    if (c.oldest_k < oldest_k && c.count > 0)
        oldest_k = c.oldest_k;
    *count += c.count;
    *oldest_us = *count > 0 ? store_key_time_us(oldest_k) : 0;
    if (*count > max)
        *count = max;
    return rc;
}

/* --- all endpoints ----------------------------------------------------------------------------------- */

struct due_tally {
    struct arena *arena;
    struct map64 *by_endpoint;
    size_t count;
};

static void tally_endpoint(struct due_tally *t, const struct store_due_endpoint *found)
{
    struct store_due_endpoint *e = map64_get(t->by_endpoint, (uint64_t)found->endpoint);
    if (e == NULL) {
        e = ARENA_NEW(t->arena, struct store_due_endpoint);
        *e = *found;
        (void)map64_set(t->by_endpoint, (uint64_t)e->endpoint, e);
        t->count++;
        return;
    }
    e->count += found->count;
    if (found->first_due_us < e->first_due_us)
        e->first_due_us = found->first_due_us;
}

static enum rc tally_waiting(void *ctx, struct db *db)
{
    struct due_tally *t = ctx;
    enum rc rc;
    map64_free(t->by_endpoint); /* of a try that failed */
    t->by_endpoint = map64_new();
    t->count = 0;
    struct db_stmt *s = db_prepare(
        db, "SELECT endpoint, min(app), count(*), min(due) FROM waiting GROUP BY endpoint");
    while (db_step(s, &rc)) {
        const struct store_due_endpoint found = { db_int(s, 0), db_int(s, 1), db_int(s, 2),
                                                  db_int(s, 3) };
        tally_endpoint(t, &found);
    }
    return rc;
}

enum rc store_postgres_due_endpoints(struct store *store, struct arena *a,
                                     struct store_due_endpoint **out, size_t *count)
{
    struct store_postgres *s = store_postgres_of(store);
    struct due_tally t = { .arena = a, .by_endpoint = map64_new() };
    struct store_due_endpoint *young;
    size_t young_count, at = 0;
    uint64_t endpoint;
    void *value;
    store_postgres_young_endpoints(&s->young, a, &young, &young_count);
    enum rc rc = store_postgres_read(s, tally_waiting, &t);
    for (size_t i = 0; i < young_count; i++)
        tally_endpoint(&t, &young[i]);
    *count = 0;
    *out = arena_array(a, t.count + 1, sizeof **out);
    while (map64_next(t.by_endpoint, &at, &endpoint, &value))
        (*out)[(*count)++] = *(struct store_due_endpoint *)value;
    map64_free(t.by_endpoint);
    return rc;
}
