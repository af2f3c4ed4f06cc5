/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding what flows by a word.
 */
#pragma once

#include "store/postgres/postgres_priv.h"

/* As the row of struct store_backend says (store/backend.h). */
MUST_USE enum rc store_postgres_find_flowing(struct store *store, enum store_flowing kind, const struct id *id, struct arena *a, struct store_flowing_row *out, bool *is_complete);
MUST_USE enum rc store_postgres_find_messages(struct store *store, const struct store_find_keys *f, struct arena *a, struct store_flowing_row *out, size_t max, size_t *count, bool *is_complete);
