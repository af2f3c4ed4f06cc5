/* SPDX-License-Identifier: Apache-2.0
 *
 * A counted snapshot behind a mutex, which is held for a pointer and a number only.
 */
#include "receive/live.h"

#include "receive/hooks_priv.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static struct receive_stamp stamp_of(const char *file)
{
    struct stat is;

    if (stat(file, &is) != 0)
        return (struct receive_stamp){ 0 };
    return (struct receive_stamp){ .changed_ns =
                                       (int64_t)is.st_mtim.tv_sec * 1000000000 + is.st_mtim.tv_nsec,
                                   .inode = is.st_ino,
                                   .size = (uint64_t)is.st_size };
}

/* NULL: it cannot be read, or is too large. */
static char *read_file(const char *file, size_t *len)
{
    struct stat is;
    char *text = NULL;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t n = -1;

    if (fd >= 0 && fstat(fd, &is) == 0 && is.st_size <= RECEIVE_HOOKS_TEXT_MAX) {
        text = xmalloc((size_t)is.st_size + 1);
        n = read(fd, text, (size_t)is.st_size);
    }
    if (fd >= 0)
        (void)close(fd);
    if (n < 0) {
        xfree(text);
        return NULL;
    }
    *len = (size_t)n;
    return text;
}

static enum rc add_file(struct receive_hooks *hooks, const char *file, struct buf *why)
{
    size_t len = 0;
    char *text = read_file(file, &len);

    buf_say(why, "%s: ", file);
    if (text == NULL) {
        buf_say(why, "cannot be read, or is larger than %d bytes", RECEIVE_HOOKS_TEXT_MAX);
        return RC_INVALID;
    }
    enum rc rc = receive_hooks_add(hooks, str_of(text, len), why);
    if (rc == RC_OK && why != NULL)
        buf_reset(why);
    mem_wipe(text, len); /* it holds secrets */
    xfree(text);
    return rc;
}

static void live_drop(struct receive_hooks *hooks)
{
    if (hooks != NULL && --hooks->users == 0)
        receive_hooks_free(hooks);
}

enum rc receive_live_reload(struct receive_live *live, struct buf *why)
{
    struct receive_hooks *made = receive_hooks_new();
    enum rc rc = RC_OK;

    for (size_t i = 0; i < live->file_count; i++) {
        live->stamps[i] = stamp_of(live->files[i]);
        if (rc == RC_OK)
            rc = add_file(made, live->files[i], why);
    }
    if (rc != RC_OK) {
        receive_hooks_free(made);
        return rc;
    }
    made->users = 1;
    mutex_lock(&live->mutex);
    struct receive_hooks *before = live->now;
    live->now = made;
    live_drop(before);
    mutex_unlock(&live->mutex);
    return RC_OK;
}

enum rc receive_live_init(struct receive_live *live, struct buf *why)
{
    mutex_init(&live->mutex);
    return receive_live_reload(live, why);
}

void receive_live_fini(struct receive_live *live)
{
    live_drop(live->now);
    live->now = NULL;
    mutex_fini(&live->mutex);
}

bool receive_live_is_stale(const struct receive_live *live)
{
    for (size_t i = 0; i < live->file_count; i++) {
        struct receive_stamp now = stamp_of(live->files[i]);
        const struct receive_stamp *then = &live->stamps[i];
        if (now.changed_ns != then->changed_ns || now.inode != then->inode ||
            now.size != then->size)
            return true;
    }
    return false;
}

const struct receive_hooks *receive_live_take(struct receive_live *live)
{
    mutex_lock(&live->mutex);
    struct receive_hooks *hooks = live->now;
    hooks->users++;
    mutex_unlock(&live->mutex);
    return hooks;
}

void receive_live_give(struct receive_live *live, const struct receive_hooks *hooks)
{
    mutex_lock(&live->mutex);
    live_drop((struct receive_hooks *)(uintptr_t)hooks); /* ours; const for those who use it */
    mutex_unlock(&live->mutex);
}
