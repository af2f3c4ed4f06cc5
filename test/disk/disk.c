/* SPDX-License-Identifier: Apache-2.0
 *
 * What the disk holds is model.h's. A failed sync is reported once to each descriptor that had the file open, as Linux
 * does since 4.13.
 */
/* Both names of each call are defined here, and without the checks that headers put around them. */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE

#include "disk.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    FDS_MAX = 4096,
    POINTS_MAX = 4096,
    FRAMES_MAX = 14,
    FRAMES_SKIPPED = 2,
    NAME_SIZE = DISK_NAME_SIZE
};

struct rule {
    bool is_set, is_by_path, has_failed;
    struct disk_point point;
    char part[NAME_SIZE];
    enum disk_how how;
    int error;
};

struct cut {
    uint64_t number, seed;
    char image[NAME_SIZE];
    void (*noted)(void *ctx);
    void *ctx;
};

static struct {
    pthread_mutex_t lock;
    struct disk_model model;
    struct disk_inode *open_inodes[FDS_MAX];
    unsigned told_syncs[FDS_MAX]; /* of failed_syncs: those this descriptor has been told of */
    char open_names[FDS_MAX][NAME_SIZE];
    struct disk_point points[POINTS_MAX];
    size_t point_count;
    uint64_t calls;
    struct rule rule;
    struct cut cut;
} disk = { .lock = PTHREAD_MUTEX_INITIALIZER };

void *disk_memory(void *old, size_t old_size, size_t new_size)
{
    (void)old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    void *memory = realloc(old, new_size);
    if (memory == NULL)
        abort();
    return memory;
}

static bool is_ours(const char *path)
{
    return disk_model_has(&disk.model, path);
}

void disk_cut(const char *image, enum disk_cut how, uint64_t seed)
{
    pthread_mutex_lock(&disk.lock);
    disk_model_cut(&disk.model, image, how, seed);
    pthread_mutex_unlock(&disk.lock);
}

/* --- failing ---------------------------------------------------------------------------------------- */

__attribute__((noinline)) static uint64_t hash_stack(enum disk_call call, const char *path)
{
    void *frames[FRAMES_MAX];
    int count = backtrace(frames, FRAMES_MAX);
    uint64_t hash = (uint64_t)call + 1;
    for (int i = FRAMES_SKIPPED; i < count; i++)
        hash = (hash ^ (uint64_t)(uintptr_t)frames[i]) * UINT64_C(0x100000001B3);
    const char *ending = strrchr(path, '.');
    for (; ending != NULL && *ending != '\0'; ending++)
        hash = (hash ^ (uint64_t)*ending) * UINT64_C(0x100000001B3);
    return hash;
}

static void note_point(enum disk_call call, uint64_t stack)
{
    for (size_t i = 0; i < disk.point_count; i++)
        if (disk.points[i].stack == stack)
            return;
    if (disk.point_count < POINTS_MAX)
        disk.points[disk.point_count++] = (struct disk_point){ call, stack };
}

static bool is_meant(const struct rule *r, enum disk_call call, uint64_t stack, const char *path)
{
    if (!r->is_set || (r->how == DISK_ONCE && r->has_failed))
        return false;
    if (r->is_by_path)
        return r->point.call == call && strstr(path, r->part) != NULL;
    return r->point.stack == stack;
}

/* With the lock held; an error number: the call fails. */
static int visit(enum disk_call call, const char *path)
{
    uint64_t stack = hash_stack(call, path);
    note_point(call, stack);
    if (++disk.calls == disk.cut.number) {
        disk_model_cut(&disk.model, disk.cut.image, DISK_CUT_RANDOM, disk.cut.seed);
        disk.cut.noted(disk.cut.ctx);
    }
    if (!is_meant(&disk.rule, call, stack, path))
        return 0;
    disk.rule.has_failed = true;
    return disk.rule.error;
}

static void set_rule(struct rule rule)
{
    pthread_mutex_lock(&disk.lock);
    disk.rule = rule;
    pthread_mutex_unlock(&disk.lock);
}

void disk_fail(const struct disk_point *point, enum disk_how how, int error)
{
    set_rule((struct rule){ .is_set = true, .point = *point, .how = how, .error = error });
}

