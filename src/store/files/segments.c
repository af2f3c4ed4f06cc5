/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of segments. The store thread reads it freely, being the only one that changes it (under
 * the lock); others take references under the lock.
 */
#include "store/files/segments_priv.h"

#include "store/files/aside_priv.h"
#include "store/files/readers_priv.h"
#include "store/files/remember_priv.h"
#include "store/files/segment_priv.h"
#include "store/files/stretch_priv.h"
#include "store/key_time_priv.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WRITERS_KEPT = 4 };

static void segments_add(struct store_files *s, struct store_segment *seg)
{
    mutex_lock(&s->segments_lock);
    if (s->segment_count == s->segment_room) {
        s->segment_room = s->segment_room == 0 ? 16 : s->segment_room * 2;
        s->segments = xrealloc(s->segments, s->segment_room * sizeof(struct store_segment *));
    }
    s->segments[s->segment_count++] = seg;
    mutex_unlock(&s->segments_lock);
}

static struct store_segment *segments_newest(const struct store_files *s)
{
    return s->segments[s->segment_count - 1];
}

static size_t index_of(const struct store_files *s, int64_t k)
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

struct store_segment *store_segment_of(struct store_files *s, int64_t k)
{
    if (k >= segments_newest(s)->start)
        return segments_newest(s);
    return s->segments[index_of(s, k)];
}

struct store_segment *store_segment_find(struct store_files *s, int64_t k)
{
    mutex_lock(&s->segments_lock);
    struct store_segment *seg = store_segment_ref(s->segments[index_of(s, k)]);
    mutex_unlock(&s->segments_lock);
    return seg;
}

struct store_segment_list store_segment_list_get(struct store_files *s)
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

enum { NAME_DIGITS = 16 };

bool store_segment_name_read(const char *name, int64_t *start, struct str *ending)
{
    uint8_t bytes[8];
    size_t len;
    uint64_t value = 0;
    struct str text = str_from(name);
    if (text.len <= NAME_DIGITS)
        return false;
    *ending = str_sub(text, NAME_DIGITS, text.len);
    if (hex_decode(str_sub(text, 0, NAME_DIGITS), bytes, sizeof bytes, &len) != RC_OK)
        return false;
    for (size_t i = 0; i < len; i++)
        value = value << 8 | bytes[i];
    *start = (int64_t)value;
    return *start >= 0;
}

struct starts {
    int64_t *at;
    size_t count, room;
};

static void add_start(struct starts *list, int64_t start)
{
    if (list->count == list->room) {
        list->room = list->room == 0 ? 64 : list->room * 2;
        list->at = xrealloc(list->at, list->room * sizeof *list->at);
    }
    list->at[list->count++] = start;
}

static bool has_start(const struct starts *list, int64_t start)
{
    return list->count > 0 &&
           bsearch(&start, list->at, list->count, sizeof *list->at, by_start) != NULL;
}

typedef void (*on_file_fn)(struct starts *list, int dir_fd, const char *name, int64_t start,
                           struct str ending);

/* Calls fn for each file that is named as ours are. */
static enum rc walk_folder(const struct store_files *s, on_file_fn fn, struct starts *list,
                           struct buf *why)
{
    int64_t start;
    struct str ending;
    struct arena scratch;
    arena_init(&scratch);
    struct str path = arena_fmt(&scratch, "%s/segments", s->dir);
    DIR *dir = opendir(path.ptr);
    errno = dir == NULL ? errno : 0;
    for (const struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL; errno = 0)
        if (store_segment_name_read(e->d_name, &start, &ending))
            fn(list, dirfd(dir), e->d_name, start, ending);
    bool is_read = errno == 0;
    if (!is_read)
        buf_say(why, "%s: %s", path.ptr, strerror(errno));
    if (dir != NULL)
        (void)closedir(dir);
    arena_fini(&scratch);
    return is_read ? RC_OK : RC_IO;
}

static void note_start(struct starts *list, int dir_fd, const char *name, int64_t start,
                       struct str ending)
{
    (void)dir_fd;
    (void)name;
    if (str_eq(ending, STR(".db")))
        add_start(list, start);
}

/* What was being made when the process ended, and what a removal did not get to. */
static void remove_stray(struct starts *list, int dir_fd, const char *name, int64_t start,
                         struct str ending)
{
    bool is_unfinished = str_starts(ending, STR(".new")) || str_eq(ending, STR(".keys.new"));
    bool is_beside = str_starts(ending, STR(".db-")) || str_eq(ending, STR(".keys"));
    if (is_unfinished || (is_beside && !has_start(list, start)))
        (void)unlinkat(dir_fd, name, 0); /* else at the next start: nothing reads it */
}

