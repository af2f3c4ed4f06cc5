/* SPDX-License-Identifier: Apache-2.0
 *
 * See server/doctor_config_priv.h.
 */
#include "server/doctor_config_priv.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static struct db *open_file(const struct conf *c)
{
    const struct db_options o = { .busy_us = 5000000 };
    struct db *db = NULL;
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/config.db", c->data_dir);
    return access(path, F_OK) == 0 && db_open(path, DB_READ, &o, &db, NULL) == RC_OK ? db : NULL;
}

static struct db *open_database(const struct conf *c)
{
    struct db *db = NULL;
    enum rc rc = db_connect(c->store_url, NULL, &db, NULL);
    if (rc != RC_OK)
        return NULL;
    struct db_stmt *s = db_prepare(db, "SELECT to_regclass('setting') IS NOT NULL");
    bool is_there = db_step(s, &rc) && db_int(s, 0) != 0;
    db_reset(s);
    if (!is_there)
        db_close(db);
    return is_there ? db : NULL;
}

struct db *server_doctor_config(const struct conf *c)
{
    return c->store_url[0] == '\0' ? open_file(c) : open_database(c);
}
