/* SPDX-License-Identifier: Apache-2.0
 *
 * Descriptors of all kinds: what each number is, and the calls that take any of them.
 *
 * epoll, eventfd, pipes and signalfd are real, and tried without waiting; the scheduler waits. What a helper process
 * of the server is spoken to through (a socket pair of its own) is real and waited for with the baton: the helper is
 * a pure function that takes no time.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fds_priv.h"
#include "machine_priv.h"

enum { CHANCE_BYTES = 4096, FAKE_PATH = 320, PATIENCE_MS = 20000 };

static unsigned char kinds[FDS_MAX];

void fd_set_kind(int fd, enum fd_kind kind)
{
    if (fd >= 0 && fd < FDS_MAX)
        kinds[fd] = (unsigned char)kind;
}

enum fd_kind fd_kind(int fd)
{
    return fd >= 0 && fd < FDS_MAX ? (enum fd_kind)kinds[fd] : FD_OTHER;
}

bool fd_is_blocking(int fd)
{
    return ((int)machine_call(SYS_fcntl, fd, F_GETFL, 0) & O_NONBLOCK) == 0;
}

size_t sim_server_fds(void)
{
    size_t count = 0;
    for (int fd = 3; fd < FDS_MAX; fd++)
        count += machine_call(SYS_fcntl, fd, F_GETFD, 0) >= 0;
    return count;
}

/* --- making and closing -------------------------------------------------------------------------------------- */

static bool is_refused(void)
{
    int error = machine_is_on() ? fault_strikes(SIM_NO_FDS, 0, "") : 0;
    if (error != 0)
        errno = error;
    return error != 0;
}

int epoll_create1(int flags)
{
    return is_refused() ? -1 : REAL(epoll_create1)(flags);
}

int eventfd(unsigned count, int flags)
{
    return is_refused() ? -1 : REAL(eventfd)(count, flags);
}

int pipe2(int ends[2], int flags)
{
    return is_refused() ? -1 : REAL(pipe2)(ends, flags);
}

int socketpair(int family, int type, int protocol, int ends[2])
{
    if (is_refused())
        return -1;
    int result = REAL(socketpair)(family, type, protocol, ends);
    for (int i = 0; result == 0 && machine_is_on() && i < 2; i++)
        fd_set_kind(ends[i], FD_HELPER);
    return result;
}

int close(int fd)
{
    if (!machine_is_on())
        return (int)machine_call(SYS_close, fd);
    enum fd_kind kind = fd_kind(fd);
    fd_set_kind(fd, FD_OTHER);
    if (kind == FD_NET) {
        net_close(fd);
        return 0;
    }
    if (kind == FD_FILE)
        files_closed(fd);
    return (int)machine_call(SYS_close, fd);
}

/* These close inside of libc: the number is free for another. */
int fclose(FILE *file)
{
    fd_set_kind(fileno(file), FD_OTHER);
    return REAL(fclose)(file);
}

int closedir(DIR *folder)
{
    fd_set_kind(dirfd(folder), FD_OTHER);
    return REAL(closedir)(folder);
}

static int duplicate(int fd, int order, long least)
{
    if (is_refused())
        return -1;
    int copy = (int)machine_call(SYS_fcntl, fd, order, least);
    if (copy >= 0 && fd_kind(fd) == FD_NET)
        net_duplicated(fd, copy);
    else if (copy >= 0)
        fd_set_kind(copy, fd_kind(fd) == FD_FILE ? FD_OTHER : fd_kind(fd));
    return copy;
}

int fcntl64(int fd, int order, ...)
{
    va_list args;
    va_start(args, order);
    long value = va_arg(args, long);
    va_end(args);
    if (machine_is_on() && (order == F_DUPFD || order == F_DUPFD_CLOEXEC))
        return duplicate(fd, order, value);
    return (int)machine_call(SYS_fcntl, fd, order, value);
}

int fcntl(int fd, int order, ...) __attribute__((alias("fcntl64")));

int dup(int fd)
{
    return machine_is_on() ? duplicate(fd, F_DUPFD, 0) : (int)machine_call(SYS_dup, fd);
}

/* --- files by name ---------------------------------------------------------------------------------------------- */

static int open_any(int folder, const char *path, int flags, mode_t mode)
{
    if (!machine_is_on())
        return (int)machine_call(SYS_openat, folder, path, flags, mode);
    if (is_refused())
        return -1;
    if (strcmp(path, "/dev/urandom") == 0 || strcmp(path, "/dev/random") == 0) {
        int fd = (int)machine_call(SYS_openat, folder, "/dev/zero", flags, mode);
        fd_set_kind(fd, FD_CHANCE);
        return fd;
    }
    return files_open(folder, path, flags, mode);
}

