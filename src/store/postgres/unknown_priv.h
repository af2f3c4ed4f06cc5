/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups of which nobody knows whether they were written, and whose jobs were refused: they are taken back. Thread of the accepts.
 */
#pragma once

#include "store/postgres/postgres_priv.h"

void store_postgres_unknown_init(struct postgres_unknown *u);
void store_postgres_unknown_fini(struct postgres_unknown *u);
void store_postgres_unknown_add(struct postgres_unknown *u, const struct postgres_columns *offers); /* its keys */
void store_postgres_unknown_add_row(struct postgres_unknown *u, int64_t k);
/* Before anything else is written. Nothing to do: RC_OK. */
MUST_USE enum rc store_postgres_unknown_resolve(struct store_postgres *s, struct postgres_conn *c);
