/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests to sources.
 */
#pragma once

#include "store/postgres/postgres_priv.h"

/* As the row of struct store_backend says (store/backend.h). */
MUST_USE enum rc store_postgres_request_get(struct store *store, int64_t source, const struct id *id, struct arena *a, struct store_request *out);
MUST_USE enum rc store_postgres_request_list(struct store *store, const struct store_request_filter *f, const struct store_page *page, struct arena *a, struct store_request *out, struct store_page_end *end);
MUST_USE enum rc store_postgres_request_refused(struct store *store, int64_t source, int64_t since_us, struct arena *a, struct store_refused *out);
