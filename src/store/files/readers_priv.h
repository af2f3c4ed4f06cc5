/* SPDX-License-Identifier: Apache-2.0
 *
 * Read snapshots of segments.
 */
#pragma once

#include "store/files/files_priv.h"

void store_readers_init(struct store_files *s);
void store_readers_fini(struct store_files *s);
/* A read snapshot of a segment. Hold one at a time. RC_IO, RC_CORRUPT; RC_NOT_FOUND: the segment is gone. */
MUST_USE enum rc store_reader_get(struct store_segment *seg, struct store_reader **out);
void store_reader_put(struct store_files *s, struct store_reader *r); /* NULL is fine */
/* Closes what is open on a segment and idle. */
void store_readers_drop(struct store_files *s, const struct store_segment *seg);
