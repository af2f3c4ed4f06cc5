/* SPDX-License-Identifier: Apache-2.0
 *
 * A folder of accepted events, a file each, named by number: written beside, synced, renamed, and the
 * folder synced, so that a file under its name is whole and there to stay. What has run is removed;
 * what failed moves to failed/, for the operator to move back.
 */
#include "receiver.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_MAX_LEN = 32, NUMBER_DIGITS = 20 };

static void name_of(uint64_t number, const char *ending, char out[static NAME_MAX_LEN])
{
    (void)snprintf(out, NAME_MAX_LEN, "%0*" PRIu64 "%s", NUMBER_DIGITS, number, ending);
}

/* A folder that a power cut could take would take with it what was promised. */
static bool sync_above(int folder_fd)
{
    int fd = openat(folder_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    int error = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    errno = error;
    return ok;
}

bool gn_spool_open(struct gn_spool *s, const char *folder, char *why, size_t cap)
{
    s->failed = -1;
    bool is_new = mkdir(folder, 0700) == 0; /* there already, or not to be made: opening tells */
    s->fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->fd < 0) {
        (void)snprintf(why, cap, "spool %s: %s", folder, strerror(errno));
        return false;
    }
    if (flock(s->fd, LOCK_EX | LOCK_NB) != 0) { /* two would run everything twice */
        (void)snprintf(why, cap, "spool %s: in use by another receiver", folder);
        gn_spool_close(s);
        return false;
    }
    if (is_new && !sync_above(s->fd)) {
        (void)snprintf(why, cap, "spool %s: cannot be made durable: %s", folder, strerror(errno));
        gn_spool_close(s);
        return false;
    }
    (void)mkdirat(s->fd, "failed", 0700);
    s->failed = openat(s->fd, "failed", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->failed < 0) {
        (void)snprintf(why, cap, "spool %s/failed: %s", folder, strerror(errno));
        gn_spool_close(s);
        return false;
    }
    return true;
}

void gn_spool_close(struct gn_spool *s)
{
    if (s->failed >= 0) {
        (void)close(s->failed);
    }
    if (s->fd >= 0) {
        (void)close(s->fd);
    }
    s->fd = s->failed = -1;
}

static bool write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        bytes += n;
        size -= (size_t)n;
    }
    return true;
}

bool gn_spool_write(struct gn_spool *s, const struct gn_stored *stored, uint64_t *number)
{
    char fresh[NAME_MAX_LEN], final[NAME_MAX_LEN];
    *number = atomic_fetch_add(&s->next, 1);
    name_of(*number, ".new", fresh);
    name_of(*number, ".event", final);
    int fd = openat(s->fd, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return false;
    }
    bool ok = write_all(fd, stored->bytes, stored->size) && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    ok = ok && renameat(s->fd, fresh, s->fd, final) == 0;
    if (!ok) {
        (void)unlinkat(s->fd, fresh, 0);
        return false;
    }
    if (fsync(s->fd) != 0) { /* not promised: must not run after it was refused */
        (void)unlinkat(s->fd, final, 0);
        return false;
    }
    return true;
}

struct gn_stored *gn_spool_read(struct gn_spool *s, uint64_t number, size_t size_max, bool *later)
{
    char name[NAME_MAX_LEN];
    struct stat is;
    char *bytes = NULL;
    name_of(number, ".event", name);
    int fd = openat(s->fd, name, O_RDONLY | O_CLOEXEC);
    *later = fd < 0 && errno != ENOENT;
    if (fd < 0) {
        return NULL;
    }
    *later = fstat(fd, &is) != 0;
    if (!*later && S_ISREG(is.st_mode) && (uint64_t)is.st_size <= size_max) {
        bytes = malloc((size_t)is.st_size + 1);
        *later = bytes == NULL;
    }
    if (bytes != NULL) {
        ssize_t n = pread(fd, bytes, (size_t)is.st_size, 0);
        *later = n < 0;
        if (n != (ssize_t)is.st_size) {
            free(bytes);
            bytes = NULL;
        }
    }
    (void)close(fd);
    return bytes == NULL ? NULL : gn_stored_read(bytes, (size_t)is.st_size);
}

void gn_spool_done(struct gn_spool *s, uint64_t number, bool failed)
{
    char name[NAME_MAX_LEN];
    name_of(number, ".event", name);
    if (failed) {
        (void)renameat(s->fd, name, s->failed, name);
    } else {
        (void)unlinkat(s->fd, name, 0);
    }
}

static int receiver_spool_by_number(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static bool is_event(const char *name, uint64_t *number)
{
    char *end;
    if (strlen(name) != NUMBER_DIGITS + strlen(".event")) {
        return false;
    }
    errno = 0;
    *number = strtoull(name, &end, 10);
    return errno == 0 && end == name + NUMBER_DIGITS && strcmp(end, ".event") == 0;
}

/* Was being written when the process ended; its sender got no answer. */
static void remove_unfinished(struct gn_spool *s, const char *name)
{
    if (strlen(name) == NUMBER_DIGITS + strlen(".new") &&
        strcmp(name + NUMBER_DIGITS, ".new") == 0) {
        (void)unlinkat(s->fd, name, 0);
    }
}

bool gn_spool_list(struct gn_spool *s, uint64_t **out, size_t *count)
{
    int fd = openat(s->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    size_t cap = 0;
    *out = NULL;
    *count = 0;
    errno = 0;
    for (const struct dirent *e; folder != NULL && (e = readdir(folder)) != NULL; errno = 0) {
        uint64_t number;
        if (!is_event(e->d_name, &number)) {
            remove_unfinished(s, e->d_name);
            continue;
        }
        if (*count == cap) {
            cap = cap == 0 ? 64 : cap * 2;
            uint64_t *more = realloc(*out, cap * sizeof(*more));
            if (more == NULL) {
                (void)closedir(folder);
                return false;
            }
            *out = more;
        }
        (*out)[(*count)++] = number;
    }
    bool is_read = folder != NULL && errno == 0;
    if (folder != NULL) {
        (void)closedir(folder);
    } else if (fd >= 0) {
        (void)close(fd);
    }
    if (*count > 0) {
        qsort(*out, *count, sizeof(**out), receiver_spool_by_number);
    }
    return is_read;
}
