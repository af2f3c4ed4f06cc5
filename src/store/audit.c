/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit log: rows of the table `audit`.
 */
#include "store/audit_priv.h"

#include "store/audit.h"
#include "store/store_priv.h"

enum { FORGOTTEN_MAX = 1000 /* at a time, of those that are too old */ };

/* --- writing --------------------------------------------------------------------------------------- */

void store_audit_must(struct store_tx *tx)
{
    tx->config->audit_must = true;
}

enum rc store_audit_act(struct store *s, const char *action)
{
    struct store_tx *tx = NULL;
    struct store_audit_new new;
    if (store_act_now() == NULL)
        return RC_OK;
    enum rc rc = store_write(s, &tx);
    if (rc != RC_OK)
        return rc;
    store_audit_of_act(tx, action, &new);
    rc = store_audit_put(tx, &new);
    return store_finish(tx, rc);
}

/* --- forgetting ------------------------------------------------------------------------------------ */

void store_audit_set_keep(struct store *s, int64_t keep_us)
{
    atomic_store(&s->audit_us, keep_us);
}

/* Times go up with numbers, so that the oldest row says whether there is anything to do. */
static bool has_old(struct store *s, int64_t before_us)
{
    struct store_tx *tx = NULL;
    enum rc rc;
    if (store_read(s, &tx) != RC_OK)
        return false;
    struct db_stmt *stmt = db_prepare(tx->db, "SELECT at FROM audit ORDER BY num LIMIT 1");
    bool has = db_step(stmt, &rc) && db_int(stmt, 0) < before_us;
    db_reset(stmt);
    store_end(tx);
    return has;
}

void store_audit_forget(struct store *s)
{
    struct store_tx *tx = NULL;
    int64_t before_us = store_time_us(&s->time) - atomic_load(&s->audit_us);
    if (!has_old(s, before_us) || store_write(s, &tx) != RC_OK)
        return;
    struct db_stmt *stmt =
        db_prepare(tx->db, "DELETE FROM audit WHERE num IN (SELECT num FROM audit WHERE at < ?"
                           " ORDER BY num LIMIT ?)");
    db_bind_int(stmt, 1, before_us);
    db_bind_int(stmt, 2, FORGOTTEN_MAX);
    enum rc rc = db_run(stmt);
    rc = store_finish(tx, rc);
    (void)rc; /* the next round tries again */
}

/* --- reading --------------------------------------------------------------------------------------- */

#define COLUMNS \
    "SELECT a.num, a.at, a.org, a.action, a.kind, a.object, a.name, a.about, p.id, p.name, a.who_kind," \
    " a.who_id, a.who_name, a.operation, a.peer, a.request, a.changes FROM audit a" \
    " LEFT JOIN application p ON p.num = a.app AND p.org = a.org"
/* ?1 organisation, ?2 and the server's, ?3 number before the page, ?4 application, ?5 object, ?6 who, ?7 operation,
 * ?8 action, ?9 from, ?10 until, ?11 text, ?12 the operation is a beginning, ?13 who, in small letters (as is the
 * text), ?14 rows */
#define OF_ORG " WHERE a.org = ?1 AND ?2 = 0"
#define OF_ORG_AND_SERVER \
    " WHERE +a.org IN (?1, 0) AND ?2 <> 0" /* in the order of numbers, so that a page ends early */
#define OF_EITHER " WHERE +a.org IN (?1, CASE WHEN ?2 <> 0 THEN 0 ELSE ?1 END)"
#define FITS \
    " AND (?4 = 0 OR a.app = ?4) AND (?5 = '' OR a.object = ?5 OR a.about = ?5)" \
    " AND (?6 = '' OR a.who_id = ?6 OR lower(a.who_name) = ?13)" \
    " AND (?7 = '' OR a.operation = ?7 OR (?12 <> 0 AND substr(a.operation, 1, length(?7)) = ?7))" \
    " AND (?8 = '' OR a.action = ?8) AND (?9 = 0 OR a.at >= ?9)" \
    " AND (?10 = 0 OR a.at < ?10)" \
    " AND (?11 = '' OR instr(lower(a.name || ' ' || a.object || ' ' || a.about || ' ' || a.operation || ' '" \
    " || a.who_name || ' ' || a.changes), ?11) > 0)"
#define OF_APP " AND a.app = ?4 AND a.app <> 0"
#define OF_OBJECT \
    " AND a.num IN (SELECT num FROM audit WHERE object = ?5 AND object <> ''" \
    " UNION SELECT num FROM audit WHERE about = ?5 AND about <> '')"
#define UP " AND a.num > ?3 ORDER BY a.num LIMIT ?14"
#define DOWN " AND a.num < ?3 ORDER BY a.num DESC LIMIT ?14"

