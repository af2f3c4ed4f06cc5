/* SPDX-License-Identifier: Apache-2.0
 *
 * Each file has the content that survives (`durable`) and the writes since. A good sync moves them over, a failed
 * one marks them lost, and is reported once to each descriptor that had the file open, as Linux does since 4.13. Names
 * are a journal of their own, of which a prefix survives: up to the last synced folder,
 * and up to the making of any synced file.
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

enum { FDS_MAX = 4096, POINTS_MAX = 4096, FRAMES_MAX = 14, FRAMES_SKIPPED = 2, NAME_SIZE = 96 };

struct change {
    bool is_truncate, is_lost;
    int64_t offset; /* the new size of a truncate */
    char *bytes;
    size_t len;
};

struct inode {
    struct inode *next;
    char *durable;
    size_t durable_len;
    struct change *changes;
    size_t count, room;
    size_t made; /* its place in the journal of names, from 1 */
    unsigned failed_syncs;
};

struct naming {
    char kind; /* Made, Renamed, Unlinked */
    char name[NAME_SIZE], to[NAME_SIZE];
    struct inode *inode;
};

struct name {
    char name[NAME_SIZE];
    struct inode *inode;
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
    char folder[NAME_SIZE];
    struct inode *inodes;
    struct inode *open_inodes[FDS_MAX];
    unsigned told_syncs[FDS_MAX]; /* of failed_syncs: those this descriptor has been told of */
    char open_names[FDS_MAX][NAME_SIZE];
    struct name *names;
    size_t name_count, name_room;
    struct naming *journal;
    size_t journal_count, journal_room, journal_durable;
    struct disk_point points[POINTS_MAX];
    size_t point_count;
    uint64_t calls;
    struct rule rule;
    struct cut cut;
} disk = { .lock = PTHREAD_MUTEX_INITIALIZER };

#define GROW(list, count, room) \
    do { \
        if ((count) == (room)) { \
            (room) = (room) == 0 ? 16 : (room)*2; \
            (list) = realloc((list), (room) * sizeof *(list)); \
            if ((list) == NULL) \
                abort(); \
        } \
    } while (0)

/* --- names ---------------------------------------------------------------------------------------- */

static bool is_ours(const char *path)
{
    size_t len = strlen(disk.folder);
    return len > 0 && strncmp(path, disk.folder, len) == 0 && path[len] == '/' &&
           strstr(path, "-shm") == NULL;
}

static const char *short_name(const char *path)
{
    return path + strlen(disk.folder) + 1;
}

static struct name *find_name(struct name *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i].name, name) == 0)
            return &names[i];
    return NULL;
}

static void note_naming(char kind, const char *name, const char *to, struct inode *inode)
{
    GROW(disk.journal, disk.journal_count, disk.journal_room);
    struct naming *n = &disk.journal[disk.journal_count++];
    *n = (struct naming){ .kind = kind, .inode = inode };
    (void)snprintf(n->name, NAME_SIZE, "%s", name);
    (void)snprintf(n->to, NAME_SIZE, "%s", to);
}

static void set_name(struct name **names, size_t *count, size_t *room, const char *name,
                     struct inode *inode)
{
    struct name *old = find_name(*names, *count, name);
    if (old == NULL) {
        GROW(*names, *count, *room);
        old = &(*names)[(*count)++];
        (void)snprintf(old->name, NAME_SIZE, "%s", name);
    }
    old->inode = inode;
}

static void drop_name(struct name *names, size_t *count, const char *name)
{
    struct name *old = find_name(names, *count, name);
    if (old != NULL)
        *old = names[--*count];
}

static struct inode *make_inode(const char *name)
{
    struct inode *inode = calloc(1, sizeof *inode);
    if (inode == NULL)
        abort();
    inode->next = disk.inodes;
    disk.inodes = inode;
    set_name(&disk.names, &disk.name_count, &disk.name_room, name, inode);
    note_naming('M', name, "", inode);
    inode->made = disk.journal_count;
    return inode;
}

/* --- content -------------------------------------------------------------------------------------- */

static void note_change(struct inode *inode, bool is_truncate, int64_t offset, const void *bytes,
                        size_t len)
{
    GROW(inode->changes, inode->count, inode->room);
    struct change *c = &inode->changes[inode->count++];
    *c = (struct change){ .is_truncate = is_truncate, .offset = offset, .len = len };
    if (len > 0 && (c->bytes = malloc(len)) != NULL)
        memcpy(c->bytes, bytes, len);
}

static void apply_change(char **content, size_t *len, const struct change *c)
{
    size_t end = (size_t)c->offset + c->len;
    if (end > *len || c->is_truncate) {
        *content = realloc(*content, end + 1);
        if (*content == NULL)
            abort();
        if (end > *len)
            memset(*content + *len, 0, end - *len);
        *len = end;
    }
    if (c->len > 0)
        memcpy(*content + c->offset, c->bytes, c->len);
}

static void settle(struct inode *inode)
{
    for (size_t i = 0; i < inode->count; i++) {
        if (!inode->changes[i].is_lost)
            apply_change(&inode->durable, &inode->durable_len, &inode->changes[i]);
        free(inode->changes[i].bytes);
    }
    inode->count = 0;
    if (inode->made > disk.journal_durable)
        disk.journal_durable = inode->made;
}

static void lose(struct inode *inode)
{
    for (size_t i = 0; i < inode->count; i++)
        inode->changes[i].is_lost = true;
}

/* --- cutting the power ------------------------------------------------------------------------------ */

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state >> 11;
}

