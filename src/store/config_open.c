/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration's database: a file of SQLite, or a database of PostgreSQL. Opening, closing, and what only a file
 * needs.
 */
#include "store/config_priv.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "store/folder_priv.h"
#include "store/migrations_priv.h"

enum { TRIGGERS_MAX = 1 << 18 };

static enum rc take_notes(struct store_tx *tx)
{
    enum rc rc = RC_OK;
    if (tx->is_write && tx->config->is_migrated)
        rc = store_notes_watch(tx->db, &tx->config->notes);
    if (rc == RC_OK && tx->is_write && tx->config->is_migrated)
        rc = store_audited_watch(tx->db, &tx->config->audited);
    if (rc != RC_OK) {
        db_close(tx->db); /* nothing is written without them */
        tx->db = NULL;
    }
    return rc;
}

enum rc store_config_connect(struct store_tx *tx, struct buf *why)
{
    if (tx->db != NULL)
        return RC_OK;
    struct store_config *c = tx->config;
    enum rc rc = c->url != NULL ? db_connect(c->url, NULL, &tx->db, why)
                                : db_open(c->path, tx->is_write ? DB_CREATE : DB_READ,
                                          &c->db_options, &tx->db, why);
    return rc == RC_OK ? take_notes(tx) : rc;
}

static bool has_segments(const char *dir)
{
    char path[PATH_MAX];
    bool has = false;
    (void)snprintf(path, sizeof path, "%s/segments", dir);
    DIR *folder = opendir(path);
    for (const struct dirent *e; folder != NULL && !has && (e = readdir(folder)) != NULL;)
        has = str_ends(str_from(e->d_name), STR(".db"));
    if (folder != NULL)
        (void)closedir(folder);
    return has;
}

/* Messages without the applications and endpoints they belong to: a new, empty configuration would only hide
 * that it is gone. */
enum rc store_config_is_there(const char *path, const char *dir, struct buf *why)
{
    struct stat st;
    bool is_missing = stat(path, &st) != 0 ? errno == ENOENT : st.st_size == 0;
    if (!is_missing || !has_segments(dir))
        return RC_OK;
    buf_say(why,
            "%s: missing or empty, though %s/segments holds messages: restore it from a backup, or "
            "move the segments away to start anew",
            path, dir);
    return RC_CORRUPT;
}

/* --- what watches tables on a server ---------------------------------------------------------------- */

static const uint64_t triggers_key[2] = { 1196573011, 1 };

/* They are made anew when this program's differ from those that are there. */
static enum rc triggers_put(struct store_tx *tx, struct str text)
{
    static const char name[] = CONFIG_TRIGGERS_SETTING;
    char mark[17];
    struct arena scratch;
    struct str kept = STR_NONE;
    (void)snprintf(mark, sizeof(mark), "%016llx",
                   (unsigned long long)str_siphash(triggers_key, text));
    arena_init(&scratch);
    enum rc rc = store_setting_get(tx, name, &scratch, &kept);
    bool is_there = rc == RC_OK && str_eq(kept, str_from(mark));
    if (rc == RC_NOT_FOUND)
        rc = RC_OK;
    if (rc == RC_OK && !is_there)
        rc = db_exec(tx->db, text.ptr);
    if (rc == RC_OK && !is_there)
        rc = store_setting_set(tx, name, str_from(mark));
    arena_fini(&scratch);
    return rc;
}

static enum rc triggers_make(struct store_config *c)
{
    struct store_tx *tx = NULL;
    struct buf text;
    enum rc rc = store_write_config(c, &tx);
    if (rc != RC_OK)
        return rc;
    buf_init(&text, TRIGGERS_MAX);
    store_notes_triggers(&text);
    store_audited_triggers(&text);
    rc = buf_add_char(&text, '\0');
    MUST(rc == RC_OK);
    rc = triggers_put(tx, str_of(text.ptr, text.len - 1));
    buf_fini(&text);
    return store_finish(tx, rc);
}

/* --- opening and closing ----------------------------------------------------------------------------- */

static char *path_in(const char *dir)
{
    size_t size = strlen(dir) + sizeof "/config.db";
    char *path = xcalloc(1, size);
    (void)snprintf(path, size, "%s/config.db", dir);
    return path;
}

