/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of segments. A message belongs to the last segment that starts at or before its key, or to the first.
 */
#pragma once

#include "store/files/files_priv.h"

/* Opens every segment of the folder, and makes a first one. */
MUST_USE enum rc store_segments_load(struct store_files *s, struct buf *why);
void store_segments_free(struct store_files *s);

/* Store thread: the segment of a key, borrowed. */
struct store_segment *store_segment_of(struct store_files *s, int64_t k);
/* Store thread: appends a segment that starts after everything there is. */
MUST_USE enum rc store_segment_roll(struct store_files *s);
/* Store thread: takes a segment off the list; its files are removed when nobody reads them any more. */
void store_segment_remove(struct store_files *s, struct store_segment *seg);

/* Any thread: the list as it is now, oldest first, each with a reference. */
struct store_segment_list {
    struct store_segment **at;
    size_t count;
};
struct store_segment_list store_segment_list_get(struct store_files *s);
void store_segment_list_free(struct store_segment_list *list);
/* Any thread: the segment of a key, with a reference. */
struct store_segment *store_segment_find(struct store_files *s, int64_t k);

/* "<16 hex digits><ending>": the start of the segment that a file belongs to. False: it is no such name. `ending` is borrowed. */
bool store_segment_name_read(const char *name, int64_t *start, struct str *ending);

/* Closes writers that were not used for longest, down to a few. Not within a transaction. */
void store_segment_trim_writers(struct store_files *s);
