/* SPDX-License-Identifier: Apache-2.0
 *
 * Users: rows of the table `user`.
 */
#include "store/user.h"

#include "store/config_priv.h"

#define COLUMNS \
    "num, org, name, roles, password, totp, secret, totp_step, generation, created, updated," \
    " totp_new, disabled"

static void read_user(struct db_stmt *s, struct arena *a, void *row)
{
    struct store_user *u = row;
    *u = (struct store_user){
        .num = db_int(s, 0),
        .org = db_int(s, 1),
        .name = db_text(s, 2, a),
        .roles = db_text(s, 3, a),
        .password = db_text(s, 4, a),
        .totp = db_text(s, 5, a),
        .secret = db_text(s, 6, a),
        .totp_step = db_int(s, 7),
        .generation = db_int(s, 8),
        .created_us = db_int(s, 9),
        .updated_us = db_int(s, 10),
        .totp_new = db_text(s, 11, a),
        .is_disabled = db_int(s, 12) != 0,
    };
}

static void bind_sealed(struct db_stmt *s, int at, struct str value)
{
    if (value.ptr == NULL)
        db_bind_null(s, at);
    else
        db_bind_blob(s, at, value);
}

/* Parameters 1 to 8. */
static void user_bind_changeable(struct db_stmt *s, const struct store_user *u)
{
    db_bind_text(s, 1, u->roles);
    db_bind_text(s, 2, u->password);
    bind_sealed(s, 3, u->totp);
    bind_sealed(s, 4, u->secret);
    db_bind_int(s, 5, u->generation);
    db_bind_int(s, 6, u->updated_us);
    bind_sealed(s, 7, u->totp_new);
    db_bind_int(s, 8, u->is_disabled ? 1 : 0);
}

enum rc store_user_insert(struct store_tx *tx, struct store_user *u)
{
    struct db_stmt *s = db_prepare(
        tx->db, "INSERT INTO \"user\"(roles, password, totp, secret, generation, updated, totp_new,"
                " disabled, org, name, totp_step, created)"
                " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?) RETURNING num");
    user_bind_changeable(s, u);
    db_bind_int(s, 9, u->org);
    db_bind_text(s, 10, u->name);
    db_bind_int(s, 11, u->created_us);
    return store_row_insert(s, &u->num);
}

enum rc store_user_update(struct store_tx *tx, const struct store_user *u)
{
    struct db_stmt *s =
        db_prepare(tx->db, "UPDATE \"user\" SET roles = ?, password = ?, totp = ?, secret = ?,"
                           " generation = ?, updated = ?, totp_new = ?, disabled = ?"
                           " WHERE num = ?");
    user_bind_changeable(s, u);
    db_bind_int(s, 9, u->num);
    return store_row_change(tx->db, s);
}

enum rc store_user_delete(struct store_tx *tx, int64_t num)
{
    struct db_stmt *s = db_prepare(tx->db, "DELETE FROM \"user\" WHERE num = ?");
    db_bind_int(s, 1, num);
    return store_row_change(tx->db, s);
}

enum rc store_user_find(struct store_tx *tx, int64_t org, struct str name, struct arena *a,
                        struct store_user *out)
{
    struct db_stmt *s =
        db_prepare(tx->db, "SELECT " COLUMNS " FROM \"user\" WHERE org = ? AND name = ?");
    db_bind_int(s, 1, org);
    db_bind_text(s, 2, name);
    return store_row_one(s, read_user, a, out);
}

enum rc store_user_only(struct store_tx *tx, struct str name, struct arena *a,
                        struct store_user *out)
{
    void *rows;
    size_t count = 0;
    struct db_stmt *s =
        db_prepare(tx->db, "SELECT " COLUMNS " FROM \"user\" WHERE name = ? ORDER BY num LIMIT 2");
    db_bind_text(s, 1, name);
    enum rc rc = store_row_all(s, read_user, sizeof *out, a, &rows, &count);
    if (rc != RC_OK)
        return rc;
    if (count != 1)
        return RC_NOT_FOUND;
    *out = *(struct store_user *)rows;
    return RC_OK;
}

enum rc store_user_by_num(struct store_tx *tx, int64_t num, struct arena *a, struct store_user *out)
{
    struct db_stmt *s = db_prepare(tx->db, "SELECT " COLUMNS " FROM \"user\" WHERE num = ?");
    db_bind_int(s, 1, num);
    return store_row_one(s, read_user, a, out);
}

enum rc store_user_list(struct store_tx *tx, int64_t org, struct arena *a, struct store_user **out,
                        size_t *count)
{
    void *rows;
    struct db_stmt *s = db_prepare(
        tx->db, "SELECT " COLUMNS " FROM \"user\" WHERE ?1 = 0 OR org = ?1 ORDER BY org, name");
    db_bind_int(s, 1, org);
    enum rc rc = store_row_all(s, read_user, sizeof **out, a, &rows, count);
    if (rc == RC_OK)
        *out = rows;
    return rc;
}

enum rc store_user_page(struct store_tx *tx, int64_t org, const struct store_page *page,
                        struct arena *a, struct store_user *out, struct store_page_end *end)
{
    bool ascending = store_page_ascending(page);
    int64_t after = ascending ? 0 : INT64_MAX;
    if (page->after.len > 0 && str_to_i64(page->after, &after) != RC_OK)
        return RC_INVALID;
    struct db_stmt *s =
        db_prepare(tx->db, ascending ? "SELECT " COLUMNS " FROM \"user\" WHERE org = ? AND num > ?"
                                       " ORDER BY num LIMIT ?"
                                     : "SELECT " COLUMNS " FROM \"user\" WHERE org = ? AND num < ?"
                                       " ORDER BY num DESC LIMIT ?");
    db_bind_int(s, 1, org);
    db_bind_int(s, 2, after);
    db_bind_int(s, 3, store_page_max(page));
    return store_page_rows(s, read_user, sizeof *out, page, a, out, end);
}

enum rc store_user_use_step(struct store_tx *tx, int64_t num, int64_t step)
{
    struct db_stmt *s =
        db_prepare(tx->db, "UPDATE \"user\" SET totp_step = ?2 WHERE num = ?1 AND totp_step < ?2");
    db_bind_int(s, 1, num);
    db_bind_int(s, 2, step);
    return store_row_change(tx->db, s);
}
