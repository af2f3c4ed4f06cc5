/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking at a store without opening it: would store_open() find what it needs? Beside a running server, too.
 */
#include "store/config_priv.h"
#include "store/files/aside_priv.h"
#include "store/migrations_priv.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static enum rc look_at_database(const char *path, size_t migrations, struct buf *why)
{
    struct db_options o = { .busy_us = 5000000 };
    struct db *db = NULL;
    enum rc rc = db_open(path, DB_READ, &o, &db, why);

    if (rc == RC_OK)
        rc = store_migrations_fit(db, migrations, path, why);
    if (rc == RC_OK) {
        struct db_stmt *s = db_prepare(db, "PRAGMA quick_check(1)");
        if (!db_step(s, &rc) || !str_eq(db_borrow(s, 0), STR("ok"))) {
            buf_say(why, "%s is damaged; restore it from a backup", path);
            rc = RC_CORRUPT;
        }
    }
    db_close(db);
    return rc;
}

/* What is in the folder must be for whoever owns the folder: a command run by root may have made it. */
static enum rc look_at_owner(const char *path, uid_t owner, struct buf *why)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return RC_OK; /* gone meanwhile */
    if (st.st_uid != owner) {
        buf_say(why,
                "%s belongs to user %u, and its folder to user %u, who has to read and write it; "
                "chown -R the whole folder to the server's user",
                path, (unsigned)st.st_uid, (unsigned)owner);
        return RC_DENIED;
    }
    if (!S_ISSOCK(st.st_mode) &&
        access(path, S_ISDIR(st.st_mode) ? R_OK | W_OK | X_OK : R_OK | W_OK) != 0) {
        buf_say(why, "%s: %s; let the server's user own the whole folder", path, strerror(errno));
        return RC_DENIED;
    }
    return RC_OK;
}

static enum rc look_in(const char *dir, uid_t owner, bool is_segments, int *databases,
                       struct buf *why)
{
    char path[PATH_MAX];
    DIR *folder = opendir(dir);
    enum rc rc = RC_OK;

    for (const struct dirent *e; folder != NULL && rc == RC_OK && (e = readdir(folder)) != NULL;) {
        if (str_eq(str_from(e->d_name), STR("..")) ||
            snprintf(path, sizeof path, "%s/%s", dir, e->d_name) >= (int)sizeof path)
            continue;
        rc = look_at_owner(path, owner, why);
        if (rc != RC_OK || !is_segments || !str_ends(str_from(e->d_name), STR(".db")))
            continue;
        rc = look_at_database(path, store_segment_migration_count, why);
        store_aside_hint(rc, path, why);
        (*databases)++;
    }
    if (folder != NULL)
        (void)closedir(folder);
    return rc;
}

enum rc store_look(const char *dir, int *databases, struct buf *why)
{
    char path[PATH_MAX];
    struct stat st;

    *databases = 0;
    if (stat(dir, &st) != 0)
        return RC_OK; /* nothing is stored yet */
    enum rc rc = look_in(dir, st.st_uid, false, databases, why);
    (void)snprintf(path, sizeof path, "%s/config.db", dir);
    if (rc == RC_OK)
        rc = store_config_is_there(path, dir, why);
    if (rc == RC_OK && access(path, F_OK) == 0) {
        rc = look_at_database(path, store_config_migration_count, why);
        (*databases)++;
    }
    (void)snprintf(path, sizeof path, "%s/segments", dir);
    return rc == RC_OK ? look_in(path, st.st_uid, true, databases, why) : rc;
}
