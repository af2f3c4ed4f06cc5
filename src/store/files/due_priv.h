/* SPDX-License-Identifier: Apache-2.0
 *
 * What is due, read from the segments.
 */
#pragma once

#include "store/files/files_priv.h"

/* As the row of struct store_backend says (store/backend.h). */
MUST_USE enum rc store_files_due_endpoints(struct store *store, struct arena *a, struct store_due_endpoint **out, size_t *count);
MUST_USE enum rc store_files_due_count(struct store *store, int64_t endpoint, size_t max, size_t *count, int64_t *oldest_us);
MUST_USE enum rc store_files_due_list(struct store *store, int64_t endpoint, int64_t after_due_us, const struct id *after_message, size_t max, struct store_due *out, size_t *count);

/* At the start after another boot, before the store thread: retries that were due while the machine was off, by the wall
 * clock, are due now. Once a boot and a retry, so a clock that is wrong makes each early once, and no other.  What cannot
 * be written stays late. */
void store_due_after_boot(struct store_files *s);
