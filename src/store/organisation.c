/* SPDX-License-Identifier: Apache-2.0
 *
 * Organisations: rows of the table `organisation`.
 */
#include "store/application.h"
#include "store/config_priv.h"

#define COLUMNS "num, id, name, created, moving"

static void read_org(struct db_stmt *s, struct arena *a, void *row)
{
    struct store_org *org = row;
    *org = (struct store_org){
        .num = db_int(s, 0),
        .id = db_text(s, 1, a),
        .name = db_text(s, 2, a),
        .created_us = db_int(s, 3),
        .moving = db_text(s, 4, a),
    };
}

enum rc store_org_insert(struct store_tx *tx, struct store_org *org)
{
    struct db_stmt *s = db_prepare(
        tx->db,
        "INSERT INTO organisation(id, name, created, moving) VALUES(?, ?, ?, ?) RETURNING num");
    db_bind_text(s, 1, org->id);
    db_bind_text(s, 2, org->name);
    db_bind_int(s, 3, org->created_us);
    db_bind_text(s, 4, org->moving.ptr == NULL ? STR("") : org->moving);
    return store_row_insert(s, &org->num);
}

enum rc store_org_set_moving(struct store_tx *tx, int64_t num, struct str moving)
{
    struct db_stmt *s = db_prepare(tx->db, "UPDATE organisation SET moving = ? WHERE num = ?");
    db_bind_text(s, 1, moving);
    db_bind_int(s, 2, num);
    return store_row_change(tx->db, s);
}

enum rc store_org_find(struct store_tx *tx, struct str id, struct arena *a, struct store_org *out)
{
    struct db_stmt *s = db_prepare(tx->db, "SELECT " COLUMNS " FROM organisation WHERE id = ?");
    db_bind_text(s, 1, id);
    return store_row_one(s, read_org, a, out);
}

enum rc store_org_by_num(struct store_tx *tx, int64_t num, struct arena *a, struct store_org *out)
{
    struct db_stmt *s = db_prepare(tx->db, "SELECT " COLUMNS " FROM organisation WHERE num = ?");
    db_bind_int(s, 1, num);
    return store_row_one(s, read_org, a, out);
}

enum rc store_org_named(struct store_tx *tx, struct str name, struct arena *a,
                        struct store_org *out)
{
    struct db_stmt *s = db_prepare(
        tx->db, "SELECT " COLUMNS " FROM organisation WHERE name = ? ORDER BY num LIMIT 1");
    db_bind_text(s, 1, name);
    return store_row_one(s, read_org, a, out);
}

enum rc store_org_hidden(struct store_tx *tx, struct arena *a, struct str *id)
{
    enum rc rc = store_setting_get(tx, "operational_org", a, id);
    if (rc == RC_NOT_FOUND)
        *id = STR("");
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc store_org_list(struct store_tx *tx, struct arena *a, struct store_org **out, size_t *count)
{
    void *rows;
    struct str hidden;
    enum rc rc = store_org_hidden(tx, a, &hidden);
    if (rc != RC_OK)
        return rc;
    struct db_stmt *s = db_prepare(tx->db, "SELECT " COLUMNS " FROM organisation WHERE id <> ?"
                                           " ORDER BY num");
    db_bind_text(s, 1, hidden);
    rc = store_row_all(s, read_org, sizeof **out, a, &rows, count);
    if (rc == RC_OK)
        *out = rows;
    return rc;
}

enum rc store_org_page(struct store_tx *tx, const struct store_page *page, struct arena *a,
                       struct store_org *out, struct store_page_end *end)
{
    struct str hidden;
    enum rc rc = store_org_hidden(tx, a, &hidden);
    if (rc != RC_OK)
        return rc;
    struct db_stmt *s =
        db_prepare(tx->db, store_page_ascending(page)
                               ? "SELECT " COLUMNS " FROM organisation WHERE id <> ? AND id > ?"
                                 " ORDER BY id LIMIT ?"
                               : "SELECT " COLUMNS " FROM organisation WHERE id <> ? AND id < ?"
                                 " ORDER BY id DESC LIMIT ?");
    db_bind_text(s, 1, hidden);
    db_bind_text(s, 2, store_page_bound(page));
    db_bind_int(s, 3, store_page_max(page));
    return store_page_rows(s, read_org, sizeof *out, page, a, out, end);
}
