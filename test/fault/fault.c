/* SPDX-License-Identifier: Apache-2.0
 *
 * A preloaded object that makes system calls of an unchanged server fail. What it does stands in a file that
 * the driver shares (GRAPNEL_FAULT): which kind of call, after how many more of it, with which error, and for
 * how many calls. A negative error is a call that goes well, so many milliseconds later. It counts calls of each kind,
 * so that the driver knows which there are to fail. A short read is none: it goes well and brings less than was asked
 * for, as reads may.
 *
 * Calls on files count where the file lies in the store (GRAPNEL_FAULT_STORE): the rest is configuration and
 * certificates. Of epoll_ctl only adding counts: nothing else can be refused for want of anything.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* The order is the driver's, too. */
enum kind {
    OPEN,
    FSYNC,
    FDATASYNC,
    RENAME,
    UNLINK,
    FTRUNCATE,
    PWRITE,
    WRITE,
    MMAP,
    EPOLL_CREATE,
    EPOLL_ADD,
    EVENTFD,
    TIMERFD,
    SOCKET,
    ACCEPT,
    CONNECT,
    THREAD,
    RANDOM,
    READ,
    SHORT_READ,
    STAT,
    READ_FOLDER,
    OPEN_EXISTING,
    KINDS
};

struct control {
    _Atomic int64_t kind;  /* -1: none fails */
    _Atomic int64_t after; /* so many of the kind go well first */
    _Atomic int64_t count; /* so many fail then */
    _Atomic int64_t error;
    _Atomic int64_t failed;
    _Atomic int64_t seen[KINDS];
};

enum { FILES_MAX = 65536 };
static struct control *control;
static const char *store;
static atomic_bool is_stored[FILES_MAX];

__attribute__((constructor)) static void take_control(void)
{
    const char *path = getenv("GRAPNEL_FAULT");
    int (*real_open)(const char *, int, ...) =
        (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    void *(*real_mmap)(void *, size_t, int, int, int, off_t) =
        (void *(*)(void *, size_t, int, int, int, off_t))dlsym(RTLD_NEXT, "mmap");
    if (path == NULL)
        return;
    int fd = real_open(path, O_RDWR | O_CLOEXEC);
    void *at = real_mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd < 0 || at == MAP_FAILED)
        abort();
    (void)close(fd);
    store = getenv("GRAPNEL_FAULT_STORE");
    control = at;
}

/* True: this call fails, with errno set. */
static bool fails(enum kind kind)
{
    if (control == NULL)
        return false;
    atomic_fetch_add(&control->seen[kind], 1);
    if (atomic_load(&control->kind) != (int64_t)kind || atomic_fetch_sub(&control->after, 1) > 0 ||
        atomic_fetch_sub(&control->count, 1) <= 0)
        return false;
    atomic_fetch_add(&control->failed, 1);
    int error = (int)atomic_load(&control->error);
    if (error < 0)
        (void)usleep((useconds_t)-error * 1000);
    errno = error;
    return error > 0;
}

static bool in_store(const char *path)
{
    return store != NULL && strncmp(path, store, strlen(store)) == 0;
}

static bool is_store_fd(int fd)
{
    return fd >= 0 && fd < FILES_MAX && atomic_load(&is_stored[fd]);
}

static int note(int fd, bool stored)
{
    if (fd >= 0 && fd < FILES_MAX)
        atomic_store(&is_stored[fd], stored);
    return fd;
}

/* The next definition of `name`, with the type of the one here. */
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static bool opening_fails(int flags)
{
    return fails(OPEN) || ((flags & O_CREAT) == 0 && fails(OPEN_EXISTING));
}

#define OPENER(name) \
    int name(const char *path, int flags, ...) \
    { \
        va_list args; \
        va_start(args, flags); \
        mode_t mode = va_arg(args, mode_t); \
        va_end(args); \
        if (in_store(path) && opening_fails(flags)) \
            return -1; \
        return note(REAL(name)(path, flags, mode), in_store(path)); \
    }
OPENER(open)
OPENER(open64)

#define OPENER_AT(name) \
    int name(int folder, const char *path, int flags, ...) \
    { \
        va_list args; \
        va_start(args, flags); \
        mode_t mode = va_arg(args, mode_t); \
        va_end(args); \
        bool stored = in_store(path) || (path[0] != '/' && is_store_fd(folder)); \
        if (stored && opening_fails(flags)) \
            return -1; \
        return note(REAL(name)(folder, path, flags, mode), stored); \
    }
OPENER_AT(openat)
OPENER_AT(openat64)

int close(int fd)
{
    (void)note(fd, false);
    return REAL(close)(fd);
}

#define ON_FILE(kind, result, name, params, ...) \
    result name params \
    { \
        if (is_store_fd(fd) && fails(kind)) \
            return -1; \
        return REAL(name)(__VA_ARGS__); \
    }
