/* SPDX-License-Identifier: Apache-2.0
 *
 * The file is opened for each line: rotating it (by us or anybody) needs no signal.
 */
#include "receive/history.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 65536, TRIES_MAX = 10 };

static void history_add_text(struct buf *out, const char *name, struct str value)
{
    if (value.len == 0)
        return;
    buf_say(out, ",\"%s\":", name);
    receive_say_json(out, value); /* texts are cut to fit before */
}

static void write_line(struct buf *out, const struct receive_record *r)
{
    char at[TIME_TEXT_LEN + 1], begun[TIME_TEXT_LEN + 1];
    struct buf words;

    time_format(r->received_us, at);
    time_format(r->begun_us, begun);
    buf_say(out, "{\"receivedAt\":\"%s\",\"begunAt\":\"%s\",\"tookMs\":%lld", at, begun,
            (long long)(r->ran->took_us / 1000));
    history_add_text(out, "hook", str_cut_utf8(r->hook, RECEIVE_HISTORY_OUTPUT_MAX));
    history_add_text(out, "id", str_cut_utf8(r->id, RECEIVE_HISTORY_OUTPUT_MAX));
    history_add_text(out, "type", str_cut_utf8(r->type, RECEIVE_HISTORY_OUTPUT_MAX));
    history_add_text(out, "peer", r->peer);
    buf_init(&words, 256);
    receive_ran_say(r->ran, &words);
    history_add_text(out, "result", buf_str(&words));
    buf_fini(&words);
    if (str_is_utf8(r->output))
        history_add_text(out, "output", str_cut_utf8(r->output, RECEIVE_HISTORY_OUTPUT_MAX));
    buf_say(out, "}\n");
}

/* Open and locked, and still the file of that name; -1: it cannot be had. */
static int open_locked(const char *file, off_t *size)
{
    for (int i = 0; i < TRIES_MAX; i++) {
        struct stat ours, named;
        int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd < 0)
            return -1;
        if (flock(fd, LOCK_EX) == 0 && fstat(fd, &ours) == 0 && stat(file, &named) == 0 &&
            ours.st_ino == named.st_ino && ours.st_dev == named.st_dev) {
            *size = ours.st_size;
            return fd;
        }
        (void)close(fd);
    }
    return -1;
}

enum rc receive_history_add(const char *file, const struct receive_record *record)
{
    struct buf line;
    off_t size = 0;
    int fd = open_locked(file, &size);

    if (fd >= 0 && size > RECEIVE_HISTORY_MAX) {
        char *old = xmalloc(strlen(file) + 3);
        (void)snprintf(old, strlen(file) + 3, "%s.1", file);
        bool moved = rename(file, old) == 0;
        xfree(old);
        (void)close(fd);
        fd = moved ? open_locked(file, &size) : -1;
    }
    if (fd < 0)
        return RC_IO;
    buf_init(&line, LINE_MAX_BYTES);
    write_line(&line, record);
    bool ok = write(fd, line.ptr, line.len) == (ssize_t)line.len;
    buf_fini(&line);
    return close(fd) == 0 && ok ? RC_OK : RC_IO;
}
