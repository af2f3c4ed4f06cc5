/* SPDX-License-Identifier: Apache-2.0
 *
 * A message, and its deliveries.
 */
#pragma once

#include "store/postgres/postgres_priv.h"

/* As the row of struct store_backend says (store/backend.h). */
MUST_USE enum rc store_postgres_message_get(struct store *store, int64_t app, const struct id *id, struct arena *a, struct store_message_row *out);
MUST_USE enum rc store_postgres_message_load(struct store *store, const struct id *id, struct store_message **out);
MUST_USE enum rc store_postgres_message_by_event_id(struct store *store, int64_t app, struct str event_id, struct arena *a, struct store_message_row *out);
MUST_USE enum rc store_postgres_delivery_by_message(struct store *store, int64_t app, const struct id *message, struct arena *a, struct store_delivery_row **out, size_t *count);
