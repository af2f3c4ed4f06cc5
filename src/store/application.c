/* SPDX-License-Identifier: Apache-2.0
 *
 * Applications: rows of the table `application`. A deleted one stays as a row, because messages
 * name it by number; its id finds nothing any more and its uid is free.
 */
#include "store/application.h"
#include "store/config_priv.h"

#define COLUMNS "num, org, id, uid, name, metadata, throttle, created, updated, deleted"

static void read_application(struct db_stmt *s, struct arena *a, void *row)
{
    struct store_application *app = row;
    *app = (struct store_application){
        .num = db_int(s, 0),
        .org = db_int(s, 1),
        .id = db_text(s, 2, a),
        .uid = db_text(s, 3, a),
        .name = db_text(s, 4, a),
        .metadata = db_text(s, 5, a),
        .throttle = db_int(s, 6),
        .created_us = db_int(s, 7),
        .updated_us = db_int(s, 8),
        .deleted = db_int(s, 9) != 0,
    };
}

enum rc store_application_insert(struct store_tx *tx, struct store_application *app)
{
    struct db_stmt *s =
        db_prepare(tx->db, "INSERT INTO application(org, id, uid, name, metadata, throttle,"
                           " created, updated) VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
    db_bind_int(s, 1, app->org);
    db_bind_text(s, 2, app->id);
    db_bind_opt_text(s, 3, app->uid);
    db_bind_text(s, 4, app->name);
    db_bind_text(s, 5, app->metadata);
    db_bind_int(s, 6, app->throttle);
    db_bind_int(s, 7, app->created_us);
    db_bind_int(s, 8, app->updated_us);
    enum rc rc = db_run(s);
    if (rc == RC_OK)
        app->num = db_last_rowid(tx->db);
    return rc;
}

enum rc store_application_update(struct store_tx *tx, const struct store_application *app)
{
    struct db_stmt *s =
        db_prepare(tx->db, "UPDATE application SET uid = ?, name = ?, metadata = ?,"
                           " throttle = ?, updated = ? WHERE num = ? AND deleted = 0");
    db_bind_opt_text(s, 1, app->uid);
    db_bind_text(s, 2, app->name);
    db_bind_text(s, 3, app->metadata);
    db_bind_int(s, 4, app->throttle);
    db_bind_int(s, 5, app->updated_us);
    db_bind_int(s, 6, app->num);
    return store_row_change(tx->db, s);
}

/* Keys and other secrets of its endpoints go at once; rows stay for the messages that name them. */
enum rc store_application_delete(struct store_tx *tx, int64_t num, int64_t now_us)
{
    struct db_stmt *s = db_prepare(tx->db, "UPDATE application SET deleted = 1, updated = ?"
                                           " WHERE num = ? AND deleted = 0");
    db_bind_int(s, 1, now_us);
    db_bind_int(s, 2, num);
    enum rc rc = store_row_change(tx->db, s);
    if (rc != RC_OK)
        return rc;
    s = db_prepare(
        tx->db,
        "DELETE FROM endpoint_key WHERE endpoint IN (SELECT num FROM endpoint WHERE app = ? AND deleted = 0)");
    db_bind_int(s, 1, num);
    rc = db_run(s);
    if (rc != RC_OK)
        return rc;
    s = db_prepare(tx->db, "UPDATE endpoint SET deleted = 1, updated = ?, headers = NULL,"
                           " options_sealed = NULL WHERE app = ? AND deleted = 0");
    db_bind_int(s, 1, now_us);
    db_bind_int(s, 2, num);
    rc = db_run(s);
    if (rc != RC_OK)
        return rc;
    static const char *const rest[] = { "DELETE FROM filter WHERE app = ?",
                                        "DELETE FROM filter_chain WHERE app = ?",
                                        "DELETE FROM token WHERE app = ?" };
    for (size_t i = 0; rc == RC_OK && i < COUNT_OF(rest); i++) {
        s = db_prepare(tx->db, rest[i]);
        db_bind_int(s, 1, num);
        rc = db_run(s);
    }
    return rc;
}

enum rc store_application_find(struct store_tx *tx, int64_t org, struct str id_or_uid,
                               struct arena *a, struct store_application *out)
{
    struct db_stmt *s = db_prepare(
        tx->db, "SELECT " COLUMNS " FROM application WHERE org = ?1"
                " AND (id = ?2 OR uid = ?2) AND deleted = 0 ORDER BY id = ?2 DESC LIMIT 1");
    db_bind_int(s, 1, org);
    db_bind_text(s, 2, id_or_uid);
    return store_row_one(s, read_application, a, out);
}

enum rc store_application_by_num(struct store_tx *tx, int64_t num, struct arena *a,
                                 struct store_application *out)
{
    struct db_stmt *s = db_prepare(tx->db, "SELECT " COLUMNS " FROM application WHERE num = ?");
    db_bind_int(s, 1, num);
    return store_row_one(s, read_application, a, out);
}

#define LIVE "SELECT 1 FROM endpoint e WHERE e.app = application.num AND e.deleted = 0"
#define FILTERED \
    " AND (?3 = 0 OR EXISTS(" LIVE "))" \
    " AND (?4 = 0 OR EXISTS(" LIVE " AND e.disabled = 0) OR NOT EXISTS(" LIVE "))"

enum rc store_application_list(struct store_tx *tx, int64_t org,
                               const struct store_application_filter *f,
                               const struct store_page *page, struct arena *a,
                               struct store_application *out, struct store_page_end *end)
{
    struct db_stmt *s = db_prepare(
        tx->db, store_page_ascending(page)
                    ? "SELECT " COLUMNS
                      " FROM application WHERE org = ?1 AND deleted = 0 AND id > ?2" FILTERED
                      " ORDER BY id"
                    : "SELECT " COLUMNS
                      " FROM application WHERE org = ?1 AND deleted = 0 AND id < ?2" FILTERED
                      " ORDER BY id DESC");
    db_bind_int(s, 1, org);
    db_bind_text(s, 2, store_page_bound(page));
    db_bind_int(s, 3, f != NULL && f->with_endpoint);
    db_bind_int(s, 4, f != NULL && f->not_all_disabled);
    return store_page_rows(s, read_application, sizeof *out, page, a, out, end);
}
