/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum { WRITE_CHUNK = 1 << 20 };

enum rc file_rc(int error)
{
    return error == ENOSPC || error == EDQUOT || error == EFBIG ? RC_LIMIT : RC_IO;
}

enum rc file_write(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        ssize_t n = write(fd, at, len < WRITE_CHUNK ? len : WRITE_CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = EIO;
        if (n <= 0)
            return file_rc(errno);
        at += n;
        len -= (size_t)n;
    }
    return RC_OK;
}

/* --- folders ---------------------------------------------------------------------------------------- */

/* Some network and user-space file systems know no sync of folders. */
static bool is_unsupported(int error)
{
    return error == EINVAL || error == ENOSYS || error == ENOTSUP;
}

enum rc file_sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return RC_IO;
    enum rc rc = fsync(fd) == 0 || is_unsupported(errno) ? RC_OK : file_rc(errno);
    int error = errno;
    (void)close(fd); /* nothing was written through it */
    errno = error;
    return rc;
}

enum rc file_sync_parent(const char *path)
{
    char *folder = xstrdup(path);
    size_t len = strlen(folder);
    while (len > 1 && folder[len - 1] == '/')
        len--;
    while (len > 0 && folder[len - 1] != '/')
        len--;
    while (len > 1 && folder[len - 1] == '/')
        len--;
    folder[len] = '\0';
    enum rc rc = file_sync_folder(len == 0 ? "." : folder);
    int error = errno;
    xfree(folder);
    errno = error;
    return rc;
}

/* --- files ------------------------------------------------------------------------------------------ */

enum rc file_rename(const char *from, const char *to, bool no_sync)
{
    if (rename(from, to) != 0)
        return file_rc(errno);
    return no_sync ? RC_OK : file_sync_parent(to);
}

static enum rc write_parts(const char *path, const struct str *parts, size_t count, bool no_sync)
{
    enum rc rc = RC_OK;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return file_rc(errno);
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        rc = file_write(fd, parts[i].ptr, parts[i].len);
    if (rc == RC_OK && !no_sync && fsync(fd) != 0)
        rc = file_rc(errno);
    int error = errno;
    if (close(fd) != 0 && rc == RC_OK)
        return file_rc(errno);
    errno = error;
    return rc;
}

enum rc file_replace(const char *path, const struct str *parts, size_t count, bool no_sync)
{
    size_t size = strlen(path) + sizeof ".new";
    char *fresh = xcalloc(1, size);
    (void)snprintf(fresh, size, "%s.new", path);
    enum rc rc = write_parts(fresh, parts, count, no_sync);
    if (rc == RC_OK)
        rc = file_rename(fresh, path, no_sync);
    int error = errno;
    if (rc != RC_OK)
        (void)unlink(fresh); /* what stays is overwritten the next time */
    xfree(fresh);
    errno = error;
    return rc;
}
