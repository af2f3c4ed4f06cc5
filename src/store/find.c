/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding rows of the configuration by a word. A text is looked for in the newest STORE_FIND_ROWS rows of a kind, read
 * once and without an index: some ten milliseconds at most, which a person who searches does not notice.
 */
#include "store/find.h"

#include "store/config_priv.h"

/* ?1 organisation, ?2 text (in small letters, if it is no id), ?3 application or 0, ?4 rows looked at, ?5 most rows; of
 * counts ?2 rows looked at. Columns: num, app, id, uid, title, detail. */
#define OF_APP(column) " AND (?3 = 0 OR " column " = ?3)"
#define OF_NONE " AND ?3 >= 0" /* event types belong to no application */
#define HAS(column) "instr(lower(coalesce(" column ", '')), ?2) > 0"
#define COUNT(rows) "SELECT count(*) FROM (SELECT 1 FROM " rows " LIMIT ?2) looked"
#define NEWEST " ORDER BY num DESC LIMIT ?4) newest"
#define BEST \
    " ORDER BY (lower(coalesce(uid, '')) = ?2 OR lower(title) = ?2) DESC, num DESC LIMIT ?5"
#define OF_ORG(table) \
    table " t CROSS JOIN application p WHERE p.num = t.app AND p.deleted = 0 AND (p.org = ?1" \
          " OR p.num IN (SELECT app FROM source WHERE org = ?1 AND deleted = 0))"

#define APPLICATION \
    "num, num AS app, id, uid, name AS title, NULL AS detail FROM application WHERE org = ?1 AND deleted = 0"
#define ENDPOINT \
    "t.num AS num, t.app AS app, t.id AS id, t.uid AS uid, t.description AS title, t.url AS detail FROM " OF_ORG( \
        "endpoint") " AND t.deleted = 0"
#define SOURCE \
    "num, app, id, uid, name AS title, kind AS detail FROM source WHERE org = ?1 AND deleted = 0"
#define FILTER \
    "t.num AS num, t.app AS app, t.id AS id, NULL AS uid, t.description AS title, t.url AS detail FROM " OF_ORG( \
        "filter")
#define EVENT_TYPE \
    "num, 0 AS app, name AS id, NULL AS uid, name AS title, description AS detail FROM event_type WHERE org = ?1"
#define TASK "num, app, id, NULL AS uid, kind AS title, status AS detail FROM task WHERE org = ?1"

static const struct {
    const char *by_id, *by_text, *rows; /* by_text NULL: it has no words */
} looks[STORE_THINGS] = {
    [STORE_THING_APPLICATION] = { "SELECT " APPLICATION " AND id = ?2" OF_APP("num"),
                                  "SELECT * FROM (SELECT " APPLICATION OF_APP("num") NEWEST
                                  " WHERE " HAS("uid") " OR " HAS("title") BEST,
                                  COUNT("application WHERE org = ?1" OF_APP("num")) },
    [STORE_THING_ENDPOINT] = { "SELECT " ENDPOINT " AND t.id = ?2" OF_APP("t.app"),
                               "SELECT * FROM (SELECT " ENDPOINT OF_APP("t.app") NEWEST
                               " WHERE " HAS("uid") " OR " HAS("title") " OR " HAS("detail") BEST,
                               COUNT(OF_ORG("endpoint") OF_APP("t.app")) },
    [STORE_THING_SOURCE] = { "SELECT " SOURCE " AND id = ?2" OF_APP("app"),
                             "SELECT * FROM (SELECT " SOURCE OF_APP("app") NEWEST
                             " WHERE " HAS("uid") " OR " HAS("title") BEST,
                             COUNT("source WHERE org = ?1" OF_APP("app")) },
    [STORE_THING_FILTER] = { "SELECT " FILTER " AND t.id = ?2" OF_APP("t.app"),
                             "SELECT * FROM (SELECT " FILTER OF_APP("t.app") NEWEST
                             " WHERE " HAS("title") " OR " HAS("detail") BEST,
                             COUNT(OF_ORG("filter") OF_APP("t.app")) },
    [STORE_THING_EVENT_TYPE] = { "SELECT " EVENT_TYPE " AND id = ?2" OF_NONE,
                                 "SELECT * FROM (SELECT " EVENT_TYPE OF_NONE NEWEST
                                 " WHERE " HAS("title") BEST,
                                 COUNT("event_type WHERE org = ?1" OF_NONE) },
    [STORE_THING_TASK] = { "SELECT " TASK " AND id = ?2" OF_APP("app"), NULL, NULL },
};

