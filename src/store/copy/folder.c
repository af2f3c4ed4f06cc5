/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/copy/folder_priv.h. A mark says that a copy into the folder is under way, and of which store.
 */
#include "store/copy/folder_priv.h"

#include "base/file.h"
#include "store/config_priv.h"
#include "store/files/segments_priv.h"
#include "store/folder_priv.h"
#include "store/key_time_priv.h"
#include "store/migrations_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CACHE_BYTES = 64 << 20, BUSY_US = 5000000, CONFIG = -1 };

static void path_say(const struct copy_folder *f, const char *name, char out[static PATH_MAX])
{
    (void)snprintf(out, PATH_MAX, "%s/%s", f->dir, name);
}

static void path_of(const struct copy_folder *f, int64_t start, const char *ending,
                    char out[static PATH_MAX])
{
    if (start == CONFIG)
        (void)snprintf(out, PATH_MAX, "%s/config%s", f->dir, ending);
    else
        (void)snprintf(out, PATH_MAX, "%s/segments/%016" PRIx64 "%s", f->dir, (uint64_t)start,
                       ending);
}

static bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 || errno != ENOENT;
}

static enum rc folder_lock(struct copy_folder *f)
{
    enum rc rc = store_folder_lock(f->dir, false, &f->lock_fd, f->why);
    if (rc == RC_BUSY)
        buf_say(f->why, ": stop it first");
    return rc;
}

void store_copy_folder_close(struct copy_folder *f)
{
    if (f->lock_fd >= 0)
        (void)close(f->lock_fd);
    f->lock_fd = -1;
}

/* --- one to read -------------------------------------------------------------------------------------- */

enum rc store_copy_folder_open(struct copy_folder *f)
{
    char path[PATH_MAX];
    f->lock_fd = -1;
    path_of(f, CONFIG, ".db", path);
    if (!is_there(path)) {
        buf_say(f->why, "%s: there is no store in this folder", f->dir);
        return RC_NOT_FOUND;
    }
    enum rc rc = folder_lock(f);
    return rc == RC_OK ? store_folder_is_whole(f->dir, f->why) : rc;
}

static enum rc open_file(struct copy_folder *f, int64_t start, size_t version, struct db **out)
{
    const struct db_options o = { .busy_us = BUSY_US, .cache_bytes = CACHE_BYTES };
    char path[PATH_MAX];
    int64_t found = 0;
    path_of(f, start, ".db", path);
    enum rc rc = db_open(path, DB_READ, &o, out, f->why);
    if (rc != RC_OK)
        return rc == RC_NOT_FOUND ? RC_IO : rc;
    rc = store_migrations_fit(*out, version, path, f->why);
    struct copy_side side = { .file = *out, .name = path, .why = f->why };
    if (rc == RC_OK)
        rc = store_copy_number(&side, "SELECT count(*) FROM sqlite_schema WHERE name = 'migration'",
                               &found);
    if (rc == RC_OK && found > 0)
        rc = store_copy_number(&side, "SELECT max(version) FROM migration", &found);
    if (rc == RC_OK && found != (int64_t)version) {
        buf_say(f->why,
                "%s is of an older version: start the server of this version on the store once, "
                "and stop it again",
                path);
        rc = RC_CORRUPT;
    }
    if (rc != RC_OK)
        db_close(*out);
    return rc;
}

enum rc store_copy_folder_config(struct copy_folder *f, struct db **out)
{
    return open_file(f, CONFIG, store_config_migration_count, out);
}

enum rc store_copy_folder_segment(struct copy_folder *f, int64_t start, struct db **out)
{
    return open_file(f, start, store_segment_migration_count, out);
}

static enum rc take_identity(void *ctx, struct copy_row *row)
{
    char *out = ctx;
    struct str seed = str_sub(row->at[0].bytes, 0, 16);
    (void)snprintf(out, COPY_IDENTITY_MAX, "files ");
    hex_encode(seed.ptr, seed.len, out + strlen(out));
    return RC_OK;
}

enum rc store_copy_folder_identity(struct copy_folder *f, char out[static COPY_IDENTITY_MAX])
{
    char path[PATH_MAX];
    struct copy_side side = { .name = path, .why = f->why };
    path_of(f, CONFIG, ".db", path);
    (void)snprintf(out, COPY_IDENTITY_MAX, "files");
    enum rc rc = store_copy_folder_config(f, &side.file);
    if (rc != RC_OK)
        return rc;
    rc = store_copy_each(&side, "SELECT value FROM setting WHERE name = 'event id hash seed'", "b",
                         take_identity, out);
    db_close(side.file);
    return rc;
}

/* --- its segments ------------------------------------------------------------------------------------- */