void disk_fail_path(enum disk_call call, const char *part, enum disk_how how, int error)
{
    struct rule rule = {
        .is_set = true, .is_by_path = true, .point = { .call = call }, .how = how, .error = error
    };
    (void)snprintf(rule.part, sizeof rule.part, "%s", part);
    set_rule(rule);
}

void disk_heal(void)
{
    pthread_mutex_lock(&disk.lock);
    disk.rule.is_set = false;
    pthread_mutex_unlock(&disk.lock);
}

bool disk_has_failed(void)
{
    pthread_mutex_lock(&disk.lock);
    bool has = disk.rule.has_failed;
    pthread_mutex_unlock(&disk.lock);
    return has;
}

void disk_cut_at(uint64_t number, const char *image, uint64_t seed, void (*noted)(void *ctx),
                 void *ctx)
{
    pthread_mutex_lock(&disk.lock);
    disk.cut = (struct cut){ .number = number, .seed = seed, .noted = noted, .ctx = ctx };
    (void)snprintf(disk.cut.image, sizeof disk.cut.image, "%s", image);
    pthread_mutex_unlock(&disk.lock);
}

uint64_t disk_count(void)
{
    pthread_mutex_lock(&disk.lock);
    uint64_t count = disk.calls;
    pthread_mutex_unlock(&disk.lock);
    return count;
}

size_t disk_points(const struct disk_point **out)
{
    *out = disk.points;
    return disk.point_count;
}

void disk_watch(const char *folder)
{
    void *frame;
    (void)backtrace(&frame, 1); /* loads what it needs, now that nothing is held */
    pthread_mutex_lock(&disk.lock);
    memset(disk.open_inodes, 0, sizeof disk.open_inodes);
    disk.point_count = 0;
    disk.calls = 0;
    disk.rule = (struct rule){ 0 };
    disk.cut = (struct cut){ 0 };
    disk_model_reset(&disk.model, folder);
    pthread_mutex_unlock(&disk.lock);
}

/* --- libc ------------------------------------------------------------------------------------------- */

/* With the lock held: what is open now under that number. */
static void note_open(int fd, const char *path, int flags, bool is_new)
{
    struct stat st;
    (void)snprintf(disk.open_names[fd], NAME_SIZE, "%s", path);
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        return;
    struct disk_inode *inode = disk_model_open(&disk.model, path, is_new);
    disk.open_inodes[fd] = inode;
    disk.told_syncs[fd] = inode->failed_syncs;
    if ((flags & O_TRUNC) != 0)
        disk_model_truncated(inode, 0);
}

static int do_open(int dir, const char *path, int flags, mode_t mode)
{
    struct stat st;
    pthread_mutex_lock(&disk.lock);
    bool ours = is_ours(path);
    int fd = -1, error = ours ? visit(DISK_OPEN, path) : 0;
    bool is_new = ours && (flags & O_CREAT) != 0 && stat(path, &st) != 0;
    if (error == 0) {
        fd = (int)syscall(SYS_openat, dir, path, flags, mode);
        error = errno;
    }
    bool is_kept = fd >= 0 && fd < FDS_MAX;
    if (is_kept)
        disk.open_inodes[fd] = NULL;
    if (is_kept && ours)
        note_open(fd, path, flags, is_new);
    pthread_mutex_unlock(&disk.lock);
    errno = error;
    return fd;
}

#define OPEN(name, dir_param, dir) \
    int name(dir_param const char *path, int flags, ...) \
    { \
        va_list args; \
        va_start(args, flags); \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0; \
        va_end(args); \
        return do_open(dir, path, flags, mode); \
    }
#define NO_PARAM
#define DIR_PARAM int folder,
OPEN(open, NO_PARAM, AT_FDCWD)
OPEN(open64, NO_PARAM, AT_FDCWD)
OPEN(openat, DIR_PARAM, folder)
OPEN(openat64, DIR_PARAM, folder)

