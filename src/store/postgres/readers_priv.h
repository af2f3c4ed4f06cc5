/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections for reading (db.h): a pool of a few.
 */
#pragma once

#include "db/db.h"
#include "store/postgres/postgres_priv.h"

void store_postgres_readers_init(struct store_postgres *s);
void store_postgres_readers_fini(struct store_postgres *s);
/* Waits for one that is free. RC_IO: there is no connection to be had. To be given back with no statement and no
 * transaction under way. Blocks; not a loop thread. */
MUST_USE enum rc store_postgres_reader_get(struct store_postgres *s, struct db **out);
void store_postgres_reader_put(struct store_postgres *s, struct db *db);
