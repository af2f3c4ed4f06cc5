/* SPDX-License-Identifier: Apache-2.0
 *
 * Stretches: runs of some thousand keys in a segment, which every index of it starts with.
 */
#pragma once

#include "store/files/files_priv.h"

/* Store thread, in a transaction: the stretch to write a new row of that key into, counting it. */
int64_t store_stretch_take(struct store_segment *seg, enum store_stretch_kind kind, int64_t key,
                           int64_t rows);
/* The greatest key of a message or a request; 0: there is none. */
int64_t store_segment_last_key(const struct store_segment *seg);
/* ... or of an attempt. */
int64_t store_segment_newest_key(const struct store_segment *seg);
/* The stretch an existing key is in. Store thread. */
int64_t store_stretch_of(const struct store_segment *seg, enum store_stretch_kind kind,
                         int64_t key);

MUST_USE enum rc store_stretches_load(struct store_segment *seg);
MUST_USE enum rc store_stretches_save(
    struct store_segment *seg);                        /* in a transaction: what the file lacks */
void store_stretches_saved(struct store_segment *seg); /* ... which was committed */

/* Any thread: a copy of the first keys, in the arena. */
struct store_stretch_list {
    const int64_t *first;
    size_t count;
};
struct store_stretch_list store_stretch_list_get(struct store_segment *seg,
                                                 enum store_stretch_kind kind, struct arena *a);
size_t store_stretch_count(struct store_segment *seg, enum store_stretch_kind kind);
size_t store_stretch_find(const struct store_stretch_list *list, int64_t key);