struct found_segment {
    int64_t start, low, high; /* keys; 0: it is empty */
};

struct found_list {
    struct found_segment *at;
    size_t count;
};

static int by_start(const void *left, const void *right)
{
    const struct found_segment *a = left, *b = right;
    return (a->start > b->start) - (a->start < b->start);
}

static enum rc list_files(struct copy_folder *f, struct found_list *list)
{
    char path[PATH_MAX];
    struct found_segment found = { 0 };
    struct str ending;
    path_say(f, "segments", path);
    DIR *dir = opendir(path);
    for (const struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        if (!store_segment_name_read(e->d_name, &found.start, &ending) ||
            !str_eq(ending, STR(".db")))
            continue;
        list->at = xrealloc(list->at, (list->count + 1) * sizeof(*list->at));
        list->at[list->count++] = found;
    }
    if (dir == NULL) {
        buf_say(f->why, "%s: %s", path, strerror(errno));
        return RC_IO;
    }
    (void)closedir(dir);
    if (list->count > 1)
        qsort(list->at, list->count, sizeof(*list->at), by_start);
    return RC_OK;
}

#define KEY_OF_ALL(which) \
    "SELECT coalesce(" which "(k), 0) FROM (SELECT " which \
    "(k) AS k FROM message UNION ALL SELECT " which "(k) FROM request UNION ALL SELECT " which \
    "(k) FROM filter_run)"

static enum rc read_range(struct copy_folder *f, struct found_segment *found)
{
    char path[PATH_MAX];
    struct copy_side side = { .name = path, .why = f->why };
    path_of(f, found->start, ".db", path);
    enum rc rc = store_copy_folder_segment(f, found->start, &side.file);
    if (rc != RC_OK)
        return rc;
    rc = store_copy_number(&side, KEY_OF_ALL("min"), &found->low);
    if (rc == RC_OK)
        rc = store_copy_number(&side, KEY_OF_ALL("max"), &found->high);
    db_close(side.file);
    return rc;
}

/* A file may hold keys before the one in its name only if it is the first, or after a start that failed; never ones that
 * lie between those of another (store_segments_load). */
static enum rc cut_ranges(struct copy_folder *f, const struct found_list *list,
                          struct copy_segments *out)
{
    int64_t before = -1;
    for (size_t i = 0; i < list->count; i++) {
        const struct found_segment *found = &list->at[i];
        if (found->high == 0)
            continue;
        if (found->low <= before) {
            buf_say(f->why,
                    "%s/segments/%016" PRIx64 ".db holds messages of the same time as the segment "
                    "before it: copy what matters of it by hand, and set it aside",
                    f->dir, (uint64_t)found->start);
            return RC_CORRUPT;
        }
        int64_t first_k =
            found->start > before && found->start < found->low ? found->start : found->low;
        if (out->count > 0)
            out->at[out->count - 1].end_k = first_k;
        out->at[out->count++] = (struct copy_segment){ found->start, first_k, found->high + 1 };
        before = found->high;
    }
    return RC_OK;
}

enum rc store_copy_folder_segments(struct copy_folder *f, struct copy_segments *out)
{
    struct found_list list = { 0 };
    *out = (struct copy_segments){ 0 };
    enum rc rc = list_files(f, &list);
    for (size_t i = 0; rc == RC_OK && i < list.count; i++)
        rc = read_range(f, &list.at[i]);
    if (rc == RC_OK) {
        out->at = xcalloc(list.count + 1, sizeof(*out->at));
        rc = cut_ranges(f, &list, out);
    }
    xfree(list.at);
    return rc;
}

/* --- one to make -------------------------------------------------------------------------------------- */

static bool is_ours(const char *name)
{
    static const char *const ours[] = { ".", "..", "lock", "main-secret", "segments" };
    bool is = false;
    for (size_t i = 0; i < COUNT_OF(ours); i++)
        is = is || strcmp(name, ours[i]) == 0;
    return is;
}

static enum rc refuse_what_is_there(struct copy_folder *f, const char *path, bool is_segments)
{
    enum rc rc = RC_OK;
    DIR *dir = opendir(path);
    for (const struct dirent *e; rc == RC_OK && dir != NULL && (e = readdir(dir)) != NULL;) {
        if (is_segments ? e->d_name[0] == '.' : is_ours(e->d_name))
            continue;
        buf_say(f->why, "%s/%s is there already: copy into a folder that is empty", path,
                e->d_name);
        rc = RC_CONFLICT;
    }
    if (dir != NULL)
        (void)closedir(dir);
    return rc;
}

