/* SPDX-License-Identifier: Apache-2.0
 *
 * How much is in the store, for operators.
 */
#pragma once

#include "store/postgres/postgres_priv.h"

/* As the row of struct store_backend says (store/backend.h). */
void store_postgres_stats(struct store *store, struct store_stats *out);
/* Reads from the catalogue how much is in each segment: what others wrote, or an earlier process. Keeper, on its connection. */
MUST_USE enum rc store_postgres_stats_read(struct store_postgres *s);
/* The same at opening, where also what vacuum has not counted yet is counted. */
MUST_USE enum rc store_postgres_stats_count(struct store_postgres *s);
