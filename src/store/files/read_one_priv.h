/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages and what belongs to one, by id.
 */
#pragma once

#include "store/files/files_priv.h"

/* Finds the row of an id with `sql`, whose parameters are the id's key, its tail and the number of whom the row belongs to, and
 * gives it to `read`, for the call. RC_NOT_FOUND, RC_IO, RC_CORRUPT. */
MUST_USE enum rc store_read_by_id(struct store_files *s, const char *sql, const struct id *id, int64_t owner, void (*read)(void *ctx, struct db_stmt *row), void *ctx);

/* As the row of struct store_backend says (store/backend.h). */
MUST_USE enum rc store_files_message_get(struct store *store, int64_t app, const struct id *id, struct arena *a, struct store_message_row *out);
MUST_USE enum rc store_files_message_load(struct store *store, const struct id *id, struct store_message **out);
MUST_USE enum rc store_files_message_by_event_id(struct store *store, int64_t app, struct str event_id, struct arena *a, struct store_message_row *out);
MUST_USE enum rc store_files_find_flowing(struct store *store, enum store_flowing kind, const struct id *id, struct arena *a, struct store_flowing_row *out, bool *is_complete);
MUST_USE enum rc store_files_find_messages(struct store *store, const struct store_find_keys *f, struct arena *a, struct store_flowing_row *out, size_t max, size_t *count, bool *is_complete);
MUST_USE enum rc store_files_delivery_by_message(struct store *store, int64_t app, const struct id *message, struct arena *a, struct store_delivery_row **out, size_t *count);
MUST_USE enum rc store_files_delivery_counts(struct store *store, int64_t app, int64_t endpoint, int64_t since_us, int64_t until_us, struct store_counts *out);
