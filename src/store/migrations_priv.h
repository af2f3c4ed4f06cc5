/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbered schema changes. A database remembers which it has; the missing ones run at open, each in
 * its own transaction. To change a schema, append a row to a list in migrations.c; never edit a
 * row that was released.
 */
#pragma once

#include "db/db.h"

struct store_migration {
    const char *what; /* for logs */
    const char *sql;
};

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