#define OPEN(name, folder_param, folder) \
    int name(folder_param const char *path, int flags, ...) \
    { \
        va_list args; \
        va_start(args, flags); \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0; \
        va_end(args); \
        return open_any(folder, path, flags, mode); \
    }
#define NO_PARAM
#define FOLDER_PARAM int folder,
OPEN(open, NO_PARAM, AT_FDCWD)
OPEN(open64, NO_PARAM, AT_FDCWD)
OPEN(openat, FOLDER_PARAM, folder)
OPEN(openat64, FOLDER_PARAM, folder)

static FILE *open_fake(const char *name, const void *bytes, size_t len)
{
    char path[FAKE_PATH];
    (void)snprintf(path, sizeof path, "%s/fake-%s", MACHINE->folder, name);
    int fd = (int)machine_call(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    MACHINE_MUST(fd >= 0 && machine_call(SYS_write, fd, bytes, len) == (long)len);
    (void)machine_call(SYS_close, fd);
    return REAL(fopen64)(path, "re");
}

static FILE *open_chance(void)
{
    unsigned char bytes[CHANCE_BYTES];
    time_fill_random(bytes, sizeof bytes);
    return open_fake("urandom", bytes, sizeof bytes);
}

/* Of the machine the server sees what the simulation says. */
FILE *fopen64(const char *restrict path, const char *restrict mode)
{
    static const char resolver[] = "nameserver " SIM_DNS_HOST "\n",
                      hosts[] = "127.0.0.1 localhost\n", order[] = "hosts: files dns\n";
    char boot[64];
    if (!machine_is_on())
        return REAL(fopen64)(path, mode);
    if (is_refused())
        return NULL;
    if (strcmp(path, "/dev/urandom") == 0)
        return open_chance();
    if (strcmp(path, "/etc/resolv.conf") == 0)
        return open_fake("resolv.conf", resolver, sizeof resolver - 1);
    if (strcmp(path, "/etc/hosts") == 0)
        return open_fake("hosts", hosts, sizeof hosts - 1);
    if (strcmp(path, "/etc/nsswitch.conf") == 0)
        return open_fake("nsswitch.conf", order, sizeof order - 1);
    if (strcmp(path, "/proc/sys/kernel/random/boot_id") == 0) {
        (void)snprintf(boot, sizeof boot, "00000000-0000-4000-8000-%012llx\n",
                       (unsigned long long)MACHINE->boot_us);
        return open_fake("boot_id", boot, strlen(boot));
    }
    return REAL(fopen64)(path, mode);
}

FILE *fopen(const char *restrict path, const char *restrict mode) __attribute__((alias("fopen64")));

/* --- reading and writing ------------------------------------------------------------------------------------------ */

static ssize_t read_any(int fd, void *out, size_t len, int64_t offset)
{
    switch (fd_kind(fd)) {
    case FD_CHANCE: time_fill_random(out, len); return (ssize_t)len;
    case FD_NET: {
        struct iovec piece = { out, len };
        return net_receive(fd, &(struct msghdr){ .msg_iov = &piece, .msg_iovlen = 1 }, 0);
    }
    case FD_FILE: return files_read(fd, out, len, offset);
    case FD_OTHER:
    case FD_HELPER:
    default:
        return offset < 0 ? machine_call(SYS_read, fd, out, len)
                          : machine_call(SYS_pread64, fd, out, len, offset);
    }
}

ssize_t read(int fd, void *out, size_t len)
{
    return machine_is_on() ? read_any(fd, out, len, -1) : machine_call(SYS_read, fd, out, len);
}

ssize_t pread(int fd, void *out, size_t len, off_t offset)
{
    return machine_is_on() ? read_any(fd, out, len, offset)
                           : machine_call(SYS_pread64, fd, out, len, offset);
}

ssize_t pread64(int fd, void *out, size_t len, off64_t offset) __attribute__((alias("pread")));

/* But for the folder's name, so that runs in two folders can be compared. */
static void trace_log(const char *text, size_t len)
{
    size_t folder = strlen(MACHINE->folder);
    const char *at;
    while ((at = memmem(text, len, MACHINE->folder, folder)) != NULL) {
        machine_trace_bytes(text, (size_t)(at - text));
        len -= (size_t)(at - text) + folder;
        text = at + folder;
    }
    machine_trace_bytes(text, len);
}

static void tell_log(const char *text, size_t len)
{
    const char *end;
    trace_log(text, len);
    sched_enter();
    while ((end = memchr(text, '\n', len)) != NULL) {
        world_log_line(text, (size_t)(end - text));
        len -= (size_t)(end + 1 - text);
        text = end + 1;
    }
    sched_leave();
}

static ssize_t write_any(int fd, const void *bytes, size_t len, int64_t offset)
{
    if (fd_kind(fd) == FD_NET) {
        struct iovec piece = { (void *)(uintptr_t)bytes, len };
        return net_transmit(fd, &(struct msghdr){ .msg_iov = &piece, .msg_iovlen = 1 }, 0);
    }
    if (fd_kind(fd) == FD_FILE)
        return files_write(fd, bytes, len, offset);
    ssize_t n = offset < 0 ? machine_call(SYS_write, fd, bytes, len)
                           : machine_call(SYS_pwrite64, fd, bytes, len, offset);
    if (fd == STDERR_FILENO)
        tell_log(bytes, len);
    return n;
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    return machine_is_on() ? write_any(fd, bytes, len, -1)
                           : machine_call(SYS_write, fd, bytes, len);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    return machine_is_on() ? write_any(fd, bytes, len, offset)
                           : machine_call(SYS_pwrite64, fd, bytes, len, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t offset)
    __attribute__((alias("pwrite")));

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    if (!machine_is_on() || fd_kind(fd) == FD_OTHER || fd_kind(fd) == FD_HELPER)
        return machine_call(SYS_writev, fd, pieces, count);
    if (fd_kind(fd) == FD_NET) {
        struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)pieces,
                              .msg_iovlen = (size_t)count };
        return net_transmit(fd, &msg, 0);
    }
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        ssize_t n = files_write(fd, pieces[i].iov_base, pieces[i].iov_len, -1);
        if (n < 0)
            return total > 0 ? total : -1;
        total += n;
        if ((size_t)n < pieces[i].iov_len)
            break;
    }
    return total;
}

