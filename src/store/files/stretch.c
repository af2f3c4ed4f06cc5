/* SPDX-License-Identifier: Apache-2.0
 *
 * Stretches: where one ends and the next begins, in memory and in the table `stretch`. The list
 * only grows; a boundary that a failed commit took with it is simply written again by the next.
 */
#include "store/files/stretch_priv.h"

static void stretch_append(struct store_segment *seg, enum store_stretch_kind kind, int64_t first)
{
    struct store_stretches *st = &seg->stretches[kind];
    mutex_lock(&seg->lock);
    if (st->count == st->room) {
        st->room = st->room == 0 ? 8 : st->room * 2;
        st->first = xrealloc(st->first, st->room * sizeof *st->first);
    }
    st->first[st->count++] = first;
    mutex_unlock(&seg->lock);
    st->before += st->own;
    st->filled = 0;
    st->own = 0;
}

static size_t stretch_find(const int64_t *first, size_t count, int64_t key)
{
    size_t low = 0, high = count; /* the last one that starts at or before key, or 0 */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (first[middle] <= key)
            low = middle;
        else
            high = middle;
    }
    return low;
}

int64_t store_stretch_of(const struct store_segment *seg, enum store_stretch_kind kind, int64_t key)
{
    const struct store_stretches *st = &seg->stretches[kind];
    if (key >= st->first[st->count - 1])
        return (int64_t)st->count - 1;
    return (int64_t)stretch_find(st->first, st->count, key);
}

/* A new stretch starts after every key there is, so that keys that come late fall into older ones. */
int64_t store_stretch_take(struct store_segment *seg, enum store_stretch_kind kind, int64_t key,
                           int64_t rows)
{
    struct store_stretches *st = &seg->stretches[kind];
    int64_t last_key = atomic_load_explicit(&st->last_key, memory_order_relaxed);
    if (st->filled >= STRETCH_ROWS && key > last_key)
        stretch_append(seg, kind, key);
    if (key > last_key)
        atomic_store_explicit(&st->last_key, key, memory_order_relaxed);
    st->filled += rows;
    st->own++;
    return store_stretch_of(seg, kind, key);
}

static enum rc save_one(struct store_segment *seg, int kind, size_t n)
{
    const struct store_stretches *st = &seg->stretches[kind];
    struct db_stmt *s = db_prepare(
        seg->writer, "INSERT OR REPLACE INTO stretch(kind, n, first, rows) VALUES(?, ?, ?, ?)");
    db_bind_int(s, 1, kind);
    db_bind_int(s, 2, (int64_t)n);
    db_bind_int(s, 3, st->first[n]);
    db_bind_int(s, 4, st->before);
    return db_run(s);
}

enum rc store_stretches_save(struct store_segment *seg)
{
    for (int kind = 0; kind < STRETCH_KINDS; kind++) {
        for (size_t n = seg->stretches[kind].saved; n < seg->stretches[kind].count; n++) {
            enum rc rc = save_one(seg, kind, n);
            if (rc != RC_OK)
                return rc;
        }
    }
    return RC_OK;
}

void store_stretches_saved(struct store_segment *seg)
{
    for (int kind = 0; kind < STRETCH_KINDS; kind++)
        seg->stretches[kind].saved = seg->stretches[kind].count;
}

static enum rc load_kind(struct store_segment *seg, enum store_stretch_kind kind,
                         const char *last_sql)
{
    enum rc rc;
    struct store_stretches *st = &seg->stretches[kind];
    struct db_stmt *s =
        db_prepare(seg->writer, "SELECT first, rows FROM stretch WHERE kind = ? ORDER BY n");
    db_bind_int(s, 1, kind);
    while (db_step(s, &rc)) {
        stretch_append(seg, kind, db_int(s, 0));
        st->before = db_int(s, 1);
    }
    if (rc != RC_OK)
        return rc;
    st->saved = st->count;
    if (st->count == 0)
        stretch_append(seg, kind, seg->start);
    s = db_prepare(seg->writer, last_sql);
    db_bind_int(s, 1, (int64_t)st->count - 1);
    if (db_step(s, &rc)) {
        st->own = st->filled = db_int(s, 0);
        st->last_key = db_int(s, 1);
        db_reset(s);
    }
    return rc;
}

enum rc store_stretches_load(struct store_segment *seg)
{
    enum rc rc = load_kind(
        seg, STRETCH_MESSAGES,
        "SELECT count(*), (SELECT coalesce(max(k), 0) FROM message) FROM message WHERE stretch = ?");
    if (rc == RC_OK)
        rc = load_kind(seg, STRETCH_ATTEMPTS,
                       "SELECT count(*), coalesce(max(ak), 0) FROM attempt WHERE stretch = ?");
    if (rc == RC_OK)
        rc = load_kind(
            seg, STRETCH_REQUESTS,
            "SELECT count(*) + (SELECT count(*) FROM message WHERE request_stretch = ?1),"
            " max((SELECT coalesce(max(k), 0) FROM request), (SELECT coalesce(max(k), 0) FROM message))"
            " FROM request WHERE stretch = ?1");
    if (rc == RC_OK)
        rc = load_kind(
            seg, STRETCH_RUNS,
            "SELECT count(*), (SELECT coalesce(max(k), 0) FROM filter_run) FROM filter_run WHERE stretch = ?");
    return rc;
}

/* --- for readers ------------------------------------------------------------------------------------ */

struct store_stretch_list store_stretch_list_get(struct store_segment *seg,
                                                 enum store_stretch_kind kind, struct arena *a)
{
    const struct store_stretches *st = &seg->stretches[kind];
    mutex_lock(&seg->lock);
    int64_t *first = arena_array(a, st->count, sizeof *first);
    memcpy(first, st->first, st->count * sizeof *first);
    struct store_stretch_list list = { first, st->count };
    mutex_unlock(&seg->lock);
    return list;
}

size_t store_stretch_count(struct store_segment *seg, enum store_stretch_kind kind)
{
    mutex_lock(&seg->lock);
    size_t count = seg->stretches[kind].count;
    mutex_unlock(&seg->lock);
    return count;
}

int64_t store_segment_newest_key(const struct store_segment *seg)
{
    int64_t attempt =
        atomic_load_explicit(&seg->stretches[STRETCH_ATTEMPTS].last_key, memory_order_relaxed);
    int64_t other = store_segment_last_key(seg);
    return attempt > other ? attempt : other;
}

/* Of what is placed by its own time. */
int64_t store_segment_last_key(const struct store_segment *seg)
{
    static const enum store_stretch_kind kinds[] = { STRETCH_MESSAGES, STRETCH_REQUESTS,
                                                     STRETCH_RUNS };
    int64_t last = 0;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        int64_t key =
            atomic_load_explicit(&seg->stretches[kinds[i]].last_key, memory_order_relaxed);
        last = key > last ? key : last;
    }
    return last;
}

size_t store_stretch_find(const struct store_stretch_list *list, int64_t key)
{
    return stretch_find(list->first, list->count, key);
}
