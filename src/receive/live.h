/* SPDX-License-Identifier: Apache-2.0
 *
 * The hooks that count now, from one file or several. They are read anew as a whole, or not at all: a file
 * that is wrong changes nothing. A request keeps the hooks it began with until it gives them back.
 */
#pragma once

#include "base/base.h"
#include "receive/hooks.h"

enum { RECEIVE_FILES_MAX = 16 };

struct receive_stamp {
    int64_t changed_ns;
    uint64_t inode, size;
};

struct receive_live {
    struct mutex mutex; /* of `now` and its users */
    struct receive_hooks *now;
    const char *files[RECEIVE_FILES_MAX]; /* borrowed */
    size_t file_count;
    struct receive_stamp stamps[RECEIVE_FILES_MAX]; /* as the files were read; the reloader's */
};

/* Reads the files that `files` and `file_count` of the live (else zeroed) name. RC_INVALID: `why` (may be NULL) says
 * which file, where and what. Finish it in either case. */
MUST_USE enum rc receive_live_init(struct receive_live *live, struct buf *why);
/* Nobody uses its hooks any more. */
void receive_live_fini(struct receive_live *live);
/* Reads them again. RC_INVALID: `why`; the hooks are as before. One thread at a time. */
MUST_USE enum rc receive_live_reload(struct receive_live *live, struct buf *why);
/* Is a file another than the one that was read (or tried) last? The reloader's thread. */
bool receive_live_is_stale(const struct receive_live *live);

/* Any thread; every take is given back. */
const struct receive_hooks *receive_live_take(struct receive_live *live);
void receive_live_give(struct receive_live *live, const struct receive_hooks *hooks);
