/* SPDX-License-Identifier: Apache-2.0
 *
 * Endpoints: rows of `endpoint`, their signing keys in `endpoint_key` (position 0 is the current
 * one), their health in `endpoint_health` (no row: it never failed). A deleted one stays as a row, because
 * deliveries name it by number; its secrets go.
 */
#include "store/endpoint.h"

#include "store/config_priv.h"

#define COLUMNS \
    "num, app, id, uid, kind, url, description, event_types, channels, metadata, headers, options," \
    " options_sealed, throttle, version, disabled, disabled_reason, coalesce(h.failing_since, 0), created," \
    " updated, deleted, coalesce(h.last_failure, 0)"
#define SELECT "SELECT " COLUMNS " FROM endpoint LEFT JOIN endpoint_health h ON h.endpoint = num"

static void read_endpoint(struct db_stmt *s, struct arena *a, void *row)
{
    struct store_endpoint *ep = row;
    *ep = (struct store_endpoint){
        .num = db_int(s, 0),
        .app = db_int(s, 1),
        .id = db_text(s, 2, a),
        .uid = db_text(s, 3, a),
        .kind = db_text(s, 4, a),
        .url = db_text(s, 5, a),
        .description = db_text(s, 6, a),
        .event_types = db_text(s, 7, a),
        .channels = db_text(s, 8, a),
        .metadata = db_text(s, 9, a),
        .headers = db_text(s, 10, a),
        .options = db_text(s, 11, a),
        .options_sealed = db_text(s, 12, a),
        .throttle = db_int(s, 13),
        .version = db_int(s, 14),
        .disabled = db_int(s, 15) != 0,
        .disabled_reason = db_text(s, 16, a),
        .failing_since_us = db_int(s, 17),
        .last_failure_us = db_int(s, 21),
        .created_us = db_int(s, 18),
        .updated_us = db_int(s, 19),
        .deleted = db_int(s, 20) != 0,
    };
}

/* --- keys ------------------------------------------------------------------------------------------ */

static enum rc load_keys(struct store_tx *tx, struct arena *a, struct store_endpoint *ep)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(
        tx->db, "SELECT sealed, expires FROM endpoint_key WHERE endpoint = ? ORDER BY position");
    db_bind_int(s, 1, ep->num);
    ep->key_count = 0;
    while (db_step(s, &rc)) {
        if (ep->key_count == COUNT_OF(ep->keys)) {
            db_reset(s);
            return RC_CORRUPT;
        }
        struct store_endpoint_key *key = &ep->keys[ep->key_count++];
        key->sealed = db_text(s, 0, a);
        key->expires_us = db_int(s, 1);
    }
    return rc;
}

