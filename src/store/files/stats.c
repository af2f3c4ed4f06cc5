/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/files/stats_priv.h.
 */
#include "store/files/stats_priv.h"

#include "store/files/segments_priv.h"
#include "store/key_time_priv.h"

#include <sys/stat.h>

static int64_t file_bytes(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
}

void store_files_stats(struct store *store, struct store_stats *out)
{
    struct store_files *s = store_files_of(store);
    struct store_segment_list list = store_segment_list_get(s);
    *out = (struct store_stats){ .segments = (int64_t)list.count };
    for (size_t i = 0; i < list.count; i++) {
        out->messages += atomic_load(&list.at[i]->messages);
        out->attempts += atomic_load(&list.at[i]->attempts);
        out->pending += atomic_load(&list.at[i]->pending);
        out->bytes += file_bytes(list.at[i]->path);
    }
    store_segment_list_free(&list);
    if (s->writer == NULL)
        return;
    mutex_lock(&s->queue_lock);
    out->queued = s->queue_count;
    mutex_unlock(&s->queue_lock);
}

size_t store_files_pieces(struct store *store, struct store_piece *out, size_t max)
{
    struct store_segment_list list = store_segment_list_get(store_files_of(store));
    size_t count = list.count < max ? list.count : max;
    for (size_t i = 0; i < count; i++) {
        struct store_segment *seg = list.at[list.count - 1 - i];
        out[i] = (struct store_piece){ .from_us = store_key_time_us(seg->start),
                                       .messages = atomic_load(&seg->messages),
                                       .attempts = atomic_load(&seg->attempts),
                                       .pending = atomic_load(&seg->pending),
                                       .bytes = file_bytes(seg->path) };
    }
    store_segment_list_free(&list);
    return count;
}
