/* SPDX-License-Identifier: Apache-2.0
 *
 * Read connections, shared by all worker threads and bounded: one for a segment is opened when
 * someone reads there, and the one idle for longest makes room. A thread holds one at a time, so
 * waiting for one always ends.
 */
#include "store/files/readers_priv.h"

#include "store/files/segment_priv.h"

void store_readers_init(struct store_files *s)
{
    mutex_init(&s->readers_lock);
    cond_init(&s->reader_freed);
    s->reader_count = s->base.o.readers > 0 ? (size_t)s->base.o.readers : 1;
    s->readers = xcalloc(s->reader_count, sizeof *s->readers);
}

/* `busy` is the lock's alone: others look at it meanwhile. */
static void readers_empty(struct store_reader *r)
{
    db_close(r->db);
    store_segment_unref(r->segment);
    r->db = NULL;
    r->segment = NULL;
}

void store_readers_fini(struct store_files *s)
{
    if (s->readers == NULL)
        return;
    for (size_t i = 0; i < s->reader_count; i++) {
        MUST(!s->readers[i].busy);
        readers_empty(&s->readers[i]);
    }
    xfree(s->readers);
    s->readers = NULL;
    cond_fini(&s->reader_freed);
    mutex_fini(&s->readers_lock);
}

/* An idle one on the segment, else an empty place, else the longest idle; NULL: all are busy. */
static struct store_reader *readers_choose(struct store_files *s, const struct store_segment *seg)
{
    struct store_reader *best = NULL;
    for (size_t i = 0; i < s->reader_count; i++) {
        struct store_reader *r = &s->readers[i];
        if (r->busy)
            continue;
        if (r->segment == seg)
            return r;
        if (best == NULL || r->used < best->used) /* empty places were never used: 0 */
            best = r;
    }
    return best;
}

static enum rc connect_reader(struct store_reader *r, struct store_segment *seg)
{
    struct store_files *s = seg->store;
    const struct db_options o = {
        .cache_bytes = s->base.o.cache_bytes / 4 / (int64_t)s->reader_count,
        .busy_us = 5000000,
        .no_sync = s->base.o.no_sync,
    };
    if (r->segment != seg) {
        readers_empty(r);
        r->segment = store_segment_ref(seg);
    }
    if (r->db == NULL) {
        enum rc rc = db_open(seg->path, DB_READ, &o, &r->db, NULL);
        if (rc != RC_OK)
            return rc;
    }
    return db_begin(r->db, false);
}

enum rc store_reader_get(struct store_segment *seg, struct store_reader **out)
{
    struct store_files *s = seg->store;
    MUST(thread_kind() != THREAD_LOOP);
    mutex_lock(&s->readers_lock);
    struct store_reader *r = readers_choose(s, seg);
    while (r == NULL) {
        cond_wait(&s->reader_freed, &s->readers_lock);
        r = readers_choose(s, seg);
    }
    r->busy = true;
    r->used = ++s->reader_clock;
    mutex_unlock(&s->readers_lock);
    enum rc rc = connect_reader(r, seg);
    if (rc != RC_OK) {
        store_reader_put(s, r);
        return rc;
    }
    *out = r;
    return RC_OK;
}

/* A segment that went away meanwhile is let go here, so that its files can go. */
void store_reader_put(struct store_files *s, struct store_reader *r)
{
    if (r == NULL)
        return;
    if (r->db != NULL)
        db_rollback(r->db);
    if (r->segment != NULL && (r->db == NULL || atomic_load(&r->segment->gone)))
        readers_empty(r);
    mutex_lock(&s->readers_lock);
    if (r->segment == NULL)
        r->used = 0; /* the next takes this place rather than another's */
    r->busy = false;
    cond_signal(&s->reader_freed);
    mutex_unlock(&s->readers_lock);
}

void store_readers_drop(struct store_files *s, const struct store_segment *seg)
{
    mutex_lock(&s->readers_lock);
    for (size_t i = 0; i < s->reader_count; i++) {
        if (s->readers[i].busy || s->readers[i].segment != seg)
            continue;
        readers_empty(&s->readers[i]);
        s->readers[i].used = 0;
    }
    mutex_unlock(&s->readers_lock);
}
