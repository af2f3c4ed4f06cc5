/* SPDX-License-Identifier: Apache-2.0
 *
 * See stats/move.h. The table is read once, in the order of its key, a page at a time.
 */
#include "stats/move.h"

#include "db/db.h"
#include "stats/rows_priv.h"
#include "stats/stats.h"
#include "store/move.h"

enum { PAGE = 1000, KEY_PARTS = 5 };
_Static_assert(STATS_ORG == 1 && STATS_APP == 2 && STATS_ENDPOINT == 3 && STATS_SOURCE == 4 &&
                   STATS_FILTER == 5,
               "a statement has the numbers");

#define APPS STORE_MOVE_APPS("?6")
static const char page_sql[] =
    "SELECT CAST(tier AS bigint), CAST(time AS bigint), CAST(kind AS bigint), id, part, bytes FROM stats_cell"
    " WHERE (tier, time, kind, id, part) > (CAST(?1 AS smallint), CAST(?2 AS int), CAST(?3 AS smallint), ?4, ?5)"
    " AND (CAST(kind AS bigint), id) IN (SELECT CAST(1 AS bigint), ?6"
    " UNION ALL SELECT 2, num FROM " APPS " AS a"
    " UNION ALL SELECT 3, num FROM endpoint WHERE app IN " APPS
    " UNION ALL SELECT 4, num FROM source WHERE org = ?6"
    " UNION ALL SELECT 5, num FROM filter WHERE app IN " APPS ")"
    " ORDER BY tier, time, kind, id, part LIMIT 1000";

struct moving {
    struct db *from, *to;
    int64_t org;
    int64_t key[KEY_PARTS]; /* of the last one */
    struct buf *why;
};

static enum rc moving_failed(struct moving *m, struct db *db, enum rc rc)
{
    buf_say(m->why, "cannot copy the statistics: %s", db_error(db));
    return rc;
}

static enum rc cell_put(struct moving *m, struct db_stmt *row)
{
    struct db_stmt *s =
        db_prepare(m->to, "INSERT INTO stats_cell(tier, time, kind, id, part, bytes) VALUES("
                          "CAST(? AS smallint), CAST(? AS int), CAST(? AS smallint), ?, ?, ?)"
                          " ON CONFLICT DO NOTHING");
    for (int i = 0; i < KEY_PARTS; i++) {
        m->key[i] = db_int(row, i);
        db_bind_int(s, i + 1, m->key[i]);
    }
    db_bind_blob(s, KEY_PARTS + 1, db_borrow(row, KEY_PARTS));
    return db_run(s);
}

static enum rc page_copy(struct moving *m, int *count)
{
    enum rc rc, put = RC_OK;
    struct db_stmt *s = db_prepare(m->from, page_sql);
    for (int i = 0; i < KEY_PARTS; i++)
        db_bind_int(s, i + 1, m->key[i]);
    db_bind_int(s, KEY_PARTS + 1, m->org);
    *count = 0;
    while (put == RC_OK && db_step(s, &rc)) {
        put = cell_put(m, s);
        ++*count;
    }
    db_reset(s);
    if (put != RC_OK)
        return moving_failed(m, m->to, put);
    return rc == RC_OK ? RC_OK : moving_failed(m, m->from, rc);
}

static enum rc pages_copy(struct moving *m)
{
    int count = PAGE;
    enum rc rc = RC_OK;
    m->key[0] = -1;
    while (rc == RC_OK && count == PAGE) {
        rc = db_begin(m->to, true);
        if (rc != RC_OK)
            return moving_failed(m, m->to, rc);
        rc = page_copy(m, &count);
        if (rc == RC_OK)
            rc = db_commit(m->to);
        else
            db_rollback(m->to);
    }
    return rc;
}

static enum rc has_table(struct db *db, bool *has)
{
    int64_t number = 0;
    enum rc rc = stats_rows_number(
        db, "SELECT count(*) FROM pg_class WHERE oid = to_regclass('stats_cell')", &number);
    *has = *has && number != 0;
    return rc;
}

enum rc stats_move(const char *from_url, const char *to_url, int64_t org, struct buf *why)
{
    struct moving m = { .org = org, .why = why };
    bool has = true;
    enum rc rc = db_connect(from_url, NULL, &m.from, why);
    if (rc == RC_OK)
        rc = db_connect(to_url, NULL, &m.to, why);
    if (rc == RC_OK)
        rc = has_table(m.from, &has);
    if (rc == RC_OK)
        rc = has_table(m.to, &has);
    if (rc == RC_OK && has)
        rc = pages_copy(&m);
    db_close(m.from);
    db_close(m.to);
    return rc;
}
