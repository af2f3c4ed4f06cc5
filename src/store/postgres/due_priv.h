/* SPDX-License-Identifier: Apache-2.0
 *
 * What is due: the rows of `waiting` and the young together.
 */
#pragma once

#include "store/postgres/postgres_priv.h"

/* As the row of struct store_backend says (store/backend.h). */
MUST_USE enum rc store_postgres_due_endpoints(struct store *store, struct arena *a, struct store_due_endpoint **out, size_t *count);
MUST_USE enum rc store_postgres_due_count(struct store *store, int64_t endpoint, size_t max, size_t *count, int64_t *oldest_us);
MUST_USE enum rc store_postgres_due_list(struct store *store, int64_t endpoint, int64_t after_due_us, const struct id *after_message,
                                         size_t max, struct store_due *out, size_t *count);
