/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sealed.h"

#include "store/config_priv.h"
#include "store/store_priv.h"

static const char proof[] = "main secret proof";

#define HAS(table) \
    { \
        "SELECT count(*) FROM sqlite_schema WHERE name = '" table "'", \
            "SELECT count(*) FROM pg_class WHERE oid = to_regclass('\"" table "\"')" \
    }
/* Files alone had the table without it. */
#define HAS_CREDENTIALS \
    { \
        "SELECT count(*) FROM pragma_table_info('filter') WHERE name = 'credentials'", \
            "SELECT count(*) FROM pg_class WHERE oid = to_regclass('filter')" \
    }
#define NEWEST " ORDER BY num DESC LIMIT 1000"

/* The contexts are those of core/secrets.c, access/user.c, inbound/secrets.c, webfilter/secret.c and
 * dialect/gaia_webhook.c. */
static const struct {
    const char *has[2]; /* SQLite, PostgreSQL */
    const char *sealed;
} queries[] = {
    { HAS("endpoint_key"), "SELECT 'endpoint:' || id, sealed FROM endpoint JOIN endpoint_key"
                           " ON endpoint = num WHERE length(sealed) > 0" NEWEST },
    { HAS("endpoint"),
      "SELECT 'headers:' || id, headers FROM endpoint WHERE headers IS NOT NULL" NEWEST },
    { HAS("endpoint"), "SELECT 'options:' || id, options_sealed FROM endpoint"
                       " WHERE options_sealed IS NOT NULL" NEWEST },
    { HAS("source"),
      "SELECT 'source:' || id, secrets FROM source WHERE length(secrets) > 0" NEWEST },
    { HAS("source_token"), "SELECT 'source-url:' || id, sealed FROM source JOIN source_token"
                           " ON source = num WHERE length(sealed) > 0" NEWEST },
    { HAS("filter"), "SELECT 'filter:' || id, secret FROM filter WHERE length(secret) > 0" NEWEST },
    { HAS_CREDENTIALS,
      "SELECT 'filter-url:' || id, credentials FROM filter WHERE credentials IS NOT NULL" NEWEST },
    { HAS("filter_chain"), "SELECT 'filter-chain:' || app || ':' || event, token FROM filter_chain"
                           " WHERE length(token) > 0 LIMIT 1000" },
    { HAS("user"), "SELECT 'user-totp:' || org || ':' || name, totp FROM \"user\""
                   " WHERE length(totp) > 0" NEWEST },
    { HAS("user"), "SELECT 'user-shared:' || org || ':' || name, secret FROM \"user\""
                   " WHERE length(secret) > 0" NEWEST },
    { HAS("gaia_webhook"), "SELECT 'options:' || token, api_token FROM gaia_webhook"
                           " WHERE length(api_token) > 0 LIMIT 1000" },
};

struct db *store_tx_db(struct store_tx *tx)
{
    return tx->db;
}

static enum rc has_table(struct db *db, const char *const query[static 2], bool *has)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(db, query[db_is_postgres(db)]);
    *has = db_step(s, &rc) && db_int(s, 0) > 0;
    db_reset(s);
    return rc;
}

enum rc store_sealed_each(struct db *db, store_sealed_fn fn, void *ctx, int64_t *count)
{
    enum rc rc = RC_OK;
    bool is_enough = false, has = false;
    *count = 0;
    for (size_t i = 0; rc == RC_OK && !is_enough && i < COUNT_OF(queries); i++) {
        rc = has_table(db, queries[i].has, &has);
        if (rc != RC_OK || !has)
            continue;
        struct db_stmt *s = db_prepare(db, queries[i].sealed);
        while (!is_enough && db_step(s, &rc)) {
            ++*count;
            is_enough = fn(ctx, db_borrow(s, 0), db_borrow(s, 1));
        }
        db_reset(s);
    }
    return rc;
}

static void sealed_read_text(struct db_stmt *s, struct arena *a, void *row)
{
    *(struct str *)row = db_text(s, 0, a);
}

enum rc store_seal_proof_get(struct db *db, struct arena *a, struct str *out)
{
    static const char *const settings[2] = HAS("setting");
    bool has = false;
    enum rc rc = has_table(db, settings, &has);
    if (rc != RC_OK || !has)
        return rc == RC_OK ? RC_NOT_FOUND : rc;
    struct db_stmt *s = db_prepare(db, "SELECT value FROM setting WHERE name = ?");
    db_bind_text(s, 1, str_from(proof));
    return store_row_one(s, sealed_read_text, a, out);
}

enum rc store_seal_proof_set(struct store_tx *tx, struct str sealed)
{
    return store_setting_set(tx, proof, sealed);
}

/* --- what was in clear -------------------------------------------------------------------------------- */

struct answer_row {
    struct str key, body;
};

static void sealed_read_answer(struct db_stmt *s, struct arena *a, void *row)
{
    *(struct answer_row *)row = (struct answer_row){ db_text(s, 0, a), db_text(s, 1, a) };
}

static enum rc put_hidden(struct store_tx *tx, const struct answer_row *row, int64_t *count)
{
    struct buf hidden;
    buf_init(&hidden, row->body.len + 1);
    enum rc rc = text_hide_users(row->body, &hidden);
    if (rc == RC_OK && hidden.len < row->body.len) {
        struct db_stmt *s = db_prepare(tx->db, "UPDATE answer SET body = ? WHERE key = ?");
        db_bind_blob(s, 1, buf_str(&hidden));
        db_bind_blob(s, 2, row->key);
        rc = db_run(s);
        ++*count;
    }
    if (hidden.ptr != NULL)
        mem_wipe(hidden.ptr, hidden.len);
    buf_fini(&hidden);
    return rc;
}

enum rc store_answer_hide_users(struct store_tx *tx, int64_t *count)
{
    struct arena arena;
    void *rows = NULL;
    size_t found = 0;
    *count = 0;
    if (db_is_postgres(tx->db))
        return RC_OK; /* no version that kept them knew of servers */
    struct db_stmt *s =
        db_prepare(tx->db, "SELECT key, body FROM answer"
                           " WHERE instr(body, x'3a2f2f') > 0 AND instr(body, x'40') > 0");
    arena_init(&arena);
    enum rc rc =
        store_row_all(s, sealed_read_answer, sizeof(struct answer_row), &arena, &rows, &found);
    const struct answer_row *list = rows;
    for (size_t i = 0; rc == RC_OK && i < found; i++)
        rc = put_hidden(tx, &list[i], count);
    arena_fini(&arena);
    return rc;
}

enum rc store_config_forget(struct store *s)
{
    return store_rewrite_config(&s->config);
}
