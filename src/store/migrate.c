/* SPDX-License-Identifier: Apache-2.0
 *
 * Brings a database to the newest schema: on SQLite change by change, on PostgreSQL all that is missing at once.
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

static enum rc count_tables(struct db *db, int64_t *tables, int64_t *ours)
{
    enum rc rc = query_int(db, "SELECT count(*) FROM sqlite_schema", tables);
    if (rc == RC_OK)
        rc = query_int(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'migration'", ours);
    return rc;
}

/* A server's database may hold tables of others: they only matter if they have the names of ours, and then making ours
 * fails. */
static enum rc count_tables_on_server(struct db *db, int64_t *tables, int64_t *ours)
{
    enum rc rc =
        query_int(db, "SELECT count(*) FROM pg_class WHERE oid = to_regclass('migration')", ours);
    *tables = *ours;
    return rc;
}

/* The version the file is at; a file without any table is at version 0. */
static enum rc version_of(struct db *db, const char *file, int64_t *version, bool *is_empty,
                          struct buf *why)
{
    int64_t tables = 0, ours = 0;
    enum rc rc = db_is_postgres(db) ? count_tables_on_server(db, &tables, &ours)
                                    : count_tables(db, &tables, &ours);
    *is_empty = tables == 0;
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

static enum rc migration_note(struct db *db, int64_t version, const struct clock *clock)
{
    struct db_stmt *s = db_prepare(db, "INSERT INTO migration(version, applied) VALUES(?, ?)");
    db_bind_int(s, 1, version);
    db_bind_int(s, 2, clock_wall_us(clock));
    return db_run(s);
}

static enum rc migration_end(struct db *db, enum rc rc)
{
    if (rc == RC_OK)
        return db_commit(db);
    db_rollback(db);
    return rc;
}

static enum rc migrations_apply(struct db *db, const struct store_migration *m, int64_t version,
                                const struct clock *clock)
{
    enum rc rc = db_begin(db, true);
    if (rc != RC_OK)
        return rc;
    rc = db_exec(db, m->sql);
    if (rc == RC_OK)
        rc = migration_note(db, version, clock);
    return migration_end(db, rc);
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

static enum rc migrate_file(struct db *db, const struct store_migration *list, size_t count,
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

static enum rc apply_on_server(struct db *db, const struct store_migration *m, size_t version,
                               const struct clock *clock, const char *file, struct buf *why)
{
    enum rc rc = RC_OK;
    for (const char *const *sql = m->postgres; rc == RC_OK && *sql != NULL; sql++)
        rc = db_exec(db, *sql);
    if (rc == RC_OK)
        rc = migration_note(db, (int64_t)version, clock);
    if (rc != RC_OK)
        buf_say(why, "%s: schema change %zu (%s) failed: %s; give Grapnel a database of its own",
                file, version, m->what, db_error(db));
    return rc;
}

/* Several nodes may start at once: the first does it, in one transaction, and the others find it done. */
static enum rc migrate_server(struct db *db, const struct store_migration *list, size_t count,
                              const struct clock *clock, const char *file, struct buf *why)
{
    int64_t version = 0;
    bool is_empty = false;
    enum rc rc = db_begin(db, true);
    if (rc == RC_OK)
        rc = db_exec(db, STORE_CONFIG_LOCK);
    if (rc != RC_OK)
        buf_say(why, "%s: cannot be written to: %s", file, db_error(db));
    else
        rc = known_version_of(db, count, file, &version, &is_empty, why);
    if (rc == RC_OK && is_empty)
        rc = db_exec(db,
                     "CREATE TABLE migration(version bigint PRIMARY KEY, applied bigint NOT NULL)");
    for (size_t i = (size_t)version; rc == RC_OK && i < count; i++)
        if (list[i].postgres != NULL)
            rc = apply_on_server(db, &list[i], i + 1, clock, file, why);
    return migration_end(db, rc);
}

enum rc store_migrate(struct db *db, const struct store_migration *list, size_t count,
                      const struct clock *clock, const char *file, struct buf *why)
{
    return db_is_postgres(db) ? migrate_server(db, list, count, clock, file, why)
                              : migrate_file(db, list, count, clock, file, why);
}
