/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking a damaged segment out of a store, with all that belongs to it: a log that stayed behind would be removed at
 * the next start, and its transactions with it. Everything is linked to its new place before anything goes from the
 * old one, so that a crash in between leaves both.
 */
#include "store/files/aside_priv.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_DIGITS = 16 };

/* The first stands for the segment: without it the others are nobody's. */
static const char *const endings[] = { ".db", ".db-wal", ".db-shm", ".keys" };

struct aside {
    const char *dir;
    char name[NAME_DIGITS + 1];
    struct buf *why;
};

static enum rc aside_refuse(struct aside *a, const char *path)
{
    buf_say(a->why, "%s: %s", path, strerror(errno));
    return errno == ENOENT ? RC_NOT_FOUND : RC_IO;
}

/* "17d7840000000000.db", with or without a folder before it. */
static enum rc read_name(struct aside *a, const char *file)
{
    uint8_t bytes[8];
    size_t len;
    const char *slash = strrchr(file, '/');
    struct str name = str_from(slash == NULL ? file : slash + 1);
    if (name.len == NAME_DIGITS + 3 && str_ends(name, STR(".db")) &&
        hex_decode(str_sub(name, 0, NAME_DIGITS), bytes, sizeof bytes, &len) == RC_OK) {
        memcpy(a->name, name.ptr, NAME_DIGITS);
        return RC_OK;
    }
    buf_say(a->why,
            "%.64s is no segment's name: they are 16 hexadecimal digits and .db, as in %s/segments",
            file, a->dir);
    return RC_INVALID;
}

static enum rc lock_store(struct aside *a, int *fd)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/lock", a->dir);
    *fd = open(path, O_RDWR | O_CLOEXEC);
    if (*fd < 0)
        return aside_refuse(a, path);
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
        return RC_OK;
    buf_say(a->why, "%s: another process has this store open: stop the server first", path);
    (void)close(*fd);
    *fd = -1;
    return RC_BUSY;
}

/* For the folder's own user, whoever runs this. */
static enum rc make_place(struct aside *a, char path[static PATH_MAX])
{
    struct stat st;
    (void)snprintf(path, PATH_MAX, "%s/set-aside", a->dir);
    if (stat(a->dir, &st) != 0)
        return aside_refuse(a, a->dir);
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return aside_refuse(a, path);
    if (chown(path, st.st_uid, st.st_gid) != 0 && geteuid() == 0)
        return aside_refuse(a, path);
    return RC_OK;
}

static enum rc link_all(struct aside *a, const char *place)
{
    char from[PATH_MAX], to[PATH_MAX];
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        int room = snprintf(from, sizeof from, "%s/segments/%s%s", a->dir, a->name, endings[i]);
        if (room >= (int)sizeof from ||
            snprintf(to, sizeof to, "%s/%s%s", place, a->name, endings[i]) >= (int)sizeof to)
            return RC_LIMIT;
        bool is_optional = i > 0;
        if (link(from, to) != 0 && errno != EEXIST && !(is_optional && errno == ENOENT))
            return aside_refuse(a, from);
    }
    return RC_OK;
}

static enum rc unlink_all(struct aside *a)
{
    char path[PATH_MAX];
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        (void)snprintf(path, sizeof path, "%s/segments/%s%s", a->dir, a->name, endings[i]);
        if (unlink(path) != 0 && errno != ENOENT)
            return aside_refuse(a, path);
    }
    return RC_OK;
}

static enum rc sync_folder(struct aside *a, const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fd < 0 || fsync(fd) != 0;
    enum rc rc = failed ? aside_refuse(a, path) : RC_OK;
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

enum rc store_set_aside(const char *dir, const char *file, struct buf *place, struct buf *why)
{
    struct aside a = { .dir = dir, .why = why };
    char to[PATH_MAX], segments[PATH_MAX];
    int lock = -1;
    (void)snprintf(segments, sizeof segments, "%s/segments", dir);
    enum rc rc = read_name(&a, file);
    if (rc == RC_OK)
        rc = lock_store(&a, &lock);
    if (rc == RC_OK)
        rc = make_place(&a, to);
    if (rc == RC_OK)
        rc = link_all(&a, to);
    if (rc == RC_OK)
        rc = sync_folder(&a, to);
    if (rc == RC_OK)
        rc = unlink_all(&a);
    if (rc == RC_OK)
        rc = sync_folder(&a, segments);
    if (rc == RC_OK)
        buf_say(place, "%s/%s.db", to, a.name);
    if (lock >= 0)
        (void)close(lock);
    return rc;
}

/* A newer program's segment is whole: it is not to be taken out. */
void store_aside_hint(enum rc rc, const char *path, struct buf *why)
{
    if (rc == RC_CORRUPT && why != NULL && why->len > 0 &&
        strstr(why->ptr, "newer program") == NULL)
        buf_say(why, ". To start without it and what is in it: grapnel store set-aside %s", path);
}
