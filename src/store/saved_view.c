/* SPDX-License-Identifier: Apache-2.0
 *
 * Saved views: rows of the table `saved_view`, listed by id.
 */
#include "store/saved_view.h"

#include "store/config_priv.h"

#define COLUMNS "num, org, id, owner, shared, name, page, query, created, updated"
#define VISIBLE " AND (shared = 1 OR owner = ?2)"

static void read_saved_view(struct db_stmt *s, struct arena *a, void *row)
{
    struct store_saved_view *v = row;
    *v = (struct store_saved_view){
        .num = db_int(s, 0),
        .org = db_int(s, 1),
        .id = db_text(s, 2, a),
        .owner = db_text(s, 3, a),
        .is_shared = db_int(s, 4) != 0,
        .name = db_text(s, 5, a),
        .page = db_text(s, 6, a),
        .query = db_text(s, 7, a),
        .created_us = db_int(s, 8),
        .updated_us = db_int(s, 9),
    };
}

static void saved_view_bind_changeable(struct db_stmt *s, const struct store_saved_view *v)
{
    db_bind_int(s, 1, v->is_shared);
    db_bind_text(s, 2, v->name);
    db_bind_text(s, 3, v->page);
    db_bind_text(s, 4, v->query);
    db_bind_int(s, 5, v->updated_us);
}

/* The limit is a part of the statement, so that nothing comes between counting and inserting. */
enum rc store_saved_view_insert(struct store_tx *tx, struct store_saved_view *v)
{
    struct db_stmt *s = db_prepare(
        tx->db,
        "INSERT INTO saved_view(shared, name, page, query, updated, org, id, owner, created)"
        " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 WHERE (SELECT count(*) FROM saved_view WHERE org = ?6) < ?10"
        " RETURNING num");
    saved_view_bind_changeable(s, v);
    db_bind_int(s, 6, v->org);
    db_bind_text(s, 7, v->id);
    db_bind_text(s, 8, v->owner);
    db_bind_int(s, 9, v->created_us);
    db_bind_int(s, 10, STORE_VIEWS_MAX);
    enum rc rc = store_row_insert(s, &v->num);
    return rc == RC_NOT_FOUND ? RC_LIMIT : rc;
}

enum rc store_saved_view_update(struct store_tx *tx, const struct store_saved_view *v)
{
    struct db_stmt *s = db_prepare(
        tx->db,
        "UPDATE saved_view SET shared = ?, name = ?, page = ?, query = ?, updated = ? WHERE num = ?");
    saved_view_bind_changeable(s, v);
    db_bind_int(s, 6, v->num);
    return store_row_change(tx->db, s);
}

enum rc store_saved_view_remove(struct store_tx *tx, int64_t num)
{
    struct db_stmt *s = db_prepare(tx->db, "DELETE FROM saved_view WHERE num = ?");
    db_bind_int(s, 1, num);
    return store_row_change(tx->db, s);
}

enum rc store_saved_view_find(struct store_tx *tx, int64_t org, struct str owner, struct str id,
                              struct arena *a, struct store_saved_view *out)
{
    struct db_stmt *s = db_prepare(
        tx->db, "SELECT " COLUMNS " FROM saved_view WHERE org = ?1" VISIBLE " AND id = ?3");
    db_bind_int(s, 1, org);
    db_bind_text(s, 2, owner);
    db_bind_text(s, 3, id);
    return store_row_one(s, read_saved_view, a, out);
}

enum rc store_saved_view_list(struct store_tx *tx, int64_t org, struct str owner,
                              const struct store_page *page, struct arena *a,
                              struct store_saved_view *out, struct store_page_end *end)
{
    struct db_stmt *s =
        db_prepare(tx->db, store_page_ascending(page)
                               ? "SELECT " COLUMNS " FROM saved_view WHERE org = ?1" VISIBLE
                                 " AND id > ?3 ORDER BY id LIMIT ?4"
                               : "SELECT " COLUMNS " FROM saved_view WHERE org = ?1" VISIBLE
                                 " AND id < ?3 ORDER BY id DESC LIMIT ?4");
    db_bind_int(s, 1, org);
    db_bind_text(s, 2, owner);
    db_bind_text(s, 3, store_page_bound(page));
    db_bind_int(s, 4, store_page_max(page));
    return store_page_rows(s, read_saved_view, sizeof *out, page, a, out, end);
}