static void config_init(struct store_config *c, const struct store_options *o)
{
    c->url = o->url == NULL ? NULL : xstrdup(o->url);
    c->path =
        o->url == NULL ? path_in(o->dir) : xstrdup("PostgreSQL"); /* the URL may hold a password */
    c->db_options = (struct db_options){ .cache_bytes = CONFIG_CACHE_BYTES,
                                         .busy_us = CONFIG_WRITE_WAIT_US,
                                         .no_sync = o->no_sync,
                                         .sync_failed = &c->sync_failed };
    atomic_init(&c->idempotency_us, o->idempotency_us);
    mutex_init(&c->lock);
    cond_init(&c->freed);
    c->writer = (struct store_tx){ .config = c, .is_write = true };
    for (size_t i = 0; i < CONFIG_READERS; i++)
        c->readers[i] = (struct store_tx){ .config = c };
}

/* A full disk only leaves the log as it is. */
static enum rc move_log(struct store_config *c, struct buf *why)
{
    int64_t left;
    if (db_checkpoint(c->writer.db, true, &left) != RC_CORRUPT)
        return RC_OK;
    buf_say(why, "%s: %s; restore it from a backup", c->path, db_error(c->writer.db));
    return RC_CORRUPT;
}

static enum rc start_watching(struct store_config *c, struct buf *why)
{
    enum rc rc = c->url != NULL ? triggers_make(c) : RC_OK;
    c->is_migrated = rc == RC_OK;
    if (rc == RC_OK)
        rc = take_notes(&c->writer);
    if (rc != RC_OK)
        buf_say(why, "%s: cannot be watched for changes: %s", c->path, rc_name(rc));
    return rc;
}

/* A database that store_copy() has begun to fill. */
static enum rc refuse_unfinished(struct store_config *c, struct buf *why)
{
    enum rc rc;
    struct db_stmt *s =
        db_prepare(c->writer.db,
                   "SELECT 1 FROM pg_class WHERE oid = to_regclass('" STORE_COPY_MARK "') LIMIT 1");
    bool is_begun = db_step(s, &rc);
    db_reset(s);
    if (!is_begun)
        return rc;
    buf_say(why, "a copy into this database was not finished: run \"grapnel store copy\" again as "
                 "before, or drop the database");
    return RC_CORRUPT;
}

enum rc store_config_open(struct store_config *c, const struct store_options *o, struct buf *why)
{
    config_init(c, o);
    enum rc rc = c->url != NULL ? RC_OK : store_config_is_there(c->path, o->dir, why);
    if (rc == RC_OK)
        rc = store_config_connect(&c->writer, why);
    if (rc == RC_OK && c->url != NULL)
        rc = refuse_unfinished(c, why);
    if (rc == RC_OK)
        rc = store_migrate(c->writer.db, store_config_migrations, store_config_migration_count,
                           o->clock, c->path, why);
    if (rc == RC_OK && c->url == NULL)
        rc = move_log(c, why);
    return rc == RC_OK ? start_watching(c, why) : rc;
}

void store_config_close(struct store_config *c)
{
    if (c->path == NULL)
        return;
    MUST(!c->writer.is_busy);
    for (size_t i = 0; i < CONFIG_READERS; i++) {
        MUST(!c->readers[i].is_busy);
        db_close(c->readers[i].db);
    }
    store_audited_clear(&c->audited);
    db_close(c->writer.db); /* last, so that it moves the log into the file */
    cond_fini(&c->freed);
    mutex_fini(&c->lock);
    xfree(c->url);
    xfree(c->path);
    c->path = NULL;
}

/* --- files ------------------------------------------------------------------------------------------- */

void store_config_checkpoint(struct store_config *c)
{
    struct store_tx *tx = &c->writer;
    int64_t left;
    mutex_lock(&c->lock);
    bool idle = c->url == NULL && !tx->is_busy && tx->db != NULL && db_wal_pages(tx->db) > 256;
    if (idle)
        tx->is_busy = true;
    mutex_unlock(&c->lock);
    if (!idle)
        return;
    enum rc rc = db_checkpoint(tx->db, false, &left);
    (void)rc; /* tried again at the next round */
    store_config_give_back(tx);
    if (atomic_load(&c->sync_failed) && !c->is_told) {
        c->is_told = true;
        LOG(STORE_SYNC_FAILED, F_TEXT("file", c->path));
    }
}

enum rc store_rewrite_config(struct store_config *c)
{
    struct store_tx *tx = NULL;
    int64_t left = 0;
    if (c->url != NULL)
        return RC_OK; /* no version that kept such things knew of servers */
    enum rc rc = store_write_config(c, &tx);
    if (rc != RC_OK)
        return rc;
    db_rollback(tx->db); /* nobody else writes, and VACUUM wants no transaction */
    rc = db_exec(tx->db, "VACUUM");
    if (rc == RC_OK)
        rc = db_checkpoint(tx->db, true, &left);
    store_config_give_back(tx);
    return rc == RC_OK && left > 0 ? RC_BUSY : rc;
}