static void find_bind(struct db_stmt *s, const struct store_find *f, size_t max, struct arena *a)
{
    db_bind_int(s, 1, f->org);
    db_bind_text(s, 2, f->by_id ? f->text : store_text_lower(a, f->text));
    db_bind_int(s, 3, f->app);
    if (f->by_id)
        return;
    db_bind_int(s, 4, STORE_FIND_ROWS);
    db_bind_int(s, 5, (int64_t)max);
}

static struct store_named read_named(struct db_stmt *s, enum store_thing thing, struct arena *a)
{
    return (struct store_named){
        .thing = thing,
        .num = db_int(s, 0),
        .app = db_int(s, 1),
        .id = db_text(s, 2, a),
        .uid = db_text(s, 3, a),
        .title = db_text(s, 4, a),
        .detail = db_text(s, 5, a),
    };
}

static enum rc judge_rows(struct store_tx *tx, const char *sql, const struct store_find *f,
                          bool *is_complete)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(tx->db, sql);
    db_bind_int(s, 1, f->org);
    db_bind_int(s, 2, STORE_FIND_ROWS);
    db_bind_int(s, 3, f->app);
    if (!db_step(s, &rc))
        return rc;
    if (db_int(s, 0) >= STORE_FIND_ROWS)
        *is_complete = false;
    db_reset(s);
    return RC_OK;
}

enum rc store_find_named(struct store_tx *tx, enum store_thing thing, const struct store_find *f,
                         struct arena *a, struct store_named *out, size_t max, size_t *count,
                         bool *is_complete)
{
    enum rc rc = RC_OK;
    const char *sql = f->by_id ? looks[thing].by_id : looks[thing].by_text;
    if (sql == NULL || *count >= max)
        return RC_OK;
    struct db_stmt *s = db_prepare(tx->db, sql);
    find_bind(s, f, max - *count, a);
    while (*count < max && db_step(s, &rc))
        out[(*count)++] = read_named(s, thing, a);
    db_reset(s);
    if (rc == RC_OK && !f->by_id)
        rc = judge_rows(tx, looks[thing].rows, f, is_complete);
    return rc;
}

static void read_app(struct db_stmt *s, struct arena *a, void *row)
{
    *(struct store_find_app *)row = (struct store_find_app){ .num = db_int(s, 0),
                                                             .id = db_text(s, 1, a),
                                                             .uid = db_text(s, 2, a) };
}

enum rc store_find_apps(struct store_tx *tx, int64_t org, int64_t before, size_t max,
                        struct arena *a, struct store_find_app **out, size_t *count)
{
    void *rows = NULL;
    struct db_stmt *s = db_prepare(
        tx->db, "SELECT num, id, uid FROM application WHERE deleted = 0 AND num < ?2"
                " AND (org = ?1 OR num IN (SELECT app FROM source WHERE org = ?1 AND deleted = 0))"
                " ORDER BY num DESC LIMIT ?3");
    db_bind_int(s, 1, org);
    db_bind_int(s, 2, before);
    db_bind_int(s, 3, (int64_t)max);
    enum rc rc = store_row_all(s, read_app, sizeof(**out), a, &rows, count);
    *out = rows;
    return rc;
}

enum rc store_source_by_app(struct store_tx *tx, int64_t app, struct arena *a,
                            struct store_source *out)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(tx->db, "SELECT num FROM source WHERE app = ? AND deleted = 0");
    db_bind_int(s, 1, app);
    if (!db_step(s, &rc))
        return rc == RC_OK ? RC_NOT_FOUND : rc;
    int64_t num = db_int(s, 0);
    db_reset(s);
    return store_source_by_num(tx, num, a, out);
}
