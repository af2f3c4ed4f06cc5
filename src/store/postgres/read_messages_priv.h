/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of messages, and of deliveries by endpoint.
 */
#pragma once

#include "store/postgres/postgres_priv.h"

/* As the row of struct store_backend says (store/backend.h). */
MUST_USE enum rc store_postgres_message_list(struct store *store, const struct store_message_filter *f, const struct store_page *page, struct arena *a, struct store_message_row *out, struct store_page_end *end);
MUST_USE enum rc store_postgres_delivery_by_endpoint(struct store *store, const struct store_message_filter *f, int64_t endpoint, unsigned states, const struct store_page *page, struct arena *a, struct store_delivery_row *out, struct store_page_end *end);
