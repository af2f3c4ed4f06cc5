/* SPDX-License-Identifier: Apache-2.0
 *
 * Brings a database to the newest schema, change by change.
 */
#include "store/migrations_priv.h"

static enum rc query_int(struct db *db, const char *sql, int64_t *out)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(db, sql);
    if (db_step(s, &rc)) {
        *out = db_int(s, 0);
        db_reset(s);
    }
    return rc;
}

/* The version the file is at; a file without any table is at version 0. */
static enum rc version_of(struct db *db, const char *file, int64_t *version, bool *is_empty,
                          struct buf *why)
{
    int64_t tables = 0, ours = 0;
    enum rc rc = query_int(db, "SELECT count(*) FROM sqlite_schema", &tables);
    *is_empty = tables == 0;
    if (rc == RC_OK)
        rc = query_int(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'migration'", &ours);
    if (rc == RC_OK && !*is_empty && ours == 0) {
        buf_say(why,
                "%s: a database, but not one of Grapnel's: choose another folder or move it away",
                file);
        return RC_CORRUPT;
    }
    if (rc == RC_OK && ours != 0)
        rc = query_int(db, "SELECT coalesce(max(version), 0) FROM migration", version);
    if (rc != RC_OK)
        buf_say(why, "%s: cannot read the schema's version: %s", file, db_error(db));
    return rc;
}

static enum rc migrations_apply(struct db *db, const struct store_migration *m, int64_t version,
                                const struct clock *clock)
{
    enum rc rc = db_begin(db, true);
    if (rc != RC_OK)
        return rc;
    rc = db_exec(db, m->sql);
    if (rc == RC_OK) {
        struct db_stmt *s = db_prepare(db, "INSERT INTO migration(version, applied) VALUES(?, ?)");
        db_bind_int(s, 1, version);
        db_bind_int(s, 2, clock_wall_us(clock));
        rc = db_run(s);
    }
    if (rc != RC_OK) {
        db_rollback(db);
        return rc;
    }
    return db_commit(db);
}

static enum rc known_version_of(struct db *db, size_t count, const char *file, int64_t *version,
                                bool *is_empty, struct buf *why)
{
    enum rc rc = version_of(db, file, version, is_empty, why);
    if (rc != RC_OK || *version <= (int64_t)count)
        return rc;
    buf_say(why,
            "%s: schema version %lld, this program knows up to %zu: start the newer program, "
            "or restore a backup made before the upgrade",
            file, (long long)*version, count);
    return RC_CORRUPT;
}

enum rc store_migrations_fit(struct db *db, size_t count, const char *file, struct buf *why)
{
    int64_t version = 0;
    bool is_empty;
    return known_version_of(db, count, file, &version, &is_empty, why);
}

enum rc store_migrate(struct db *db, const struct store_migration *list, size_t count,
                      const struct clock *clock, const char *file, struct buf *why)
{
    int64_t version = 0;
    bool is_empty = false;
    enum rc rc = known_version_of(db, count, file, &version, &is_empty, why);
    if (rc == RC_OK && is_empty) {
        rc = db_exec(
            db, "CREATE TABLE migration(version INTEGER PRIMARY KEY, applied INTEGER NOT NULL)");
        if (rc != RC_OK)
            buf_say(why, "%s: cannot make the schema: %s", file, db_error(db));
    }
    if (rc != RC_OK)
        return rc;
    for (size_t i = (size_t)version; i < count; i++) {
        rc = migrations_apply(db, &list[i], (int64_t)i + 1, clock);
        if (rc != RC_OK) {
            buf_say(why, "%s: schema change %zu (%s) failed: %s", file, i + 1, list[i].what,
                    db_error(db));
            return rc;
        }
    }
    return RC_OK;
}
