/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages and deliveries by page.
 */
#pragma once

#include "store/files/files_priv.h"

/* As the row of struct store_backend says (store/backend.h). */
MUST_USE enum rc store_files_message_list(struct store *store, const struct store_message_filter *f, const struct store_page *page, struct arena *a, struct store_message_row *out, struct store_page_end *end);
MUST_USE enum rc store_files_delivery_by_endpoint(struct store *store, const struct store_message_filter *f, int64_t endpoint, unsigned states, const struct store_page *page, struct arena *a, struct store_delivery_row *out, struct store_page_end *end);
MUST_USE enum rc store_files_delivery_search(struct store *store, const struct store_delivery_search *f, struct arena *a, struct store_delivery_found *out, size_t max, struct store_delivery_search_end *end);
