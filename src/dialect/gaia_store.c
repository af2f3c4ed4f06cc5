/* SPDX-License-Identifier: Apache-2.0
 *
 * Webhooks of the Gaia dialect: rows of the table `gaia_webhook`.
 */
#include "dialect/gaia_store.h"

#include "store/table.h"

#define COLUMNS \
    "token, org, app, endpoint, tenant, datasource, event, ts_field, api_token, host, created"

static void read_webhook(struct db_stmt *s, struct arena *a, void *row)
{
    struct gaia_row *w = row;
    *w = (struct gaia_row){
        .token = db_text(s, 0, a),
        .org = db_int(s, 1),
        .app = db_int(s, 2),
        .endpoint = db_int(s, 3),
        .tenant = db_int(s, 4),
        .datasource = db_text(s, 5, a),
        .event = db_text(s, 6, a),
        .ts_field = db_text(s, 7, a),
        .api_token = db_text(s, 8, a),
        .host = db_text(s, 9, a),
        .created_ms = db_int(s, 10),
    };
}

enum rc gaia_row_insert(struct store_tx *tx, const struct gaia_row *w)
{
    struct db_stmt *s = db_prepare(store_tx_db(tx), "INSERT INTO gaia_webhook(" COLUMNS
                                                    ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    db_bind_text(s, 1, w->token);
    db_bind_int(s, 2, w->org);
    db_bind_int(s, 3, w->app);
    db_bind_int(s, 4, w->endpoint);
    db_bind_int(s, 5, w->tenant);
    db_bind_text(s, 6, w->datasource);
    db_bind_text(s, 7, w->event);
    db_bind_text(s, 8, w->ts_field);
    db_bind_blob(s, 9, w->api_token);
    db_bind_text(s, 10, w->host);
    db_bind_int(s, 11, w->created_ms);
    return db_run(s);
}

enum rc gaia_row_update(struct store_tx *tx, const struct gaia_row *w)
{
    struct db_stmt *s =
        db_prepare(store_tx_db(tx), "UPDATE gaia_webhook SET ts_field = ?, api_token = ?, host = ?"
                                    " WHERE org = ? AND token = ?");
    db_bind_text(s, 1, w->ts_field);
    db_bind_blob(s, 2, w->api_token);
    db_bind_text(s, 3, w->host);
    db_bind_int(s, 4, w->org);
    db_bind_text(s, 5, w->token);
    return store_row_change(store_tx_db(tx), s);
}

enum rc gaia_row_delete(struct store_tx *tx, int64_t org, struct str token)
{
    struct db_stmt *s =
        db_prepare(store_tx_db(tx), "DELETE FROM gaia_webhook WHERE org = ? AND token = ?");
    db_bind_int(s, 1, org);
    db_bind_text(s, 2, token);
    return store_row_change(store_tx_db(tx), s);
}

enum rc gaia_row_find(struct store_tx *tx, int64_t org, struct str token, struct arena *a,
                      struct gaia_row *out)
{
    struct db_stmt *s = db_prepare(
        store_tx_db(tx), "SELECT " COLUMNS " FROM gaia_webhook WHERE org = ? AND token = ?");
    db_bind_int(s, 1, org);
    db_bind_text(s, 2, token);
    return store_row_one(s, read_webhook, a, out);
}

enum rc gaia_row_find_same(struct store_tx *tx, int64_t org, int64_t tenant, struct str datasource,
                           struct str event, struct arena *a, struct gaia_row *out)
{
    struct db_stmt *s =
        db_prepare(store_tx_db(tx), "SELECT " COLUMNS " FROM gaia_webhook WHERE org = ?"
                                    " AND tenant = ? AND datasource = ? AND event = ?"
                                    " ORDER BY created, token LIMIT 1");
    db_bind_int(s, 1, org);
    db_bind_int(s, 2, tenant);
    db_bind_text(s, 3, datasource);
    db_bind_text(s, 4, event);
    return store_row_one(s, read_webhook, a, out);
}

enum rc gaia_row_list(struct store_tx *tx, int64_t org, int64_t tenant, struct arena *a,
                      struct gaia_row **out, size_t *count)
{
    struct db_stmt *s = db_prepare(
        store_tx_db(tx), "SELECT " COLUMNS " FROM gaia_webhook WHERE org = ? AND tenant = ?"
                         " ORDER BY created, token");
    void *rows = NULL;
    db_bind_int(s, 1, org);
    db_bind_int(s, 2, tenant);
    enum rc rc = store_row_all(s, read_webhook, sizeof(**out), a, &rows, count);
    *out = rows;
    return rc;
}

enum rc gaia_row_walk(struct store_tx *tx, int64_t org, struct str after, size_t max,
                      struct arena *a, struct gaia_row **out, size_t *count)
{
    struct db_stmt *s = db_prepare(store_tx_db(tx), "SELECT " COLUMNS
                                                    " FROM gaia_webhook WHERE org = ? AND token > ?"
                                                    " ORDER BY token LIMIT ?");
    void *rows = NULL;
    db_bind_int(s, 1, org);
    db_bind_text(s, 2, after);
    db_bind_int(s, 3, (int64_t)max);
    enum rc rc = store_row_all(s, read_webhook, sizeof(**out), a, &rows, count);
    *out = rows;
    return rc;
}

enum rc gaia_row_page(struct store_tx *tx, const struct gaia_row_page *p, struct arena *a,
                      struct gaia_row **out, size_t *count)
{
    const char *query =
        p->is_descending ? "SELECT " COLUMNS " FROM gaia_webhook WHERE org = ?1 AND endpoint < ?2"
                           " AND (?3 = ?4 OR tenant = ?3) ORDER BY endpoint DESC LIMIT ?5"
                         : "SELECT " COLUMNS " FROM gaia_webhook WHERE org = ?1 AND endpoint > ?2"
                           " AND (?3 = ?4 OR tenant = ?3) ORDER BY endpoint LIMIT ?5";
    struct db_stmt *s = db_prepare(store_tx_db(tx), query);
    void *rows = NULL;
    db_bind_int(s, 1, p->org);
    db_bind_int(s, 2, p->after);
    db_bind_int(s, 3, p->tenant);
    db_bind_int(s, 4, GAIA_ANY_TENANT);
    db_bind_int(s, 5, (int64_t)p->max);
    enum rc rc = store_row_all(s, read_webhook, sizeof(**out), a, &rows, count);
    *out = rows;
    return rc;
}