ON_FILE(FSYNC, int, fsync, (int fd), fd)
ON_FILE(FDATASYNC, int, fdatasync, (int fd), fd)
ON_FILE(FTRUNCATE, int, ftruncate, (int fd, off_t len), fd, len)
ON_FILE(FTRUNCATE, int, ftruncate64, (int fd, off64_t len), fd, len)
ON_FILE(PWRITE, ssize_t, pwrite, (int fd, const void *bytes, size_t len, off_t at), fd, bytes, len,
        at)
ON_FILE(PWRITE, ssize_t, pwrite64, (int fd, const void *bytes, size_t len, off64_t at), fd, bytes,
        len, at)
ON_FILE(WRITE, ssize_t, write, (int fd, const void *bytes, size_t len), fd, bytes, len)

/* --- reading -------------------------------------------------------------------------------------------------- */

/* Half of what was asked for, and at least a byte. */
static size_t read_at_most(int fd, size_t len)
{
    return len > 1 && is_store_fd(fd) && fails(SHORT_READ) ? len / 2 : len;
}

#define READER(name, params, ...) \
    ssize_t name params \
    { \
        if (is_store_fd(fd) && fails(READ)) \
            return -1; \
        len = read_at_most(fd, len); \
        return REAL(name)(__VA_ARGS__); \
    }
READER(read, (int fd, void *out, size_t len), fd, out, len)
READER(pread, (int fd, void *out, size_t len, off_t at), fd, out, len, at)
READER(pread64, (int fd, void *out, size_t len, off64_t at), fd, out, len, at)

#define ON_PATH(name, params, ...) \
    int name params \
    { \
        return in_store(path) && fails(STAT) ? -1 : REAL(name)(__VA_ARGS__); \
    }
ON_PATH(stat, (const char *path, struct stat *out), path, out)
ON_PATH(stat64, (const char *path, struct stat64 *out), path, out)
ON_PATH(lstat, (const char *path, struct stat *out), path, out)
ON_PATH(lstat64, (const char *path, struct stat64 *out), path, out)
ON_PATH(access, (const char *path, int mode), path, mode)
ON_FILE(STAT, int, fstat, (int fd, struct stat *out), fd, out)
ON_FILE(STAT, int, fstat64, (int fd, struct stat64 *out), fd, out)

DIR *opendir(const char *path)
{
    DIR *folder = in_store(path) && fails(READ_FOLDER) ? NULL : REAL(opendir)(path);
    if (folder != NULL)
        (void)note(dirfd(folder), in_store(path));
    return folder;
}

struct dirent *readdir(DIR *folder)
{
    return is_store_fd(dirfd(folder)) && fails(READ_FOLDER) ? NULL : REAL(readdir)(folder);
}

struct dirent64 *readdir64(DIR *folder)
{
    return is_store_fd(dirfd(folder)) && fails(READ_FOLDER) ? NULL : REAL(readdir64)(folder);
}

int closedir(DIR *folder)
{
    (void)note(dirfd(folder), false);
    return REAL(closedir)(folder);
}

/* --- names and memory ----------------------------------------------------------------------------------------- */

int rename(const char *from, const char *to)
{
    return in_store(to) && fails(RENAME) ? -1 : REAL(rename)(from, to);
}

int unlink(const char *path)
{
    return in_store(path) && fails(UNLINK) ? -1 : REAL(unlink)(path);
}

int unlinkat(int folder, const char *path, int flags)
{
    return (in_store(path) || is_store_fd(folder)) && fails(UNLINK)
               ? -1
               : REAL(unlinkat)(folder, path, flags);
}

#define MAPPER(name, offset) \
    void *name(void *at, size_t len, int prot, int flags, int fd, offset from) \
    { \
        if (is_store_fd(fd) && fails(MMAP)) \
            return MAP_FAILED; \
        return REAL(name)(at, len, prot, flags, fd, from); \
    }
MAPPER(mmap, off_t)
MAPPER(mmap64, off64_t)

#define MAKER(kind, name, params, ...) \
    int name params \
    { \
        return fails(kind) ? -1 : REAL(name)(__VA_ARGS__); \
    }
MAKER(EPOLL_CREATE, epoll_create1, (int flags), flags)
MAKER(EVENTFD, eventfd, (unsigned count, int flags), count, flags)
MAKER(TIMERFD, timerfd_create, (clockid_t clock, int flags), clock, flags)
MAKER(SOCKET, socket, (int domain, int type, int protocol), domain, type, protocol)
MAKER(ACCEPT, accept4, (int fd, struct sockaddr *from, socklen_t *len, int flags), fd, from, len,
      flags)
MAKER(CONNECT, connect, (int fd, const struct sockaddr *to, socklen_t len), fd, to, len)

int epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
    return op == EPOLL_CTL_ADD && fails(EPOLL_ADD) ? -1 : REAL(epoll_ctl)(epoll, op, fd, event);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
    return fails(THREAD) ? errno : REAL(pthread_create)(thread, attr, fn, arg);
}

ssize_t getrandom(void *out, size_t len, unsigned flags)
{
    return fails(RANDOM) ? -1 : REAL(getrandom)(out, len, flags);
}
