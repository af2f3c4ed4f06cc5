/* SPDX-License-Identifier: Apache-2.0
 *
 * Attempts.
 */
#pragma once

#include "store/postgres/postgres_priv.h"

/* As the row of struct store_backend says (store/backend.h). */
MUST_USE enum rc store_postgres_attempt_list(struct store *store, const struct store_attempt_filter *f, const struct store_page *page, struct arena *a, struct store_attempt_row *out, struct store_page_end *end);
MUST_USE enum rc store_postgres_attempt_get(struct store *store, int64_t app, const struct id *message, const struct id *attempt, struct arena *a, struct store_attempt_row *out);
