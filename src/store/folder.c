/* SPDX-License-Identifier: Apache-2.0
 *
 * The folder that one process has: made, locked, and with a note of who has it.
 */
#include "store/folder_priv.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum rc store_folder_make(const char *path, bool no_sync, struct buf *why)
{
    struct stat st;
    if (mkdir(path, 0700) == 0) {
        enum rc rc = no_sync ? RC_OK : file_sync_parent(path);
        if (rc != RC_OK)
            buf_say(why, "%s: cannot make the folder durable: %s", path, strerror(errno));
        return rc;
    }
    if (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return RC_OK;
    int error = errno;
    buf_say(why, "%s: cannot make the folder: %s", path, strerror(error));
    if (error == EACCES || error == EROFS || error == ENOENT)
        buf_say(why, "; make it and let the server's user own it, or set another store.dir");
    return error == ENOSPC ? RC_LIMIT : RC_IO;
}

static const char *const holder_notes[] = { [STORE_HOLDER_UNKNOWN] = "",
                                            [STORE_HOLDER_COMMAND] = "command\n",
                                            [STORE_HOLDER_SERVER] = "server\n" };

/* On a full disk there is no note: who waits for the lock does not know what for, then. */
static void note_holder(int lock_fd, enum store_holder holder)
{
    const char *note = holder_notes[holder];
    if (ftruncate(lock_fd, 0) != 0 || pwrite(lock_fd, note, strlen(note), 0) < 0)
        errno = 0;
}

enum store_holder store_holder(const char *dir)
{
    enum store_holder holder = STORE_HOLDER_UNKNOWN;
    char text[16];
    struct buf path;
    buf_init(&path, PATH_MAX);
    int fd = buf_addf(&path, "%s/lock", dir) == RC_OK ? open(path.ptr, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
    for (enum store_holder h = STORE_HOLDER_COMMAND; n > 0 && h <= STORE_HOLDER_SERVER; h++) {
        if (str_eq(str_of(text, (size_t)n), str_from(holder_notes[h])))
            holder = h;
    }
    if (fd >= 0)
        (void)close(fd); /* only read */
    buf_fini(&path);
    return holder;
}

enum rc store_folder_lock(const char *dir, bool is_server, int *fd, struct buf *why)
{
    struct buf path;
    buf_init(&path, PATH_MAX);
    *fd = buf_addf(&path, "%s/lock", dir) != RC_OK
              ? -1
              : open(path.ptr, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    buf_fini(&path);
    if (*fd < 0) {
        buf_say(why, "%s/lock: %s: the store's folder must be writable", dir, strerror(errno));
        return errno == ENOSPC ? RC_LIMIT : RC_IO;
    }
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0) {
        note_holder(*fd, is_server ? STORE_HOLDER_SERVER : STORE_HOLDER_COMMAND);
        return RC_OK;
    }
    if (errno == EWOULDBLOCK) {
        buf_say(why, "%s/lock: another process has this store open", dir);
        return RC_BUSY;
    }
    buf_say(why, "%s/lock: %s", dir, strerror(errno));
    return RC_IO;
}

enum rc store_folder_is_whole(const char *dir, struct buf *why)
{
    struct stat st;
    struct buf path;
    buf_init(&path, PATH_MAX);
    bool is_begun =
        buf_addf(&path, "%s/" STORE_COPY_MARK, dir) == RC_OK && lstat(path.ptr, &st) == 0;
    if (is_begun)
        buf_say(why,
                "%s: a copy into this folder was not finished: run \"grapnel store copy\" again as "
                "before, or remove the folder",
                path.ptr);
    buf_fini(&path);
    return is_begun ? RC_CORRUPT : RC_OK;
}
