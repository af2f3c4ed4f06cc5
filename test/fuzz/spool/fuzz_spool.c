/* SPDX-License-Identifier: Apache-2.0
 *
 * What a receiver reads at its start: an event of its spool, and its file of events seen before, torn
 * or of another program. The first byte says which. An event that is read is written as the same
 * bytes' worth again; of keys that were seen none is taken for new twice.
 */
#include "../../../lib/receiver.h"
#include "../fuzz.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(cond) ((cond) ? (void)0 : abort())

enum { ENTRIES = 4 };

static const int64_t now_us = INT64_C(1700000000000000);
static const int64_t window_us = INT64_C(300000000);

static bool is_same(struct grapnel_bytes a, struct grapnel_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static void check_event(const char *bytes, size_t size)
{
    char *copy = malloc(size + 1);
    CHECK(copy != NULL);
    memcpy(copy, bytes, size);
    struct gn_stored *first = gn_stored_read(copy, size);
    if (first == NULL)
        return;
    struct gn_stored *second = gn_stored_make(&first->event, &first->keys);
    CHECK(second != NULL && second->size == first->size);
    CHECK(second->keys.count == first->keys.count);
    CHECK(is_same(second->event.id, first->event.id));
    CHECK(is_same(second->event.body, first->event.body));
    CHECK(second->event.header_count == first->event.header_count);
    for (size_t i = 0; i < first->event.header_count; i++) {
        CHECK(is_same(second->event.headers[i].name, first->event.headers[i].name));
        CHECK(is_same(second->event.headers[i].value, first->event.headers[i].value));
    }
    gn_stored_free(first);
    gn_stored_free(second);
}

/* --- the file of events seen before, in a folder of this process ------------------------------------- */

static char folder_path[] = "/tmp/grapnel-fuzz-spool-XXXXXX";
static int folder_fd = -1;

static void remove_folder(void)
{
    (void)unlinkat(folder_fd, "seen", 0);
    (void)rmdir(folder_path);
}

static void make_folder(void)
{
    if (folder_fd >= 0)
        return;
    CHECK(mkdtemp(folder_path) != NULL);
    folder_fd = open(folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(folder_fd >= 0 && atexit(remove_folder) == 0);
}

static void check_keys(struct gn_replay *r, const char *bytes, size_t size)
{
    struct gn_replay_keys keys = { .count = 1 };
    memset(keys.key[0], 7, sizeof(keys.key[0]));
    if (size >= sizeof(keys.key[0]))
        memcpy(keys.key[0], bytes, sizeof(keys.key[0]));
    enum gn_replay_answer answer = gn_replay_claim(r, &keys, now_us);
    CHECK(answer == GN_REPLAY_NEW || answer == GN_REPLAY_KNOWN);
    gn_replay_settle(r, &keys, true, now_us);
    gn_replay_keep(r, &keys, now_us);
    CHECK(gn_replay_claim(r, &keys, now_us) == GN_REPLAY_KNOWN);
}

static void check_seen(const char *bytes, size_t size)
{
    make_folder();
    int fd = openat(folder_fd, "seen", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, bytes, size) == (ssize_t)size && close(fd) == 0);
    struct gn_replay *r = gn_replay_new(ENTRIES, window_us, folder_fd, now_us);
    CHECK(r != NULL);
    check_keys(r, bytes, size);
    gn_replay_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] & 1)
        check_seen((const char *)data + 1, size - 1);
    else
        check_event((const char *)data + 1, size - 1);
    return 0;
}
