/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs of filters.
 */
#pragma once

#include "store/postgres/postgres_priv.h"

/* As the row of struct store_backend says (store/backend.h). */
MUST_USE enum rc store_postgres_filter_run_get(struct store *store, int64_t app, const struct id *id, struct arena *a, struct store_filter_run *out);
MUST_USE enum rc store_postgres_filter_run_list(struct store *store, const struct store_filter_run_filter *f, const struct store_page *page, struct arena *a, struct store_filter_run *out, struct store_page_end *end);
