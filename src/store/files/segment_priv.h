/* SPDX-License-Identifier: Apache-2.0
 *
 * One segment: its file, its writer and its transaction.
 */
#pragma once

#include "store/files/files_priv.h"

/* Opens the file, migrates it, reads its stretches and counts. A missing one is made: under another name, so
 * that it appears whole or not at all. RC_CORRUPT, RC_IO, RC_LIMIT: nothing that matters is left behind. */
MUST_USE enum rc store_segment_open(struct store_files *s, int64_t start, struct store_segment **out,
                                    struct buf *why);
struct store_segment *store_segment_ref(struct store_segment *seg);
void store_segment_unref(struct store_segment *seg); /* NULL is fine; the last one closes */
/* Is there nothing in the segment of that name? Only for files that nobody has open. */
bool store_segment_is_blank(const struct store_files *s, int64_t start);
/* Removes a blank one. What cannot be removed is found again at the next start. */
void store_segment_clear(const struct store_files *s, int64_t start);
/* After its file may have been synced: logs that it could not, once. */
void store_segment_note_sync(struct store_segment *seg);

/* Store thread: makes sure that the segment has a writer and an open transaction. */
MUST_USE enum rc store_segment_begin(struct store_segment *seg);
/* Ends the transaction; the counts become visible. */
MUST_USE enum rc store_segment_commit(struct store_segment *seg);
/* What a failed commit left in the log is whole there if only its sync failed, and would be found at the next start
 * although it was refused. The next commit writes over it; where none follows, this does. Store thread. */
void store_segment_overwrite_refused(struct store_segment *seg);
/* The segment is not the newest any more. */
void store_segment_age(struct store_segment *seg);
MUST_USE enum rc store_segment_connect(struct store_segment *seg, struct buf *why);

/* Store thread, in a transaction: a row of that key shows that time. */
void store_segment_note_shown(struct store_segment *seg, int64_t key, int64_t shown_us);


/* What a failed statement means for the group: all but a conflict or an absence fails its transaction. */
MUST_USE enum rc store_settle(struct store_segment *seg, enum rc rc);
