/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers of deliveries, and of what is in the segments.
 */
#pragma once

#include "store/postgres/postgres_priv.h"

/* As the row of struct store_backend says (store/backend.h). */
MUST_USE enum rc store_postgres_delivery_counts(struct store *store, int64_t app, int64_t endpoint, int64_t since_us, int64_t until_us, struct store_counts *out);
size_t store_postgres_pieces(struct store *store, struct store_piece *out, size_t max);
