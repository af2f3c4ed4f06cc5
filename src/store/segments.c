/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of segments. The store thread reads it freely, being the only one that changes it (under
 * the lock); others take references under the lock.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/store_priv.h"

enum { WRITERS_KEPT = 4, ID_KEY_BYTES = 8 };

int64_t store_key_time_us(int64_t k)
{
    struct id id = { 0 };
    for (int i = 0; i < ID_KEY_BYTES; i++)
        id.bytes[i] = (uint8_t)((uint64_t)k >> (8 * (ID_KEY_BYTES - 1 - i)));
    return id_time_us(&id);
}

int64_t store_key_at(int64_t wall_us)
{
    struct id id = id_at(wall_us);
    return id_key(&id);
}

static void add(struct store *s, struct store_segment *seg)
{
    mutex_lock(&s->segments_lock);
    if (s->segment_count == s->segment_room) {
        s->segment_room = s->segment_room == 0 ? 16 : s->segment_room * 2;
        s->segments = xrealloc(s->segments, s->segment_room * sizeof(struct store_segment *));
    }
    s->segments[s->segment_count++] = seg;
    mutex_unlock(&s->segments_lock);
}

static struct store_segment *newest(const struct store *s)
{
    return s->segments[s->segment_count - 1];
}

static size_t index_of(const struct store *s, int64_t k)
{
    size_t low = 0, high = s->segment_count; /* the last that starts at or before k, or the first */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (s->segments[middle]->start <= k)
            low = middle;
        else
            high = middle;
    }
    return low;
}

struct store_segment *store_segment_of(struct store *s, int64_t k)
{
    if (k >= newest(s)->start)
        return newest(s);
    return s->segments[index_of(s, k)];
}

struct store_segment *store_segment_find(struct store *s, int64_t k)
{
    mutex_lock(&s->segments_lock);
    struct store_segment *seg = store_segment_ref(s->segments[index_of(s, k)]);
    mutex_unlock(&s->segments_lock);
    return seg;
}

struct store_segment_list store_segment_list_get(struct store *s)
{
    mutex_lock(&s->segments_lock);
    struct store_segment_list list = { xcalloc(s->segment_count, sizeof(struct store_segment *)),
                                       s->segment_count };
    for (size_t i = 0; i < list.count; i++)
        list.at[i] = store_segment_ref(s->segments[i]);
    mutex_unlock(&s->segments_lock);
    return list;
}

void store_segment_list_free(struct store_segment_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        store_segment_unref(list->at[i]);
    xfree(list->at);
}

/* --- at start ---------------------------------------------------------------------------------------- */

static int by_start(const void *left, const void *right)
{
    const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* "<16 hex digits>.db" */
static bool parse_name(const char *name, int64_t *start)
{
    uint8_t bytes[8];
    size_t len;
    uint64_t value = 0;
    struct str text = str_from(name);
    if (text.len != 19 || !str_ends(text, STR(".db")))
        return false;
    if (hex_decode(str_sub(text, 0, 16), bytes, sizeof bytes, &len) != RC_OK)
        return false;
    for (size_t i = 0; i < len; i++)
        value = value << 8 | bytes[i];
    *start = (int64_t)value;
    return *start >= 0;
}

static enum rc list_folder(const struct store *s, int64_t **starts, size_t *count, struct buf *why)
{
    size_t room = 0;
    int64_t start;
    struct arena scratch;
    arena_init(&scratch);
    struct str path = arena_fmt(&scratch, "%s/segments", s->dir);
    DIR *dir = opendir(path.ptr);
    if (dir == NULL)
        buf_say(why, "%s: %s", path.ptr, strerror(errno));
    arena_fini(&scratch);
    if (dir == NULL)
        return RC_IO;
    for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (!parse_name(e->d_name, &start))
            continue;
        if (*count == room) {
            room = room == 0 ? 64 : room * 2;
            *starts = xrealloc(*starts, room * sizeof **starts);
        }
        (*starts)[(*count)++] = start;
    }
    (void)closedir(dir);
    if (*count > 1)
        qsort(*starts, *count, sizeof **starts, by_start);
    return RC_OK;
}

static enum rc load_one(struct store *s, int64_t start, bool is_newest, struct buf *why)
{
    struct store_segment *seg;
    enum rc rc = store_segment_open(s, start, &seg, why);
    if (rc != RC_OK)
        return rc;
    add(s, seg);
    rc = store_remembered_load(seg, is_newest);
    if (rc != RC_OK)
        buf_say(why, "%s: cannot read the remembered keys: %s", seg->path, db_error(seg->writer));
    if (!is_newest) {
        db_close(seg->writer);
        seg->writer = NULL;
    }
    return rc;
}

enum rc store_segments_load(struct store *s, struct buf *why)
{
    int64_t *starts = NULL;
    size_t count = 0;
    enum rc rc = list_folder(s, &starts, &count, why);
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        rc = load_one(s, starts[i], i + 1 == count, why);
    if (rc == RC_OK && count == 0)
        rc = load_one(s, store_key_at(clock_wall_us(s->o.clock)), true, why);
    xfree(starts);
    return rc;
}

void store_segments_free(struct store *s)
{
    for (size_t i = 0; i < s->segment_count; i++)
        store_segment_unref(s->segments[i]);
    xfree(s->segments);
    s->segments = NULL;
    s->segment_count = 0;
}

/* --- changes: store thread ---------------------------------------------------------------------------- */

enum rc store_segment_roll(struct store *s)
{
    struct store_segment *seg;
    struct buf why;
    int64_t now_us = clock_wall_us(s->o.clock);
    int64_t last_key = store_segment_last_key(newest(s));
    int64_t start = store_key_at(now_us) + 1;
    if (start <= last_key)
        start = last_key + 1;
    if (start <= newest(s)->start)
        start = newest(s)->start + 1;
    buf_init(&why, 512);
    enum rc rc = store_segment_open(s, start, &seg, &why);
    if (rc == RC_OK) {
        LOG(STORE_SEGMENT_STARTED, F_TEXT("file", seg->path),
            F_INT("messages_before", newest(s)->messages));
        store_segment_age(newest(s));
        add(s, seg);
    } else {
        LOG(STORE_SEGMENT_FAILED, F_TEXT("rc", rc_name(rc)), F_STR("why", buf_str(&why)));
    }
    buf_fini(&why);
    return rc;
}

void store_segment_remove(struct store *s, struct store_segment *seg)
{
    bool found = false;
    mutex_lock(&s->segments_lock);
    for (size_t i = 0; i + 1 < s->segment_count; i++) {
        found = found || s->segments[i] == seg;
        if (found)
            s->segments[i] = s->segments[i + 1];
    }
    if (found)
        s->segment_count--;
    mutex_unlock(&s->segments_lock);
    if (!found)
        return;
    LOG(STORE_SEGMENT_REMOVED, F_TEXT("file", seg->path), F_INT("messages", seg->messages));
    atomic_store(&seg->gone, true);
    store_readers_drop(s, seg);
    store_segment_unref(seg);
}

void store_segment_trim_writers(struct store *s)
{
    for (;;) {
        size_t open = 0;
        struct store_segment *oldest = NULL;
        for (size_t i = 0; i + 1 < s->segment_count; i++) {
            struct store_segment *seg = s->segments[i];
            if (seg->writer == NULL)
                continue;
            open++;
            if (oldest == NULL || seg->writer_used < oldest->writer_used)
                oldest = seg;
        }
        if (open <= WRITERS_KEPT)
            return;
        db_close(oldest->writer);
        oldest->writer = NULL;
    }
}
