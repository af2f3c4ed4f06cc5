/* SPDX-License-Identifier: Apache-2.0
 *
 * Sources: rows of `source`, their URL tokens in `source_token` (position 0 is the current one).
 */
#include "store/source.h"

#include "store/config_priv.h"

#define COLUMNS \
    "num, org, app, id, uid, name, metadata, kind, scheme, config, secrets, paused, created, updated"

static void read_source(struct db_stmt *s, struct arena *a, void *row)
{
    struct store_source *source = row;
    *source = (struct store_source){
        .num = db_int(s, 0),
        .org = db_int(s, 1),
        .app = db_int(s, 2),
        .id = db_text(s, 3, a),
        .uid = db_text(s, 4, a),
        .name = db_text(s, 5, a),
        .metadata = db_text(s, 6, a),
        .kind = db_text(s, 7, a),
        .scheme = db_text(s, 8, a),
        .config = db_text(s, 9, a),
        .secrets = db_text(s, 10, a),
        .paused = db_int(s, 11) != 0,
        .created_us = db_int(s, 12),
        .updated_us = db_int(s, 13),
    };
}

/* --- tokens ---------------------------------------------------------------------------------------- */

static enum rc load_tokens(struct store_tx *tx, struct arena *a, struct store_source *source)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(
        tx->db,
        "SELECT hash, sealed, expires FROM source_token WHERE source = ? ORDER BY position");
    db_bind_int(s, 1, source->num);
    while (db_step(s, &rc)) {
        struct str hash = db_borrow(s, 0);
        if (source->token_count == COUNT_OF(source->tokens) ||
            hash.len != sizeof source->tokens[0].hash) {
            db_reset(s);
            return RC_CORRUPT;
        }
        struct store_source_token *token = &source->tokens[source->token_count++];
        memcpy(token->hash, hash.ptr, hash.len);
        token->sealed = db_text(s, 1, a);
        token->expires_us = db_int(s, 2);
    }
    return rc;
}

static enum rc drop_tokens(struct store_tx *tx, int64_t num)
{
    struct db_stmt *s = db_prepare(tx->db, "DELETE FROM source_token WHERE source = ?");
    db_bind_int(s, 1, num);
    return db_run(s);
}

static enum rc put_tokens(struct store_tx *tx, const struct store_source *source)
{
    MUST(source->token_count <= COUNT_OF(source->tokens));
    enum rc rc = drop_tokens(tx, source->num);
    for (size_t i = 0; rc == RC_OK && i < source->token_count; i++) {
        const struct store_source_token *token = &source->tokens[i];
        struct db_stmt *s =
            db_prepare(tx->db, "INSERT INTO source_token(hash, source, position, sealed, expires)"
                               " VALUES(?, ?, ?, ?, ?)");
        db_bind_blob(s, 1, str_of((const char *)token->hash, sizeof token->hash));
        db_bind_int(s, 2, source->num);
        db_bind_int(s, 3, (int64_t)i);
        db_bind_blob(s, 4, token->sealed);
        db_bind_int(s, 5, token->expires_us);
        rc = db_run(s);
    }
    return rc;
}

/* --- writing --------------------------------------------------------------------------------------- */

/* What a source may change, parameters 1 to 9. */
static void source_bind_changeable(struct db_stmt *s, const struct store_source *source)
{
    db_bind_opt_text(s, 1, source->uid);
    db_bind_text(s, 2, source->name);
    db_bind_text(s, 3, source->metadata);
    db_bind_text(s, 4, source->kind);
    db_bind_opt_text(s, 5, source->scheme);
    db_bind_text(s, 6, source->config);
    if (source->secrets.ptr != NULL)
        db_bind_blob(s, 7, source->secrets);
    db_bind_int(s, 8, source->paused);
    db_bind_int(s, 9, source->updated_us);
}

enum rc store_source_insert(struct store_tx *tx, struct store_source *source)
{
    struct db_stmt *s =
        db_prepare(tx->db, "INSERT INTO source(uid, name, metadata, kind, scheme, config, secrets,"
                           " paused, updated, created, org, app, id)"
                           " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING num");
    source_bind_changeable(s, source);
    db_bind_int(s, 10, source->created_us);
    db_bind_int(s, 11, source->org);
    db_bind_int(s, 12, source->app);
    db_bind_text(s, 13, source->id);
    enum rc rc = store_row_insert(s, &source->num);
    return rc == RC_OK ? put_tokens(tx, source) : rc;
}

enum rc store_source_update(struct store_tx *tx, const struct store_source *source)
{
    struct db_stmt *s = db_prepare(
        tx->db, "UPDATE source SET uid = ?, name = ?, metadata = ?, kind = ?, scheme = ?,"
                " config = ?, secrets = ?, paused = ?, updated = ?"
                " WHERE num = ? AND deleted = 0");
    source_bind_changeable(s, source);
    db_bind_int(s, 10, source->num);
    enum rc rc = store_row_change(tx->db, s);
    return rc == RC_OK ? put_tokens(tx, source) : rc;
}