/* --- waiting --------------------------------------------------------------------------------------------------------- */

static int64_t end_of_wait(int timeout_ms)
{
    return timeout_ms < 0 ? SIM_FOREVER : MACHINE->now_us + timeout_ms * SIM_MS;
}

int epoll_pwait(int epoll, struct epoll_event *events, int most, int timeout_ms,
                const sigset_t *set)
{
    if (!machine_is_on())
        return REAL(epoll_pwait)(epoll, events, most, timeout_ms, set);
    int64_t until_us = end_of_wait(timeout_ms);
    struct pollfd poll = { .fd = epoll, .events = POLLIN };
    sched_point(MACHINE->preempt_once_in);
    for (;;) {
        int n = REAL(epoll_wait)(epoll, events, most, 0);
        if (n != 0 || MACHINE->now_us >= until_us)
            return n;
        (void)sched_block_fds("events", &poll, 1, until_us);
    }
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout_ms)
{
    return epoll_pwait(epoll, events, most, timeout_ms, NULL);
}

int epoll_ctl(int epoll, int order, int fd, struct epoll_event *event)
{
    if (machine_is_on() && order == EPOLL_CTL_ADD) {
        int error = fault_strikes(SIM_NO_MEMORY, 0, "");
        if (error != 0) {
            errno = error;
            return -1;
        }
    }
    return REAL(epoll_ctl)(epoll, order, fd, event);
}

static bool is_helpers(const struct pollfd *polls, nfds_t count)
{
    bool are_helpers = count > 0;
    for (nfds_t i = 0; i < count; i++)
        are_helpers = are_helpers && fd_kind(polls[i].fd) == FD_HELPER;
    return are_helpers;
}

int poll(struct pollfd *polls, nfds_t count, int timeout_ms)
{
    if (!machine_is_on())
        return REAL(poll)(polls, count, timeout_ms);
    if (is_helpers(polls, count)) /* it answers, or the run is no good */
        return REAL(poll)(polls, count, timeout_ms == 0 ? 0 : PATIENCE_MS);
    int64_t until_us = end_of_wait(timeout_ms);
    sched_point(MACHINE->preempt_once_in);
    for (;;) {
        int n = REAL(poll)(polls, count, 0);
        if (n != 0 || MACHINE->now_us >= until_us)
            return n;
        (void)sched_block_fds("a poll", polls, count, until_us);
    }
}
