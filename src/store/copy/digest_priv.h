/* SPDX-License-Identifier: Apache-2.0
 *
 * What a segment comes to: how many rows of each sort, and one number that all of them make. The rows are the same whichever kind of
 * store they are read from, and their order does not matter, so two segments that hold the same have the same digest.
 */
#pragma once

#include "store/copy/rows_priv.h"

enum copy_sort { COPY_MESSAGES, COPY_DELIVERIES, COPY_ATTEMPTS, COPY_REQUESTS, COPY_RUNS, COPY_SORTS };

struct copy_digest {
    int64_t rows[COPY_SORTS];
    int64_t waiting; /* deliveries that are pending */
    uint64_t sum;
};

/* SELECTs of each sort. Messages: key, rest of the id, application, time made, payload's length or -1, destinations. Deliveries: message,
 * endpoint, state, when due or NULL, attempts, reason of the end. Attempts: message, endpoint, key, rest of the id, number, state after,
 * time. Requests and runs: key, rest of the id, source or application, time. */
struct copy_digest_sql {
    const char *of[COPY_SORTS];
};

MUST_USE enum rc store_copy_digest(const struct copy_side *side, const struct copy_digest_sql *sql, struct copy_digest *out);
bool store_copy_digest_eq(const struct copy_digest *a, const struct copy_digest *b);
/* Says how they differ. */
void store_copy_digest_say(const struct copy_digest *source, const struct copy_digest *target, struct buf *why);