static enum rc load_keys_of(struct store_tx *tx, struct arena *a, struct store_endpoint *eps,
                            size_t count)
{
    for (size_t i = 0; i < count; i++) {
        enum rc rc = load_keys(tx, a, &eps[i]);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

static enum rc drop_keys(struct store_tx *tx, int64_t num)
{
    struct db_stmt *s = db_prepare(tx->db, "DELETE FROM endpoint_key WHERE endpoint = ?");
    db_bind_int(s, 1, num);
    return db_run(s);
}

static enum rc put_keys(struct store_tx *tx, const struct store_endpoint *ep)
{
    MUST(ep->key_count <= COUNT_OF(ep->keys));
    enum rc rc = drop_keys(tx, ep->num);
    for (size_t i = 0; rc == RC_OK && i < ep->key_count; i++) {
        struct db_stmt *s =
            db_prepare(tx->db, "INSERT INTO endpoint_key(endpoint, position, sealed, expires)"
                               " VALUES(?, ?, ?, ?)");
        db_bind_int(s, 1, ep->num);
        db_bind_int(s, 2, (int64_t)i);
        db_bind_blob(s, 3, ep->keys[i].sealed);
        db_bind_int(s, 4, ep->keys[i].expires_us);
        rc = db_run(s);
    }
    return rc;
}

/* --- writing --------------------------------------------------------------------------------------- */

static void bind_blob_or_null(struct db_stmt *s, int at, struct str value)
{
    if (value.ptr == NULL)
        db_bind_null(s, at);
    else
        db_bind_blob(s, at, value);
}

/* What an endpoint may change, parameters 1 to 16. */
static void endpoint_bind_changeable(struct db_stmt *s, const struct store_endpoint *ep)
{
    db_bind_opt_text(s, 1, ep->uid);
    db_bind_text(s, 2, ep->kind);
    db_bind_text(s, 3, ep->url);
    db_bind_text(s, 4, ep->description);
    db_bind_opt_text(s, 5, ep->event_types);
    db_bind_opt_text(s, 6, ep->channels);
    db_bind_text(s, 7, ep->metadata);
    bind_blob_or_null(s, 8, ep->headers);
    db_bind_opt_text(s, 9, ep->options);
    bind_blob_or_null(s, 10, ep->options_sealed);
    db_bind_int(s, 11, ep->throttle);
    db_bind_int(s, 12, ep->version);
    db_bind_int(s, 13, ep->disabled);
    db_bind_text(s, 14, ep->disabled_reason);
    db_bind_int(s, 15, ep->created_us);
    db_bind_int(s, 16, ep->updated_us);
}

/* An endpoint that never failed needs no row to say so. */
static enum rc put_failing(struct store_tx *tx, const struct store_endpoint *ep)
{
    struct db_stmt *s = db_prepare(
        tx->db, "INSERT INTO endpoint_health(endpoint, failing_since, last_failure)"
                " SELECT ?1, ?2, 0"
                " WHERE ?2 <> 0 OR EXISTS(SELECT 1 FROM endpoint_health WHERE endpoint = ?1)"
                " ON CONFLICT(endpoint) DO UPDATE SET failing_since = excluded.failing_since"
                " WHERE endpoint_health.failing_since <> excluded.failing_since");
    db_bind_int(s, 1, ep->num);
    db_bind_int(s, 2, ep->failing_since_us);
    return db_run(s);
}

static enum rc put_rest(struct store_tx *tx, const struct store_endpoint *ep)
{
    enum rc rc = put_failing(tx, ep);
    return rc == RC_OK ? put_keys(tx, ep) : rc;
}

enum rc store_endpoint_insert(struct store_tx *tx, struct store_endpoint *ep)
{
    struct db_stmt *s = db_prepare(
        tx->db,
        "INSERT INTO endpoint(uid, kind, url, description, event_types, channels, metadata, headers, options,"
        " options_sealed, throttle, version, disabled, disabled_reason, created, updated, app, id, failing_since)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0) RETURNING num");
    endpoint_bind_changeable(s, ep);
    db_bind_int(s, 17, ep->app);
    db_bind_text(s, 18, ep->id);
    enum rc rc = store_row_insert(s, &ep->num);
    return rc == RC_OK ? put_rest(tx, ep) : rc;
}

enum rc store_endpoint_update(struct store_tx *tx, const struct store_endpoint *ep)
{
    struct db_stmt *s = db_prepare(
        tx->db,
        "UPDATE endpoint SET uid = ?, kind = ?, url = ?, description = ?, event_types = ?, channels = ?,"
        " metadata = ?, headers = ?, options = ?, options_sealed = ?, throttle = ?, version = ?, disabled = ?,"
        " disabled_reason = ?, created = ?, updated = ? WHERE num = ? AND deleted = 0");
    endpoint_bind_changeable(s, ep);
    db_bind_int(s, 17, ep->num);
    enum rc rc = store_row_change(tx->db, s);
    return rc == RC_OK ? put_rest(tx, ep) : rc;
}

enum rc store_endpoint_delete(struct store_tx *tx, int64_t num, int64_t now_us)
{
    struct db_stmt *s =
        db_prepare(tx->db, "UPDATE endpoint SET deleted = 1, updated = ?, headers = NULL,"
                           " options_sealed = NULL WHERE num = ? AND deleted = 0");
    db_bind_int(s, 1, now_us);
    db_bind_int(s, 2, num);
    enum rc rc = store_row_change(tx->db, s);
    if (rc != RC_OK)
        return rc;
    s = db_prepare(tx->db, "DELETE FROM endpoint_health WHERE endpoint = ?");
    db_bind_int(s, 1, num);
    rc = db_run(s);
    return rc == RC_OK ? drop_keys(tx, num) : rc;
}

enum rc store_endpoint_set_health(struct store_tx *tx, int64_t num, int64_t failing_since_us,
                                  int64_t last_failure_us, bool disabled, struct str reason,
                                  int64_t now_us)
{
    struct db_stmt *s = db_prepare(
        tx->db, "INSERT INTO endpoint_health(endpoint, failing_since, last_failure)"
                " SELECT num, ?2, ?3 FROM endpoint WHERE num = ?1 AND deleted = 0"
                " ON CONFLICT(endpoint) DO UPDATE SET failing_since = excluded.failing_since,"
                " last_failure = excluded.last_failure");
    db_bind_int(s, 1, num);
    db_bind_int(s, 2, failing_since_us);
    db_bind_int(s, 3, last_failure_us);
    enum rc rc = store_row_change(tx->db, s);
    if (rc != RC_OK)
        return rc;
    s = db_prepare(tx->db,
                   "UPDATE endpoint SET disabled = ?2, disabled_reason = ?3, updated = ?4"
                   " WHERE num = ?1 AND deleted = 0 AND (disabled <> ?2 OR disabled_reason <> ?3)");
    db_bind_int(s, 1, num);
    db_bind_int(s, 2, disabled);
    db_bind_text(s, 3, reason);
    db_bind_int(s, 4, now_us);
    return db_run(s);
}

enum rc store_endpoint_put_url(struct store_tx *tx, const struct store_endpoint *ep)
{
    struct db_stmt *s = db_prepare(
        tx->db, "UPDATE endpoint SET url = ?, options = ?, options_sealed = ? WHERE num = ?");
    db_bind_text(s, 1, ep->url);
    db_bind_opt_text(s, 2, ep->options);
    bind_blob_or_null(s, 3, ep->options_sealed);
    db_bind_int(s, 4, ep->num);
    return store_row_change(tx->db, s);
}

/* --- reading --------------------------------------------------------------------------------------- */

static enum rc load_one(struct store_tx *tx, struct db_stmt *s, struct arena *a,
                        struct store_endpoint *out)
{
    enum rc rc = store_row_one(s, read_endpoint, a, out);
    return rc == RC_OK ? load_keys(tx, a, out) : rc;
}

enum rc store_endpoint_find(struct store_tx *tx, int64_t app, struct str id_or_uid, struct arena *a,
                            struct store_endpoint *out)
{
    struct db_stmt *s = db_prepare(
        tx->db, SELECT " WHERE num = coalesce("
                       "(SELECT num FROM endpoint WHERE app = ?1 AND id = ?2 AND deleted = 0),"
                       " (SELECT num FROM endpoint WHERE app = ?1 AND uid = ?2 AND deleted = 0))");
    db_bind_int(s, 1, app);
    db_bind_text(s, 2, id_or_uid);
    return load_one(tx, s, a, out);
}

enum rc store_endpoint_by_id(struct store_tx *tx, int64_t app, struct str id, struct arena *a,
                             struct store_endpoint *out)
{
    struct db_stmt *s = db_prepare(tx->db, SELECT " WHERE app = ?1 AND id = ?2");
    db_bind_int(s, 1, app);
    db_bind_text(s, 2, id);
    return load_one(tx, s, a, out);
}

enum rc store_endpoint_by_num(struct store_tx *tx, int64_t num, struct arena *a,
                              struct store_endpoint *out)
{
    struct db_stmt *s = db_prepare(tx->db, SELECT " WHERE num = ?");
    db_bind_int(s, 1, num);
    return load_one(tx, s, a, out);
}

enum rc store_endpoint_list(struct store_tx *tx, int64_t app, const struct store_page *page,
                            struct arena *a, struct store_endpoint *out, struct store_page_end *end)
{
    struct db_stmt *s = db_prepare(
        tx->db, store_page_ascending(page)
                    ? SELECT " WHERE app = ? AND deleted = 0 AND id > ? ORDER BY id LIMIT ?"
                    : SELECT " WHERE app = ? AND deleted = 0 AND id < ? ORDER BY id DESC LIMIT ?");
    db_bind_int(s, 1, app);
    db_bind_text(s, 2, store_page_bound(page));
    db_bind_int(s, 3, store_page_max(page));
    enum rc rc = store_page_rows(s, read_endpoint, sizeof *out, page, a, out, end);
    return rc == RC_OK ? load_keys_of(tx, a, out, end->count) : rc;
}

/* Both are in order of the endpoints' numbers. */
static enum rc load_all_keys(struct store_tx *tx, int64_t app, struct arena *a,
                             struct store_endpoint *eps, size_t count)
{
    enum rc rc;
    struct store_endpoint *end = eps + count;
    struct db_stmt *s = db_prepare(
        tx->db,
        "SELECT k.endpoint, k.sealed, k.expires FROM endpoint e JOIN endpoint_key k ON k.endpoint = e.num"
        " WHERE e.app = ? AND e.deleted = 0 ORDER BY k.endpoint, k.position");
    db_bind_int(s, 1, app);
    while (db_step(s, &rc)) {
        while (eps < end && eps->num < db_int(s, 0))
            eps++;
        if (eps == end || eps->num != db_int(s, 0) || eps->key_count == COUNT_OF(eps->keys)) {
            db_reset(s);
            return RC_CORRUPT;
        }
        struct store_endpoint_key *key = &eps->keys[eps->key_count++];
        key->sealed = db_text(s, 1, a);
        key->expires_us = db_int(s, 2);
    }
    return rc;
}

enum rc store_endpoint_all(struct store_tx *tx, int64_t app, struct arena *a,
                           struct store_endpoint **out, size_t *count)
{
    void *rows;
    struct db_stmt *s = db_prepare(tx->db, SELECT " WHERE app = ? AND deleted = 0 ORDER BY num");
    db_bind_int(s, 1, app);
    enum rc rc = store_row_all(s, read_endpoint, sizeof **out, a, &rows, count);
    if (rc != RC_OK)
        return rc;
    *out = rows;
    return load_all_keys(tx, app, a, *out, *count);
}

static enum rc read_int(struct db_stmt *s, int64_t *out)
{
    enum rc rc;
    if (db_step(s, &rc)) {
        *out = db_int(s, 0);
        db_reset(s);
    }
    return rc;
}

enum rc store_endpoint_count(struct store_tx *tx, int64_t app, int64_t *count)
{
    struct db_stmt *s = db_prepare(tx->db, "SELECT live FROM endpoint_count WHERE app = ?");
    *count = 0;
    db_bind_int(s, 1, app);
    return read_int(s, count);
}

enum rc store_endpoint_health(struct store_tx *tx, int64_t num, int64_t *failing_since_us,
                              int64_t *last_failure_us)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(
        tx->db, "SELECT failing_since, last_failure FROM endpoint_health WHERE endpoint = ?");
    *failing_since_us = *last_failure_us = 0;
    db_bind_int(s, 1, num);
    if (db_step(s, &rc)) {
        *failing_since_us = db_int(s, 0);
        *last_failure_us = db_int(s, 1);
        db_reset(s);
    }
    return rc;
}

enum rc store_endpoint_unsealed(struct store_tx *tx, int64_t after, int64_t max, struct arena *a,
                                struct store_endpoint **out, size_t *count)
{
    void *rows = NULL;
    struct db_stmt *s = db_prepare(tx->db, SELECT " WHERE num > ? AND url LIKE '%://%@%'"
                                                  " ORDER BY num LIMIT ?");
    db_bind_int(s, 1, after);
    db_bind_int(s, 2, max);
    enum rc rc = store_row_all(s, read_endpoint, sizeof **out, a, &rows, count);
    *out = rows;
    return rc;
}

/* The name is looked for as it stands in the list, in quotes: names need no escaping. */
static struct db_stmt *select_listeners(struct store_tx *tx, const struct store_listeners *l,
                                        struct arena *a)
{
    struct db_stmt *s = db_prepare(
        tx->db,
        "SELECT e.num, e.event_types IS NULL OR instr(e.event_types, ?5) > 0, a.id, e.id"
        " FROM application a CROSS JOIN endpoint e"
        " WHERE e.app = a.num AND e.deleted = 0 AND a.org = ?1 AND a.deleted = 0 AND a.id >= ?2 AND (a.id > ?2 OR e.id > ?3)"
        " ORDER BY a.id, e.id LIMIT ?4");
    db_bind_int(s, 1, l->org);
    db_bind_text(s, 2, l->after_app);
    db_bind_text(s, 3, l->after);
    db_bind_int(s, 4, l->rows_max + 1);
    db_bind_text(s, 5, arena_fmt(a, "\"%.*s\"", STR_ARGS(l->event_type)));
    return s;
}

enum rc store_endpoint_listeners(struct store_tx *tx, struct store_listeners *l, struct arena *a,
                                 int64_t *nums, size_t *count, bool *done)
{
    struct db_stmt *s = select_listeners(tx, l, a);
    int64_t looked = 0;
    enum rc rc = RC_OK;
    *count = 0;
    while (db_step(s, &rc)) {
        if (db_int(s, 1) != 0)
            nums[(*count)++] = db_int(s, 0);
        if (*count < l->max && ++looked < l->rows_max)
            continue;
        l->after_app = db_text(s, 2, a);
        l->after = db_text(s, 3, a);
        *done = !db_step(s, &rc);
        if (!*done)
            db_reset(s);
        return rc;
    }
    *done = rc == RC_OK;
    return rc;
}