/* RC_NOT_FOUND: there is none. */
static enum rc read_mark(struct copy_folder *f, const char *path, struct str wanted)
{
    char text[COPY_IDENTITY_MAX + 2];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return RC_NOT_FOUND;
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (fd >= 0)
        (void)close(fd); /* only read */
    if (len >= 0 && str_eq(str_of(text, (size_t)len), wanted))
        return RC_OK;
    buf_say(f->why,
            "%s: a copy of another store was begun in this folder: choose another, or empty it",
            path);
    return RC_CONFLICT;
}

/* A folder in which nothing but this copy was begun. */
static enum rc folder_mark(struct copy_folder *f, const char *identity)
{
    char path[PATH_MAX], segments[PATH_MAX];
    const struct str parts[] = { str_from(identity), STR("\n") };
    path_say(f, STORE_COPY_MARK, path);
    path_say(f, "segments", segments);
    struct arena scratch;
    arena_init(&scratch);
    enum rc rc = read_mark(f, path, arena_fmt(&scratch, "%s\n", identity));
    arena_fini(&scratch);
    if (rc != RC_NOT_FOUND)
        return rc;
    rc = refuse_what_is_there(f, f->dir, false);
    if (rc == RC_OK)
        rc = refuse_what_is_there(f, segments, true);
    if (rc != RC_OK)
        return rc;
    rc = file_replace(path, parts, COUNT_OF(parts), f->o->no_sync);
    if (rc != RC_OK)
        buf_say(f->why, "%s: %s", path, strerror(errno));
    return rc;
}

enum rc store_copy_folder_make(struct copy_folder *f, const char *identity, bool *is_done)
{
    char path[PATH_MAX];
    f->lock_fd = -1;
    *is_done = false;
    enum rc rc = store_folder_make(f->dir, f->o->no_sync, f->why);
    if (rc == RC_OK)
        rc = folder_lock(f);
    if (rc == RC_OK)
        rc = folder_mark(f, identity);
    path_say(f, "segments", path);
    if (rc == RC_OK)
        rc = store_folder_make(path, f->o->no_sync, f->why);
    path_of(f, CONFIG, ".db", path);
    *is_done = rc == RC_OK && is_there(path);
    return rc;
}

static void remove_file(const char *path)
{
    static const char *const endings[] = { "", "-wal", "-shm", "-journal" };
    char name[PATH_MAX + 16];
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        (void)snprintf(name, sizeof name, "%s%s", path, endings[i]);
        (void)unlink(name); /* what stays in the way is found when the file is made */
    }
}

enum rc store_copy_folder_begin(struct copy_folder *f, int64_t start, struct db **out)
{
    const struct db_options o = { .busy_us = BUSY_US,
                                  .cache_bytes = CACHE_BYTES,
                                  .no_sync = f->o->no_sync };
    char fresh[PATH_MAX], path[PATH_MAX];
    bool is_config = start == CONFIG;
    path_of(f, start, ".new", fresh);
    path_of(f, start, ".db", path);
    if (is_there(path))
        return RC_CONFLICT;
    remove_file(fresh);
    enum rc rc = db_open(fresh, DB_CREATE, &o, out, f->why);
    if (rc != RC_OK)
        return rc;
    rc = store_migrate(*out, is_config ? store_config_migrations : store_segment_migrations,
                       is_config ? store_config_migration_count : store_segment_migration_count,
                       f->o->clock, fresh, f->why);
    if (rc == RC_OK && (rc = db_begin(*out, true)) != RC_OK)
        buf_say(f->why, "%s: %s", fresh, db_error(*out));
    if (rc != RC_OK)
        db_close(*out);
    return rc;
}

enum rc store_copy_folder_keep(struct copy_folder *f, int64_t start, struct db *db)
{
    char fresh[PATH_MAX], path[PATH_MAX];
    int64_t left = 0;
    path_of(f, start, ".new", fresh);
    path_of(f, start, ".db", path);
    enum rc rc = db_commit(db);
    if (rc == RC_OK)
        rc = db_checkpoint(db, true, &left);
    if (rc != RC_OK)
        buf_say(f->why, "%s: %s", fresh, db_error(db));
    db_close(db);
    if (rc != RC_OK)
        return rc;
    rc = file_rename(fresh, path, f->o->no_sync);
    if (rc != RC_OK)
        buf_say(f->why, "%s: cannot make it durable: %s", path, strerror(errno));
    return rc;
}

enum rc store_copy_folder_finish(struct copy_folder *f)
{
    char path[PATH_MAX];
    path_say(f, STORE_COPY_MARK, path);
    enum rc rc = unlink(path) == 0 || errno == ENOENT ? RC_OK : RC_IO;
    if (rc == RC_OK && !f->o->no_sync)
        rc = file_sync_folder(f->dir);
    if (rc != RC_OK)
        buf_say(f->why, "%s: %s", path, strerror(errno));
    return rc;
}