enum way { BY_ORG, BY_NUMBER, BY_APP, BY_OBJECT };
static const char *const list_sql[][2] = {
    [BY_ORG] = { COLUMNS OF_ORG FITS DOWN, COLUMNS OF_ORG FITS UP },
    [BY_NUMBER] = { COLUMNS OF_ORG_AND_SERVER FITS DOWN, COLUMNS OF_ORG_AND_SERVER FITS UP },
    [BY_APP] = { COLUMNS OF_EITHER OF_APP FITS DOWN, COLUMNS OF_EITHER OF_APP FITS UP },
    [BY_OBJECT] = { COLUMNS OF_EITHER OF_OBJECT FITS DOWN, COLUMNS OF_EITHER OF_OBJECT FITS UP },
};

static enum way way_of(const struct store_audit_filter *f)
{
    if (f->object.len > 0)
        return BY_OBJECT;
    if (f->app != 0)
        return BY_APP;
    return f->with_server ? BY_NUMBER : BY_ORG;
}

static void read_audit(struct db_stmt *s, struct arena *a, void *out)
{
    struct store_audit *row = out;
    *row = (struct store_audit){
        .num = db_int(s, 0),
        .at_us = db_int(s, 1),
        .org = db_int(s, 2),
        .action = db_text(s, 3, a),
        .kind = db_text(s, 4, a),
        .object = db_text(s, 5, a),
        .name = db_text(s, 6, a),
        .about = db_text(s, 7, a),
        .app_id = db_text(s, 8, a),
        .app_name = db_text(s, 9, a),
        .who_kind = db_text(s, 10, a),
        .who_id = db_text(s, 11, a),
        .who_name = db_text(s, 12, a),
        .operation = db_text(s, 13, a),
        .peer = db_text(s, 14, a),
        .request = db_text(s, 15, a),
        .changes = db_text(s, 16, a),
    };
}

static void audit_show_times(const struct store_tx *tx, struct store_audit *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        rows[i].at_us += store_time_ahead_us(tx->config->time);
}

static int64_t audit_own_us(const struct store_tx *tx, int64_t wall_us)
{
    return wall_us == 0 ? 0 : wall_us - store_time_ahead_us(tx->config->time);
}

static void audit_bind(struct db_stmt *s, const struct store_tx *tx,
                       const struct store_audit_filter *f, struct arena *a)
{
    struct str operation = f->operation;
    bool is_prefix = str_ends(operation, STR("*"));
    if (is_prefix)
        operation = str_sub(operation, 0, operation.len - 1);
    db_bind_int(s, 1, f->org);
    db_bind_int(s, 2, f->with_server);
    db_bind_int(s, 4, f->app);
    db_bind_text(s, 5, f->object);
    db_bind_text(s, 6, f->who);
    db_bind_text(s, 7, operation);
    db_bind_text(s, 8, f->action);
    db_bind_int(s, 9, audit_own_us(tx, f->from_us));
    db_bind_int(s, 10, audit_own_us(tx, f->until_us));
    db_bind_text(s, 11, store_text_lower(a, f->text));
    db_bind_int(s, 12, is_prefix);
    db_bind_text(s, 13, store_text_lower(a, f->who));
}

enum rc store_audit_list(struct store_tx *tx, const struct store_audit_filter *f,
                         const struct store_page *page, struct arena *a, struct store_audit *out,
                         struct store_page_end *end)
{
    bool is_up = store_page_ascending(page);
    int64_t after = is_up ? 0 : INT64_MAX;
    if (page->after.len > 0 && str_to_i64(page->after, &after) != RC_OK)
        return RC_INVALID;
    struct db_stmt *s = db_prepare(tx->db, list_sql[way_of(f)][is_up]);
    audit_bind(s, tx, f, a);
    db_bind_int(s, 3, after);
    db_bind_int(s, 14, store_page_max(page));
    enum rc rc = store_page_rows(s, read_audit, sizeof *out, page, a, out, end);
    if (rc == RC_OK)
        audit_show_times(tx, out, end->count);
    return rc;
}

enum rc store_audit_find(struct store_tx *tx, int64_t org, bool with_server, int64_t num,
                         struct arena *a, struct store_audit *out)
{
    static const char sql[] = COLUMNS OF_EITHER " AND a.num = ?3";
    struct db_stmt *s = db_prepare(tx->db, sql);
    db_bind_int(s, 1, org);
    db_bind_int(s, 2, with_server);
    db_bind_int(s, 3, num);
    enum rc rc = store_row_one(s, read_audit, a, out);
    if (rc == RC_OK)
        audit_show_times(tx, out, 1);
    return rc;
}
