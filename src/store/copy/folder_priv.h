/* SPDX-License-Identifier: Apache-2.0
 *
 * The folder of a copy: a store of files that is read, or one that is made.
 */
#pragma once

#include "store/copy/rows_priv.h"
#include "store/copy.h"

enum { COPY_IDENTITY_MAX = 64 };

/* A segment, whichever kind of store it is in: a file, or partitions. */
struct copy_segment {
    int64_t start;          /* what a file is named by; the number of partitions */
    int64_t first_k, end_k; /* every message, request and run in it: first_k <= k < end_k */
};
struct copy_segments {
    struct copy_segment *at; /* ascending; owned */
    size_t count;
};

struct copy_folder {
    const struct store_copy_options *o;
    const char *dir;
    struct buf *why;
    int lock_fd;
};

/* Locks it. RC_NOT_FOUND: there is no store in it; RC_BUSY. store_copy_folder_close() in any case. */
MUST_USE enum rc store_copy_folder_open(struct copy_folder *f);
/* Makes and locks one that is empty, or that an earlier run of the same copy has begun. RC_CONFLICT: neither. *is_done: that run had finished. */
MUST_USE enum rc store_copy_folder_make(struct copy_folder *f, const char *identity, bool *is_done);
void store_copy_folder_close(struct copy_folder *f);

/* Tells one store from another. */
MUST_USE enum rc store_copy_folder_identity(struct copy_folder *f, char out[static COPY_IDENTITY_MAX]);

/* Connections for db_close(). RC_CORRUPT: of another version. */
MUST_USE enum rc store_copy_folder_config(struct copy_folder *f, struct db **out);
MUST_USE enum rc store_copy_folder_segment(struct copy_folder *f, int64_t start, struct db **out);
/* Those that hold anything. xfree() the list. */
MUST_USE enum rc store_copy_folder_segments(struct copy_folder *f, struct copy_segments *out);

/* A file is made under another name (RC_CONFLICT: it is there) and gets its own when it is whole. `start` -1: config.db. */
MUST_USE enum rc store_copy_folder_begin(struct copy_folder *f, int64_t start, struct db **out);
MUST_USE enum rc store_copy_folder_keep(struct copy_folder *f, int64_t start, struct db *db); /* closes it */
/* All is there: from now on a server opens it. */
MUST_USE enum rc store_copy_folder_finish(struct copy_folder *f);
