/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of the store.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "machine_priv.h"

void files_start(void) {}

int files_open(int folder, const char *path, int flags, mode_t mode)
{
    return (int)machine_call(SYS_openat, folder, path, flags, mode);
}

ssize_t files_write(int fd, const void *bytes, size_t len, int64_t offset)
{
    return offset < 0 ? machine_call(SYS_write, fd, bytes, len)
                      : machine_call(SYS_pwrite64, fd, bytes, len, offset);
}

ssize_t files_read(int fd, void *out, size_t len, int64_t offset)
{
    return offset < 0 ? machine_call(SYS_read, fd, out, len)
                      : machine_call(SYS_pread64, fd, out, len, offset);
}

void files_closed(int fd)
{
    (void)fd;
}

void files_cut(void) {}

int fsync(int fd)
{
    (void)fd;
    if (machine_is_on())
        sim_sleep(200 + (int64_t)sim_dice(SIM_DISK, 3800));
    return 0;
}

int fdatasync(int fd) __attribute__((alias("fsync")));
