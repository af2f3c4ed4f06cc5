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
                           " created, updated) VALUES(?, ?, ?, ?, ?, ?, ?, ?) RETURNING num");
    db_bind_int(s, 1, app->org);
    db_bind_text(s, 2, app->id);
    db_bind_opt_text(s, 3, app->uid);
    db_bind_text(s, 4, app->name);
    db_bind_text(s, 5, app->metadata);
    db_bind_int(s, 6, app->throttle);
    db_bind_int(s, 7, app->created_us);
    db_bind_int(s, 8, app->updated_us);
    return store_row_insert(s, &app->num);
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

#define ENDPOINTS "(SELECT num FROM endpoint WHERE app = ?1 AND deleted = 0)"

/* Keys and other secrets of its endpoints go at once; rows stay for the messages that name them. */
enum rc store_application_delete(struct store_tx *tx, int64_t num, int64_t now_us)
{
    struct db_stmt *s = db_prepare(tx->db, "UPDATE application SET deleted = 1, updated = ?"
                                           " WHERE num = ? AND deleted = 0");
    db_bind_int(s, 1, now_us);
    db_bind_int(s, 2, num);
    enum rc rc = store_row_change(tx->db, s);
    static const char *const rest[] = {
        "DELETE FROM endpoint_key WHERE endpoint IN " ENDPOINTS,
        "DELETE FROM endpoint_health WHERE endpoint IN " ENDPOINTS,
        "UPDATE endpoint SET deleted = 1, headers = NULL, options_sealed = NULL,"
        " updated = (SELECT updated FROM application WHERE num = ?1) WHERE app = ?1 AND deleted = 0",
        "DELETE FROM filter WHERE app = ?1",
        "DELETE FROM filter_chain WHERE app = ?1",
        "DELETE FROM token WHERE app = ?1",
    };
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
        tx->db, "SELECT " COLUMNS " FROM application WHERE num = coalesce("
                "(SELECT num FROM application WHERE org = ?1 AND id = ?2 AND deleted = 0),"
                " (SELECT num FROM application WHERE org = ?1 AND uid = ?2 AND deleted = 0))");
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
                      " ORDER BY id LIMIT ?5"
                    : "SELECT " COLUMNS
                      " FROM application WHERE org = ?1 AND deleted = 0 AND id < ?2" FILTERED
                      " ORDER BY id DESC LIMIT ?5");
    db_bind_int(s, 1, org);
    db_bind_text(s, 2, store_page_bound(page));
    db_bind_int(s, 3, f != NULL && f->with_endpoint);
    db_bind_int(s, 4, f != NULL && f->not_all_disabled);
    db_bind_int(s, 5, store_page_max(page));
    return store_page_rows(s, read_application, sizeof *out, page, a, out, end);
}

/* --- searching -------------------------------------------------------------------------------------- */

/* ?1 organisation, ?2 text, ?3 number of the last one of the page before or 0, ?4 rows, ?5 the text in small letters. Its place is found again by what
 * it is ordered by; counts are made for the rows of the page alone. */
#define SORTED(key, than, order) \
    "SELECT " COLUMNS ", coalesce((SELECT live FROM endpoint_count WHERE app = f.num), 0)," \
    " (SELECT count(*) FROM endpoint e CROSS JOIN endpoint_health h" \
    " WHERE h.endpoint = e.num AND e.app = f.num AND e.deleted = 0 AND e.disabled = 0 AND h.failing_since <> 0)," \
    " (SELECT count(*) FROM endpoint e WHERE e.app = f.num AND e.deleted = 0 AND e.disabled <> 0)" \
    " FROM (SELECT a.*, " key " AS place FROM application a WHERE org = ?1 AND deleted = 0" \
    " AND (?2 = '' OR id = ?2 OR instr(lower(name), ?5) > 0 OR instr(lower(coalesce(uid, '')), ?5) > 0)" \
    " AND (?3 = 0 OR (" key ", num) " than " (SELECT " key \
    ", num FROM application a WHERE num = ?3))" \
    " ORDER BY place " order ", num " order " LIMIT ?4) f ORDER BY place " order ", num " order
#define BOTH_WAYS(key) \
    { \
        SORTED(key, ">", "ASC"), SORTED(key, "<", "DESC") \
    }
#define ENDPOINT_COUNT "coalesce((SELECT live FROM endpoint_count c WHERE c.app = a.num), 0)"

static const char *const searches[STORE_APPLICATION_ORDERS][2] = {
    [STORE_APPLICATIONS_BY_NAME] = BOTH_WAYS("lower(a.name)"),
    [STORE_APPLICATIONS_BY_CREATION] = BOTH_WAYS("a.created"),
    [STORE_APPLICATIONS_BY_UPDATE] = BOTH_WAYS("a.updated"),
    [STORE_APPLICATIONS_BY_ENDPOINTS] = BOTH_WAYS(ENDPOINT_COUNT),
};

static void read_found(struct db_stmt *s, struct arena *a, struct store_application_found *out)
{
    read_application(s, a, &out->app);
    out->endpoint_count = db_int(s, 10);
    out->failing_count = db_int(s, 11);
    out->disabled_count = db_int(s, 12);
}

/* The number of an id, also of one that has been deleted. */
static enum rc application_find_place(struct store_tx *tx, int64_t org, struct str id, int64_t *num)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(tx->db, "SELECT num FROM application WHERE org = ? AND id = ?");
    db_bind_int(s, 1, org);
    db_bind_text(s, 2, id);
    if (!db_step(s, &rc))
        return rc == RC_OK ? RC_INVALID : rc;
    *num = db_int(s, 0);
    db_reset(s);
    return RC_OK;
}

enum rc store_application_search(struct store_tx *tx, int64_t org, struct str text,
                                 enum store_application_order order, const struct store_page *page,
                                 struct arena *a, struct store_application_found *out,
                                 struct store_page_end *end)
{
    int64_t after = 0;
    enum rc rc = page->backwards ? RC_INVALID : RC_OK;
    *end = (struct store_page_end){ .done = true };
    if (rc == RC_OK && page->after.len > 0)
        rc = application_find_place(tx, org, page->after, &after);
    if (rc != RC_OK)
        return rc;
    struct db_stmt *s = db_prepare(tx->db, searches[order][page->descending ? 1 : 0]);
    db_bind_int(s, 1, org);
    db_bind_text(s, 2, text);
    db_bind_text(s, 5, store_text_lower(a, text));
    db_bind_int(s, 3, after);
    db_bind_int(s, 4, page->limit + 1);
    while (db_step(s, &rc)) {
        if (end->count == (size_t)page->limit) {
            end->done = false;
            db_reset(s);
            break;
        }
        read_found(s, a, &out[end->count++]);
    }
    return rc;
}
