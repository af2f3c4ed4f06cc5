/* SPDX-License-Identifier: Apache-2.0
 *
 * Webfilters: rows of `filter` and `filter_chain`. Nothing that flows names a filter by number, so
 * deleted ones go.
 */
#include "store/filter.h"

#include "store/config_priv.h"

#define COLUMNS \
    "num, app, id, event, url, description, position, settings, secret, enabled, created, updated," \
    " credentials"

static void read_filter(struct db_stmt *s, struct arena *a, void *row)
{
    struct store_filter *f = row;
    *f = (struct store_filter){
        .num = db_int(s, 0),
        .app = db_int(s, 1),
        .id = db_text(s, 2, a),
        .event = db_text(s, 3, a),
        .url = db_text(s, 4, a),
        .description = db_text(s, 5, a),
        .position = db_int(s, 6),
        .settings = db_text(s, 7, a),
        .secret = db_text(s, 8, a),
        .enabled = db_int(s, 9) != 0,
        .created_us = db_int(s, 10),
        .updated_us = db_int(s, 11),
        .credentials = db_text(s, 12, a),
    };
}

static void bind_opt_blob(struct db_stmt *s, int at, struct str value)
{
    if (value.ptr == NULL)
        db_bind_null(s, at);
    else
        db_bind_blob(s, at, value);
}

/* What a filter may change, parameters 1 to 10. */
static void filter_bind_changeable(struct db_stmt *s, const struct store_filter *f)
{
    db_bind_text(s, 1, f->event);
    db_bind_text(s, 2, f->url);
    db_bind_text(s, 3, f->description);
    db_bind_int(s, 4, f->position);
    db_bind_text(s, 5, f->settings);
    db_bind_blob(s, 6, f->secret);
    db_bind_int(s, 7, f->enabled);
    db_bind_int(s, 8, f->created_us);
    db_bind_int(s, 9, f->updated_us);
    bind_opt_blob(s, 10, f->credentials);
}

enum rc store_filter_insert(struct store_tx *tx, struct store_filter *f)
{
    struct db_stmt *s = db_prepare(
        tx->db, "INSERT INTO filter(event, url, description, position, settings, secret, enabled,"
                " created, updated, credentials, app, id)"
                " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING num");
    filter_bind_changeable(s, f);
    db_bind_int(s, 11, f->app);
    db_bind_text(s, 12, f->id);
    return store_row_insert(s, &f->num);
}

enum rc store_filter_update(struct store_tx *tx, const struct store_filter *f)
{
    struct db_stmt *s = db_prepare(
        tx->db,
        "UPDATE filter SET event = ?, url = ?, description = ?, position = ?, settings = ?,"
        " secret = ?, enabled = ?, created = ?, updated = ?, credentials = ? WHERE num = ?");
    filter_bind_changeable(s, f);
    db_bind_int(s, 11, f->num);
    return store_row_change(tx->db, s);
}

enum rc store_filter_delete(struct store_tx *tx, int64_t num)
{
    struct db_stmt *s = db_prepare(tx->db, "DELETE FROM filter WHERE num = ?");
    db_bind_int(s, 1, num);
    return store_row_change(tx->db, s);
}

enum rc store_filter_find(struct store_tx *tx, int64_t app, struct str id, struct arena *a,
                          struct store_filter *out)
{
    struct db_stmt *s =
        db_prepare(tx->db, "SELECT " COLUMNS " FROM filter WHERE app = ? AND id = ?");
    db_bind_int(s, 1, app);
    db_bind_text(s, 2, id);
    return store_row_one(s, read_filter, a, out);
}

enum rc store_filter_list(struct store_tx *tx, int64_t app, struct str event,
                          const struct store_page *page, struct arena *a, struct store_filter *out,
                          struct store_page_end *end)
{
    struct db_stmt *s =
        db_prepare(tx->db, store_page_ascending(page)
                               ? "SELECT " COLUMNS " FROM filter WHERE app = ?1 AND id > ?2"
                                 " AND (?3 = '' OR event = ?3) ORDER BY id LIMIT ?4"
                               : "SELECT " COLUMNS " FROM filter WHERE app = ?1 AND id < ?2"
                                 " AND (?3 = '' OR event = ?3) ORDER BY id DESC LIMIT ?4");
    db_bind_int(s, 1, app);
    db_bind_text(s, 2, store_page_bound(page));
    db_bind_text(s, 3, event);
    db_bind_int(s, 4, store_page_max(page));
    return store_page_rows(s, read_filter, sizeof *out, page, a, out, end);
}

enum rc store_filter_all(struct store_tx *tx, int64_t app, struct arena *a,
                         struct store_filter **out, size_t *count)
{
    void *rows = NULL;
    struct db_stmt *s = db_prepare(
        tx->db, "SELECT " COLUMNS " FROM filter WHERE app = ? ORDER BY event, position, num");
    db_bind_int(s, 1, app);
    enum rc rc = store_row_all(s, read_filter, sizeof **out, a, &rows, count);
    *out = rows;
    return rc;
}