/* A segment that could not be finished used to be left under its name, and would own the ids that an
 * older one went on taking. Nothing is in it, so nothing is lost with it. */
static void remove_blank(const struct store_files *s, struct starts *list)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0 && store_segment_is_blank(s, list->at[i])) {
            store_segment_clear(s, list->at[i]);
        } else {
            list->at[kept++] = list->at[i];
        }
    }
    list->count = kept;
}

static enum rc list_folder(const struct store_files *s, struct starts *list, struct buf *why)
{
    enum rc rc = walk_folder(s, note_start, list, why);
    if (rc != RC_OK)
        return rc;
    if (list->count > 1)
        qsort(list->at, list->count, sizeof *list->at, by_start);
    rc = walk_folder(s, remove_stray, list, why);
    remove_blank(s, list);
    return rc;
}

static enum rc first_key(const struct store_segment *seg, int64_t *key)
{
    enum rc rc;
    struct db_stmt *st = db_prepare(
        seg->writer, "SELECT coalesce(min(k), 0) FROM (SELECT min(k) AS k FROM message UNION ALL"
                     " SELECT min(k) FROM request UNION ALL SELECT min(k) FROM filter_run)");
    if (db_step(st, &rc)) {
        *key = db_int(st, 0);
        db_reset(st);
    }
    return rc;
}

/* Such a file may have taken messages at a later start, while the older segment holds some with ids after
 * the one in its name: it begins after those. */
static enum rc begin_after(struct store_segment *seg, const struct store_segment *older)
{
    int64_t last_key = store_segment_last_key(older), first = 0;
    if (seg->start > last_key)
        return RC_OK;
    enum rc rc = first_key(seg, &first);
    seg->start = first > 0 && first <= last_key ? first : last_key + 1;
    LOG(STORE_OVERLAP, F_TEXT("file", seg->path), F_TEXT("older", older->path));
    return rc;
}

static enum rc load_one(struct store_files *s, int64_t start, bool is_newest, struct buf *why)
{
    struct store_segment *seg;
    enum rc rc = store_segment_open(s, start, &seg, why);
    if (rc != RC_OK) {
        char path[PATH_MAX];
        (void)snprintf(path, sizeof path, "%s/segments/%016llx.db", s->dir,
                       (unsigned long long)start);
        store_aside_hint(rc, path, why);
        return rc;
    }
    if (s->segment_count > 0)
        rc = begin_after(seg, segments_newest(s));
    segments_add(s, seg);
    if (rc == RC_OK)
        rc = store_remembered_load(seg, is_newest);
    if (rc != RC_OK)
        buf_say(why, "%s: cannot read it: %s", seg->path, db_error(seg->writer));
    store_aside_hint(rc, seg->path, why);
    if (!is_newest) {
        db_close(seg->writer);
        seg->writer = NULL;
    }
    return rc;
}

enum rc store_segments_load(struct store_files *s, struct buf *why)
{
    struct starts list = { 0 };
    enum rc rc = list_folder(s, &list, why);
    for (size_t i = 0; rc == RC_OK && i < list.count; i++)
        rc = load_one(s, list.at[i], i + 1 == list.count, why);
    if (rc == RC_OK && list.count == 0)
        rc = load_one(s, store_key_at(clock_wall_us(s->base.o.clock)), true, why);
    xfree(list.at);
    return rc;
}

void store_segments_free(struct store_files *s)
{
    for (size_t i = 0; i < s->segment_count; i++)
        store_segment_unref(s->segments[i]);
    xfree(s->segments);
    s->segments = NULL;
    s->segment_count = 0;
}

/* --- changes: store thread ---------------------------------------------------------------------------- */

enum rc store_segment_roll(struct store_files *s)
{
    struct store_segment *seg;
    struct buf why;
    int64_t now_us = clock_wall_us(s->base.o.clock);
    int64_t last_key = store_segment_last_key(segments_newest(s));
    int64_t start = store_key_at(now_us) + 1;
    if (start <= last_key)
        start = last_key + 1;
    if (start <= segments_newest(s)->start)
        start = segments_newest(s)->start + 1;
    buf_init(&why, 512);
    enum rc rc = store_segment_open(s, start, &seg, &why);
    if (rc == RC_OK) {
        LOG(STORE_SEGMENT_STARTED, F_TEXT("file", seg->path),
            F_INT("messages_before", segments_newest(s)->messages));
        store_segment_age(segments_newest(s));
        segments_add(s, seg);
    } else {
        LOG(STORE_SEGMENT_FAILED, F_TEXT("rc", rc_name(rc)), F_STR("why", buf_str(&why)));
    }
    buf_fini(&why);
    return rc;
}

void store_segment_remove(struct store_files *s, struct store_segment *seg)
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

void store_segment_trim_writers(struct store_files *s)
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
