/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbered schema changes. A database remembers which it has; the missing ones run at open, each in
 * its own transaction. To change a schema, append a row to a list in migrations.c, with its text for PostgreSQL
 * too if it is the configuration's; never edit a row that was released. test_schemas.c asks for both texts.
 */
#pragma once

#include "db/db.h"

struct store_migration {
    const char *what; /* for logs */
    const char *sql; /* for SQLite */
    /* For PostgreSQL, in pieces, ended by NULL. NULL: it was released before there was PostgreSQL, and the text of a
     * later row makes what it made. The configuration's alone. */
    const char *const *postgres;
};

/* Whoever writes the configuration holds this, until the transaction ends: one at a time in the whole cluster. */
#define STORE_CONFIG_LOCK "SELECT pg_advisory_xact_lock(1196573010, 0)"

extern const char *const store_config_postgres[]; /* migrations_postgres.c */

extern const struct store_migration store_config_migrations[];
extern const size_t store_config_migration_count;
extern const struct store_migration store_segment_migrations[];
extern const size_t store_segment_migration_count;

/* Brings `db` to version `count` of the list. RC_CORRUPT: newer than `count`, or not ours. `file` is
 * for the words. */
MUST_USE enum rc store_migrate(struct db *db, const struct store_migration *list, size_t count,
                               const struct clock *clock, const char *file, struct buf *why);
/* Could store_migrate() do so? Only reads. The same errors. */
MUST_USE enum rc store_migrations_fit(struct db *db, size_t count, const char *file,
                                      struct buf *why);