static ssize_t do_write(int fd, const void *bytes, size_t len, int64_t offset)
{
    struct disk_inode *inode = fd >= 0 && fd < FDS_MAX ? disk.open_inodes[fd] : NULL;
    if (inode == NULL)
        return offset < 0 ? syscall(SYS_write, fd, bytes, len)
                          : syscall(SYS_pwrite64, fd, bytes, len, offset);
    pthread_mutex_lock(&disk.lock);
    int error = visit(DISK_WRITE, disk.open_names[fd]);
    ssize_t n = -1;
    if (error == 0) {
        int64_t at = offset < 0 ? lseek(fd, 0, SEEK_CUR) : offset;
        n = offset < 0 ? syscall(SYS_write, fd, bytes, len)
                       : syscall(SYS_pwrite64, fd, bytes, len, offset);
        error = errno;
        if (n > 0)
            disk_model_wrote(inode, at, bytes, (size_t)n);
    }
    pthread_mutex_unlock(&disk.lock);
    errno = error;
    return n;
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    return do_write(fd, bytes, len, -1);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    return do_write(fd, bytes, len, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t offset)
    __attribute__((alias("pwrite")));

/* Another descriptor's failed sync is reported here, too: what it lost may have been written by this one. */
static int sync_inode(struct disk_inode *inode, int fd, int error)
{
    if (error != 0) {
        disk_model_lose(inode);
    } else if (disk.told_syncs[fd] != inode->failed_syncs) {
        error = EIO;
    } else {
        disk_model_synced(&disk.model, inode, UINT64_MAX);
    }
    disk.told_syncs[fd] = inode->failed_syncs;
    return error;
}

/* Folders: all names so far are durable. */
int fsync(int fd)
{
    if (fd < 0 || fd >= FDS_MAX || (disk.open_inodes[fd] == NULL && disk.open_names[fd][0] == '\0'))
        return 0;
    pthread_mutex_lock(&disk.lock);
    int error = visit(DISK_SYNC, disk.open_names[fd]);
    if (disk.open_inodes[fd] != NULL)
        error = sync_inode(disk.open_inodes[fd], fd, error);
    else if (error == 0)
        disk_model_folder_synced(&disk.model);
    pthread_mutex_unlock(&disk.lock);
    errno = error;
    return error == 0 ? 0 : -1;
}

int fdatasync(int fd) __attribute__((alias("fsync")));

static int do_truncate(int fd, off64_t len)
{
    struct disk_inode *inode = fd >= 0 && fd < FDS_MAX ? disk.open_inodes[fd] : NULL;
    if (inode == NULL)
        return (int)syscall(SYS_ftruncate, fd, len);
    pthread_mutex_lock(&disk.lock);
    int error = visit(DISK_TRUNCATE, disk.open_names[fd]);
    if (error == 0 && syscall(SYS_ftruncate, fd, len) != 0)
        error = errno;
    if (error == 0)
        disk_model_truncated(inode, len);
    pthread_mutex_unlock(&disk.lock);
    errno = error;
    return error == 0 ? 0 : -1;
}

int ftruncate(int fd, off_t len)
{
    return do_truncate(fd, len);
}

int ftruncate64(int fd, off64_t len) __attribute__((alias("ftruncate")));

int close(int fd)
{
    pthread_mutex_lock(&disk.lock);
    if (fd >= 0 && fd < FDS_MAX) {
        disk.open_inodes[fd] = NULL;
        disk.open_names[fd][0] = '\0';
    }
    int rc = (int)syscall(SYS_close, fd);
    pthread_mutex_unlock(&disk.lock);
    return rc;
}

int rename(const char *from, const char *to)
{
    pthread_mutex_lock(&disk.lock);
    bool ours = is_ours(to);
    int error = ours ? visit(DISK_RENAME, to) : 0;
    if (error == 0 && syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to) != 0)
        error = errno;
    if (ours && error == 0)
        disk_model_renamed(&disk.model, from, to);
    pthread_mutex_unlock(&disk.lock);
    errno = error;
    return error == 0 ? 0 : -1;
}

static int do_unlink(int dir, const char *path)
{
    pthread_mutex_lock(&disk.lock);
    bool ours = is_ours(path);
    int error = ours ? visit(DISK_UNLINK, path) : 0;
    if (error == 0 && syscall(SYS_unlinkat, dir, path, 0) != 0)
        error = errno;
    if (ours && error == 0)
        disk_model_unlinked(&disk.model, path);
    pthread_mutex_unlock(&disk.lock);
    errno = error;
    return error == 0 ? 0 : -1;
}

int unlink(const char *path)
{
    return do_unlink(AT_FDCWD, path);
}
