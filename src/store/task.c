/* SPDX-License-Identifier: Apache-2.0
 *
 * Background tasks: rows of the table `task`.
 */
#include "store/task.h"

#include "store/config_priv.h"

#define COLUMNS \
    "num, org, app, endpoint, id, kind, status, input, cursor, data, created, updated, " \
    "rate, hold, paced_from, paced_done, started_by"

static void read_task(struct db_stmt *s, struct arena *a, void *row)
{
    struct store_task *t = row;
    *t = (struct store_task){
        .num = db_int(s, 0),
        .org = db_int(s, 1),
        .app = db_int(s, 2),
        .endpoint = db_int(s, 3),
        .id = db_text(s, 4, a),
        .kind = db_text(s, 5, a),
        .status = db_text(s, 6, a),
        .input = db_text(s, 7, a),
        .cursor = db_text(s, 8, a),
        .data = db_text(s, 9, a),
        .created_us = db_int(s, 10),
        .updated_us = db_int(s, 11),
        .rate = db_int(s, 12),
        .hold = (enum store_task_hold)db_int(s, 13),
        .paced_from_us = db_int(s, 14),
        .paced_done = db_int(s, 15),
        .started_by = db_text(s, 16, a),
    };
}

enum rc store_task_insert(struct store_tx *tx, struct store_task *t)
{
    struct db_stmt *s = db_prepare(
        tx->db,
        "INSERT INTO task(org, app, endpoint, id, kind, status, input, cursor, data, created, updated,"
        " rate, paced_from, started_by) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " RETURNING num");
    db_bind_int(s, 1, t->org);
    db_bind_int(s, 2, t->app);
    db_bind_int(s, 3, t->endpoint);
    db_bind_text(s, 4, t->id);
    db_bind_text(s, 5, t->kind);
    db_bind_text(s, 6, t->status);
    db_bind_text(s, 7, t->input);
    db_bind_text(s, 8, t->cursor);
    db_bind_text(s, 9, t->data);
    db_bind_int(s, 10, t->created_us);
    db_bind_int(s, 11, t->updated_us);
    db_bind_int(s, 12, t->rate);
    db_bind_int(s, 13, t->created_us);
    db_bind_opt_text(s, 14, t->started_by);
    return store_row_insert(s, &t->num);
}

enum rc store_task_update(struct store_tx *tx, const struct store_task *t)
{
    struct db_stmt *s = db_prepare(
        tx->db, "UPDATE task SET status = ?, cursor = ?, data = ?, updated = ? WHERE num = ?");
    db_bind_text(s, 1, t->status);
    db_bind_text(s, 2, t->cursor);
    db_bind_text(s, 3, t->data);
    db_bind_int(s, 4, t->updated_us);
    db_bind_int(s, 5, t->num);
    return store_row_change(tx->db, s);
}

enum rc store_task_control(struct store_tx *tx, const struct store_task *t)
{
    struct db_stmt *s =
        db_prepare(tx->db, "UPDATE task SET rate = ?, hold = ?, paced_from = ?, paced_done = ?"
                           " WHERE num = ? AND status = 'running'");
    db_bind_int(s, 1, t->rate);
    db_bind_int(s, 2, t->hold);
    db_bind_int(s, 3, t->paced_from_us);
    db_bind_int(s, 4, t->paced_done);
    db_bind_int(s, 5, t->num);
    return store_row_change(tx->db, s);
}

enum rc store_task_find(struct store_tx *tx, int64_t org, struct str id, struct arena *a,
                        struct store_task *out)
{
    struct db_stmt *s = db_prepare(tx->db, "SELECT " COLUMNS " FROM task WHERE org = ? AND id = ?");
    db_bind_int(s, 1, org);
    db_bind_text(s, 2, id);
    return store_row_one(s, read_task, a, out);
}

enum rc store_task_by_num(struct store_tx *tx, int64_t num, struct arena *a, struct store_task *out)
{
    struct db_stmt *s = db_prepare(tx->db, "SELECT " COLUMNS " FROM task WHERE num = ?");
    db_bind_int(s, 1, num);
    return store_row_one(s, read_task, a, out);
}

#define FITS \
    " AND (?3 = '' OR status = ?3) AND (?5 = 0 OR app = ?5)" \
    " AND CASE ?4 WHEN '' THEN CASE substr(kind, 1, 5) WHEN 'bulk.' THEN 1 ELSE 0 END = ?6" \
    " ELSE kind = ?4 END"

enum rc store_task_list(struct store_tx *tx, const struct store_task_filter *f,
                        const struct store_page *page, struct arena *a, struct store_task *out,
                        struct store_page_end *end)
{
    struct db_stmt *s =
        db_prepare(tx->db, store_page_ascending(page)
                               ? "SELECT " COLUMNS " FROM task WHERE org = ?1 AND id > ?2" FITS
                                 " ORDER BY id LIMIT ?7"
                               : "SELECT " COLUMNS " FROM task WHERE org = ?1 AND id < ?2" FITS
                                 " ORDER BY id DESC LIMIT ?7");
    db_bind_int(s, 1, f->org);
    db_bind_text(s, 2, store_page_bound(page));
    db_bind_text(s, 3, f->status);
    db_bind_text(s, 4, f->kind);
    db_bind_int(s, 5, f->app);
    db_bind_int(s, 6, f->is_bulk);
    db_bind_int(s, 7, store_page_max(page));
    return store_page_rows(s, read_task, sizeof *out, page, a, out, end);
}

enum rc store_task_running(struct store_tx *tx, struct arena *a, struct store_task **out,
                           size_t *count)
{
    struct db_stmt *s =
        db_prepare(tx->db, "SELECT " COLUMNS " FROM task WHERE status = 'running' ORDER BY num");
    void *rows = NULL;
    enum rc rc = store_row_all(s, read_task, sizeof **out, a, &rows, count);
    *out = rows;
    return rc;
}

enum rc store_task_prune(struct store_tx *tx, int64_t before_us)
{
    struct db_stmt *s =
        db_prepare(tx->db, "DELETE FROM task WHERE status <> 'running' AND updated < ?");
    db_bind_int(s, 1, before_us);
    return db_run(s);
}