enum rc store_source_delete(struct store_tx *tx, int64_t num, int64_t now_us)
{
    struct db_stmt *s = db_prepare(
        tx->db,
        "UPDATE source SET deleted = 1, secrets = NULL, updated = ? WHERE num = ? AND deleted = 0");
    db_bind_int(s, 1, now_us);
    db_bind_int(s, 2, num);
    enum rc rc = store_row_change(tx->db, s);
    return rc == RC_OK ? drop_tokens(tx, num) : rc;
}

/* --- reading --------------------------------------------------------------------------------------- */

static enum rc load_one(struct store_tx *tx, struct db_stmt *s, struct arena *a,
                        struct store_source *out)
{
    enum rc rc = store_row_one(s, read_source, a, out);
    return rc == RC_OK ? load_tokens(tx, a, out) : rc;
}

enum rc store_source_find(struct store_tx *tx, int64_t org, struct str id_or_uid, struct arena *a,
                          struct store_source *out)
{
    struct db_stmt *s = db_prepare(
        tx->db, "SELECT " COLUMNS " FROM source WHERE num = coalesce("
                "(SELECT num FROM source WHERE org = ?1 AND id = ?2 AND deleted = 0),"
                " (SELECT num FROM source WHERE org = ?1 AND uid = ?2 AND deleted = 0))");
    db_bind_int(s, 1, org);
    db_bind_text(s, 2, id_or_uid);
    return load_one(tx, s, a, out);
}

enum rc store_source_by_num(struct store_tx *tx, int64_t num, struct arena *a,
                            struct store_source *out)
{
    struct db_stmt *s =
        db_prepare(tx->db, "SELECT " COLUMNS " FROM source WHERE num = ? AND deleted = 0");
    db_bind_int(s, 1, num);
    return load_one(tx, s, a, out);
}

enum rc store_source_by_id(struct store_tx *tx, struct str id, struct arena *a,
                           struct store_source *out)
{
    struct db_stmt *s =
        db_prepare(tx->db, "SELECT " COLUMNS " FROM source WHERE id = ? AND deleted = 0");
    db_bind_text(s, 1, id);
    return load_one(tx, s, a, out);
}

enum rc store_source_by_token(struct store_tx *tx, const uint8_t hash[static 32], struct arena *a,
                              struct store_source *out)
{
    struct db_stmt *s =
        db_prepare(tx->db, "SELECT " COLUMNS " FROM source WHERE deleted = 0"
                           " AND num = (SELECT source FROM source_token WHERE hash = ?)");
    db_bind_blob(s, 1, str_of((const char *)hash, 32));
    return load_one(tx, s, a, out);
}

enum rc store_source_list(struct store_tx *tx, int64_t org, const struct store_page *page,
                          struct arena *a, struct store_source *out, struct store_page_end *end)
{
    struct db_stmt *s = db_prepare(
        tx->db,
        store_page_ascending(page)
            ? "SELECT " COLUMNS
              " FROM source WHERE org = ? AND deleted = 0 AND id > ? ORDER BY id LIMIT ?"
            : "SELECT " COLUMNS
              " FROM source WHERE org = ? AND deleted = 0 AND id < ? ORDER BY id DESC LIMIT ?");
    db_bind_int(s, 1, org);
    db_bind_text(s, 2, store_page_bound(page));
    db_bind_int(s, 3, store_page_max(page));
    enum rc rc = store_page_rows(s, read_source, sizeof *out, page, a, out, end);
    for (size_t i = 0; rc == RC_OK && i < end->count; i++)
        rc = load_tokens(tx, a, &out[i]);
    return rc;
}

enum rc store_source_unsealed(struct store_tx *tx, int64_t after, int64_t max, struct arena *a,
                              struct store_source **out, size_t *count)
{
    void *rows = NULL;
    struct db_stmt *s =
        db_prepare(tx->db, "SELECT " COLUMNS " FROM source WHERE num > ? AND config LIKE '%://%@%'"
                           " ORDER BY num LIMIT ?");
    db_bind_int(s, 1, after);
    db_bind_int(s, 2, max);
    enum rc rc = store_row_all(s, read_source, sizeof **out, a, &rows, count);
    *out = rows;
    return rc;
}

enum rc store_source_put_config(struct store_tx *tx, int64_t num, struct str config)
{
    struct db_stmt *s = db_prepare(tx->db, "UPDATE source SET config = ? WHERE num = ?");
    db_bind_text(s, 1, config);
    db_bind_int(s, 2, num);
    return store_row_change(tx->db, s);
}
