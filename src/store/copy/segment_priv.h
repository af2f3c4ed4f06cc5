/* SPDX-License-Identifier: Apache-2.0
 *
 * What a segment of each kind of store comes to, and how its deliveries stand.
 */
#pragma once

#include "store/copy/digest_priv.h"
#include "store/copy/folder_priv.h"

MUST_USE enum rc store_copy_file_digest(const struct copy_side *file, struct copy_digest *out);
MUST_USE enum rc store_copy_partitions_digest(const struct copy_side *server, int64_t n, const struct copy_segment *seg,
                                              struct copy_digest *out);
/* Adds one segment of that. */
void store_copy_count(const struct copy_digest *d, struct store_copy_counts *out);

/* SQL for the partitions of a segment, in a text for xfree(): `#` stands for its number, `[` and `]` for its
 * first_k and end_k. */
char *store_copy_sql(const char *text, int64_t n, const struct copy_segment *seg);

/* For store_copy_sql(): deliveries as a file has them: message, endpoint, application, state, due or NULL, attempts, last attempt's time, trigger, reason, retry_at,
 * asked, ahead, task. */
extern const char store_copy_partitions_deliveries[];
#define COPY_DELIVERY_COLUMNS \
    "msg, endpoint, app, state, due, attempts, last_at, trigger, reason, retry_at, asked, ahead, task"