enum rc store_filter_unsealed(struct store_tx *tx, int64_t after, int64_t max, struct arena *a,
                              struct store_filter **out, size_t *count)
{
    void *rows = NULL;
    struct db_stmt *s =
        db_prepare(tx->db, "SELECT " COLUMNS " FROM filter WHERE num > ? AND url LIKE '%://%@%'"
                           " ORDER BY num LIMIT ?");
    db_bind_int(s, 1, after);
    db_bind_int(s, 2, max);
    enum rc rc = store_row_all(s, read_filter, sizeof **out, a, &rows, count);
    *out = rows;
    return rc;
}

/* --- chains ----------------------------------------------------------------------------------------- */

#define CHAIN_COLUMNS \
    "c.app, c.event, c.deadline, c.keep, c.redact, c.token, c.token_hash, c.old_hash, c.old_until," \
    " c.created, c.updated"

static void read_chain(struct db_stmt *s, struct arena *a, void *row)
{
    struct store_filter_chain *c = row;
    *c = (struct store_filter_chain){
        .app = db_int(s, 0),
        .event = db_text(s, 1, a),
        .deadline_ms = db_int(s, 2),
        .keep = db_text(s, 3, a),
        .redact = db_text(s, 4, a),
        .token = db_text(s, 5, a),
        .token_hash = db_text(s, 6, a),
        .old_hash = db_text(s, 7, a),
        .old_until_us = db_int(s, 8),
        .created_us = db_int(s, 9),
        .updated_us = db_int(s, 10),
    };
}

enum rc store_filter_chain_get(struct store_tx *tx, int64_t app, struct str event, struct arena *a,
                               struct store_filter_chain *out)
{
    struct db_stmt *s = db_prepare(tx->db, "SELECT " CHAIN_COLUMNS
                                           " FROM filter_chain c WHERE c.app = ? AND c.event = ?");
    db_bind_int(s, 1, app);
    db_bind_text(s, 2, event);
    return store_row_one(s, read_chain, a, out);
}

enum rc store_filter_chain_put(struct store_tx *tx, const struct store_filter_chain *c)
{
    struct db_stmt *s = db_prepare(
        tx->db, "INSERT INTO filter_chain(app, event, deadline, keep, redact, token,"
                " token_hash, old_hash, old_until, created, updated)"
                " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT(app, event) DO UPDATE SET deadline = excluded.deadline,"
                " keep = excluded.keep, redact = excluded.redact, token = excluded.token,"
                " token_hash = excluded.token_hash, old_hash = excluded.old_hash,"
                " old_until = excluded.old_until, created = excluded.created,"
                " updated = excluded.updated");
    db_bind_int(s, 1, c->app);
    db_bind_text(s, 2, c->event);
    db_bind_int(s, 3, c->deadline_ms);
    db_bind_text(s, 4, c->keep);
    db_bind_text(s, 5, c->redact);
    bind_opt_blob(s, 6, c->token);
    bind_opt_blob(s, 7, c->token_hash);
    bind_opt_blob(s, 8, c->old_hash);
    db_bind_int(s, 9, c->old_until_us);
    db_bind_int(s, 10, c->created_us);
    db_bind_int(s, 11, c->updated_us);
    return db_run(s);
}

enum rc store_filter_chain_all(struct store_tx *tx, int64_t app, struct arena *a,
                               struct store_filter_chain **out, size_t *count)
{
    void *rows = NULL;
    struct db_stmt *s = db_prepare(tx->db, "SELECT " CHAIN_COLUMNS
                                           " FROM filter_chain c WHERE c.app = ? ORDER BY c.event");
    db_bind_int(s, 1, app);
    enum rc rc = store_row_all(s, read_chain, sizeof **out, a, &rows, count);
    *out = rows;
    return rc;
}

enum rc store_filter_chain_by_token(struct store_tx *tx, struct str hash, int64_t now_us,
                                    struct arena *a, struct store_filter_chain *out)
{
    struct db_stmt *s = db_prepare(
        tx->db, "SELECT " CHAIN_COLUMNS " FROM filter_chain c"
                " JOIN application p ON p.num = c.app AND p.deleted = 0"
                " WHERE c.token_hash = ?1 OR (c.old_hash = ?1 AND c.old_until > ?2) LIMIT 1");
    db_bind_blob(s, 1, hash);
    db_bind_int(s, 2, now_us);
    return store_row_one(s, read_chain, a, out);
}

static void read_num(struct db_stmt *s, struct arena *a, void *row)
{
    (void)a;
    *(int64_t *)row = db_int(s, 0);
}

enum rc store_filter_chain_apps(struct store_tx *tx, int64_t max, struct arena *a, int64_t **out,
                                size_t *count)
{
    void *rows = NULL;
    struct db_stmt *s =
        db_prepare(tx->db, "SELECT DISTINCT c.app FROM filter_chain c"
                           " JOIN application p ON p.num = c.app AND p.deleted = 0"
                           " WHERE c.token_hash IS NOT NULL ORDER BY c.app DESC LIMIT ?");
    db_bind_int(s, 1, max);
    enum rc rc = store_row_all(s, read_num, sizeof **out, a, &rows, count);
    *out = rows;
    return rc;
}
