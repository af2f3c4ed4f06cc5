/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/files/wal_priv.h.
 */
#include "store/files/wal_priv.h"

#include "store/files/segment_priv.h"

void store_keeper_ask(struct store_files *s)
{
    mutex_lock(&s->keeper_lock);
    bool was_asked = s->keeper_asked;
    s->keeper_asked = true;
    mutex_unlock(&s->keeper_lock);
    if (!was_asked)
        cond_signal(&s->keeper_wake);
}

static void wal_help(struct store_segment *seg)
{
    int64_t left;
    enum rc rc = db_checkpoint(seg->writer, false, &left);
    if (rc == RC_OK && left == 0)
        atomic_store_explicit(&seg->wal_pages, 0,
                              memory_order_relaxed); /* until the next commit tells */
    /* Else busy: the keeper is at it. */
    store_segment_note_sync(seg);
    atomic_store(&seg->wal_helped, false);
}

/* The log starts over only when all of it was moved. While commits go on, the keeper never quite
 * catches up; so after it moved the bulk and what came during that, the store thread moves the little
 * that is left. Commits wait for that, so that nothing but the little may still be on its way to the disk. */
void store_wal_mind(struct store_files *s)
{
    for (size_t i = 0; i < s->segment_count; i++) {
        struct store_segment *seg = s->segments[i];
        int64_t pages = atomic_load_explicit(&seg->wal_pages, memory_order_relaxed);
        if (pages < s->base.o.wal_soft || seg->writer == NULL || atomic_load(&seg->sync_failed))
            continue;
        if (pages >= s->base.o.wal_hard || atomic_load(&seg->wal_helped))
            wal_help(seg);
        else
            store_keeper_ask(s);
    }
}
