/* SPDX-License-Identifier: Apache-2.0
 *
 * Copying a store from files to PostgreSQL and back, while no server has either of them open. Everything goes along: what is
 * configured, with its numbers; messages, deliveries, attempts, requests and filter runs under their ids; and the
 * idempotency keys and event ids that are still remembered. What is sealed is copied as it is: both stores have the same main secret.
 *
 * It goes segment by segment. Each is there whole, and has been read back and compared with the source, or it is not there at all. So a
 * copy that was cut off goes on with the segment that it had not finished, when it is started again. Until all of it is there no server
 * opens the target. The source is not changed.
 */
#pragma once

#include "base/base.h"

struct db;

/* What there is in a store or a segment of it. */
struct store_copy_counts {
    int64_t segments, messages, deliveries, waiting, attempts, requests, filter_runs;
    int64_t keys; /* remembered idempotency keys and event ids, as far as they are copied */
    int64_t rows; /* of what is configured, the audit log among it */
};

struct store_copy_options {
    const char *from, *to; /* one is a folder, the other a URL of PostgreSQL */
    const struct clock *clock;
    int64_t idempotency_us; /* keys of messages that are older are not remembered any more */
    bool is_dry;            /* only counts what is in the source; looks at nothing else */
    bool no_sync;           /* tests only: skip fsync */
    /* Asked before anything is written, with a connection to what is configured in the source: can its secrets be
     * opened? Any rc but RC_OK ends it. NULL: not asked. */
    enum rc (*check)(void *ctx, struct db *config, struct buf *why);
    /* After each segment: how many are done of how many, and what was in this one. `was_there`: an earlier run had
     * copied it. NULL: nobody is told. */
    void (*progress)(void *ctx, int64_t done, int64_t of, bool was_there, const struct store_copy_counts *segment);
    /* Called once all of it is there, and before a server may open it: copies what others keep in the same places. It may be
     * called again by a later run. NULL: nobody does. */
    enum rc (*beside)(void *ctx, struct buf *why);
    void *ctx;
};

/* Is it a URL of PostgreSQL, and not a folder? */
bool store_is_url(const char *text);

/* Blocks for as long as it takes; not a loop thread. *out: what was copied by this run, or would be. RC_INVALID: not a
 * folder and a URL. RC_NOT_FOUND: there is no store. RC_BUSY: somebody has one of them open. RC_CONFLICT: something else is in the
 * target. RC_CORRUPT: what was read back differs, or the source is damaged or of another version. RC_DENIED, RC_IO, RC_LIMIT. `why`
 * says what to do. */
MUST_USE enum rc store_copy(const struct store_copy_options *o, struct store_copy_counts *out, struct buf *why);
