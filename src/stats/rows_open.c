/* SPDX-License-Identifier: Apache-2.0
 *
 * Which engine keeps the rows, and the life of its connections.
 */
#include "stats/rows_open_priv.h"

#include "stats/rows_engines_priv.h"
#include "stats/rows_priv.h"

#include <stdio.h>

void stats_rows_init(struct stats_rows *r, const char *dir, const char *url)
{
    char path[4096];
    *r = (struct stats_rows){ .engine = url != NULL ? &stats_engine_postgres : &stats_engine_file };
    (void)snprintf(path, sizeof(path), "%s/stats.db", dir);
    r->place = xstrdup(url != NULL ? url : path);
}

void stats_rows_init_like(struct stats_rows *r, const struct stats_rows *other)
{
    *r = (struct stats_rows){ .engine = other->engine, .place = xstrdup(other->place) };
}

void stats_rows_fini(struct stats_rows *r)
{
    stats_rows_close(r);
    xfree(r->place);
}

bool stats_rows_is_open(const struct stats_rows *r)
{
    return r->writer != NULL && !atomic_load(&r->is_reader_lost);
}

enum rc stats_rows_open(struct stats_rows *r, struct buf *why)
{
    enum rc rc = r->engine->open(r, why);
    if (rc == RC_OK)
        return rc;
    if (why->len == 0 && r->writer != NULL)
        buf_say(why, "%s: %s", stats_rows_name(r), db_error(r->writer));
    stats_rows_close(r);
    return rc;
}

void stats_rows_adopt(struct stats_rows *r, struct stats_rows *fresh)
{
    MUST(r->writer == NULL && r->reader == NULL);
    r->writer = fresh->writer;
    r->reader = fresh->reader;
    r->newest = fresh->newest;
    memcpy(r->key, fresh->key, sizeof(r->key));
    atomic_store(&r->is_reader_lost, false);
    fresh->writer = fresh->reader = NULL;
    stats_rows_fini(fresh);
}

void stats_rows_close(struct stats_rows *r)
{
    db_close(r->reader);
    db_close(r->writer); /* last: of a file it moves the log */
    r->reader = r->writer = NULL;
}

void stats_rows_remove(struct stats_rows *r)
{
    stats_rows_close(r);
    r->engine->remove(r);
}
