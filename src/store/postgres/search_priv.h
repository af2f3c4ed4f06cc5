/* SPDX-License-Identifier: Apache-2.0
 *
 * Searching deliveries.
 */
#pragma once

#include "store/postgres/postgres_priv.h"

/* As the row of struct store_backend says (store/backend.h). */
MUST_USE enum rc store_postgres_delivery_search(struct store *store, const struct store_delivery_search *f, struct arena *a, struct store_delivery_found *out, size_t max, struct store_delivery_search_end *end);