static void write_image(const char *image, const struct name *name, enum disk_cut how,
                        uint64_t *random)
{
    const struct inode *inode = name->inode;
    size_t len = inode->durable_len;
    char path[2 * NAME_SIZE], *content = malloc(len + 1);
    if (content == NULL)
        abort();
    memcpy(content, inode->durable == NULL ? "" : inode->durable, len);
    for (size_t i = 0; i < inode->count && how != DISK_CUT_SYNCED; i++)
        if (!inode->changes[i].is_lost && (how == DISK_CUT_ALL || next_random(random) % 2 == 0))
            apply_change(&content, &len, &inode->changes[i]);
    (void)snprintf(path, sizeof path, "%s/%s", image, name->name);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || syscall(SYS_write, fd, content, len) != (long)len)
        abort();
    (void)syscall(SYS_close, fd);
    free(content);
}

static void cut(const char *image, enum disk_cut how, uint64_t seed)
{
    struct name *names = NULL;
    size_t count = 0, room = 0, most = disk.journal_count;
    char path[2 * NAME_SIZE];
    uint64_t random = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    if (how == DISK_CUT_SYNCED)
        most = disk.journal_durable;
    else if (how == DISK_CUT_RANDOM)
        most = disk.journal_durable +
               next_random(&random) % (disk.journal_count - disk.journal_durable + 1);
    for (size_t i = 0; i < most; i++) {
        const struct naming *n = &disk.journal[i];
        if (n->kind == 'M')
            set_name(&names, &count, &room, n->name, n->inode);
        if (n->kind == 'R')
            set_name(&names, &count, &room, n->to, n->inode);
        if (n->kind != 'M')
            drop_name(names, &count, n->name);
    }
    (void)snprintf(path, sizeof path, "%s/segments", image);
    (void)mkdir(path, 0700);
    for (size_t i = 0; i < count; i++)
        write_image(image, &names[i], how, &random);
    free(names);
}

void disk_cut(const char *image, enum disk_cut how, uint64_t seed)
{
    pthread_mutex_lock(&disk.lock);
    cut(image, how, seed);
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
        cut(disk.cut.image, DISK_CUT_RANDOM, disk.cut.seed);
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
    for (struct inode *inode = disk.inodes, *next; inode != NULL; inode = next) {
        next = inode->next;
        for (size_t i = 0; i < inode->count; i++)
            free(inode->changes[i].bytes);
        free(inode->changes);
        free(inode->durable);
        free(inode);
    }
    disk.inodes = NULL;
    memset(disk.open_inodes, 0, sizeof disk.open_inodes);
    disk.name_count = disk.journal_count = disk.journal_durable = disk.point_count = 0;
    disk.calls = 0;
    disk.rule = (struct rule){ 0 };
    disk.cut = (struct cut){ 0 };
    (void)snprintf(disk.folder, sizeof disk.folder, "%s", folder);
    pthread_mutex_unlock(&disk.lock);
}

/* --- libc ------------------------------------------------------------------------------------------- */

/* With the lock held: what is open now under that number. */
static void note_open(int fd, const char *path, int flags, bool is_new)
{
    struct stat st;
    const char *name = short_name(path);
    struct name *known = find_name(disk.names, disk.name_count, name);
    (void)snprintf(disk.open_names[fd], NAME_SIZE, "%s", path);
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        return;
    disk.open_inodes[fd] = is_new || known == NULL ? make_inode(name) : known->inode;
    disk.told_syncs[fd] = disk.open_inodes[fd]->failed_syncs;
    if ((flags & O_TRUNC) != 0)
        note_change(disk.open_inodes[fd], true, 0, NULL, 0);
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
    struct inode *inode = fd >= 0 && fd < FDS_MAX ? disk.open_inodes[fd] : NULL;
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
            note_change(inode, false, at, bytes, (size_t)n);
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
static int sync_inode(struct inode *inode, int fd, int error)
{
    if (error != 0) {
        lose(inode);
        inode->failed_syncs++;
    } else if (disk.told_syncs[fd] != inode->failed_syncs) {
        error = EIO;
    } else {
        settle(inode);
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
        disk.journal_durable = disk.journal_count;
    pthread_mutex_unlock(&disk.lock);
    errno = error;
    return error == 0 ? 0 : -1;
}

int fdatasync(int fd) __attribute__((alias("fsync")));

static int do_truncate(int fd, off64_t len)
{
    struct inode *inode = fd >= 0 && fd < FDS_MAX ? disk.open_inodes[fd] : NULL;
    if (inode == NULL)
        return (int)syscall(SYS_ftruncate, fd, len);
    pthread_mutex_lock(&disk.lock);
    int error = visit(DISK_TRUNCATE, disk.open_names[fd]);
    if (error == 0 && syscall(SYS_ftruncate, fd, len) != 0)
        error = errno;
    if (error == 0)
        note_change(inode, true, len, NULL, 0);
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
    struct name *known =
        ours && error == 0 ? find_name(disk.names, disk.name_count, short_name(from)) : NULL;
    if (known != NULL) {
        struct inode *inode = known->inode;
        note_naming('R', short_name(from), short_name(to), inode);
        drop_name(disk.names, &disk.name_count, short_name(from));
        set_name(&disk.names, &disk.name_count, &disk.name_room, short_name(to), inode);
    }
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
    if (ours && error == 0) {
        note_naming('U', short_name(path), "", NULL);
        drop_name(disk.names, &disk.name_count, short_name(path));
    }
    pthread_mutex_unlock(&disk.lock);
    errno = error;
    return error == 0 ? 0 : -1;
}

int unlink(const char *path)
{
    return do_unlink(AT_FDCWD, path);
}
