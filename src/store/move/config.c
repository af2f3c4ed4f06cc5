/* SPDX-License-Identifier: Apache-2.0
 *
 * What is configured, of one organisation. The tables are in the order in which they are deleted: what names others comes
 * before them, but for sources. Numbers go along as they are: each cell draws its own from a range of its own.
 *
 * What is written is no change of anybody's, so there is nothing to audit, and nobody can have it in memory: the organisation
 * is held all the while.
 */
#include "store/move/config_priv.h"

#include "store/store_priv.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    SQL_MAX = 8192,
    BATCH_ROWS = 200,
    BATCH_BYTES = 1 << 18,
    SCRATCH_MAX = 1 << 28,
    DELETE_ROWS = 30
};

#define ENDPOINTS "(SELECT num FROM endpoint WHERE app IN " MOVE_APPS ")"

enum {
    PROOF = 1, /* with it somebody shows who they are */
    PASSING =
        2, /* written by the way, also while the organisation is held: it need not be the same */
    DERIVED = 4 /* made by triggers: not copied */
};

static const struct move_table {
    const char *name;
    const char *where; /* which rows; '@' stands for the organisation */
    unsigned is;
} tables[] = {
    { "token_use", "token IN (SELECT num FROM token WHERE org = @)", PASSING },
    { "source_token", "source IN " MOVE_SOURCES, PROOF },
    { "filter_chain", "app IN " MOVE_APPS, PROOF },
    { "token", "org = @", PROOF },
    { "user", "org = @", PROOF },
    { "gaia_webhook", "org = @", PROOF },
    { "filter", "app IN " MOVE_APPS, 0 },
    { "endpoint_key", "endpoint IN " ENDPOINTS, 0 },
    { "endpoint_health", "endpoint IN " ENDPOINTS, PASSING },
    { "endpoint", "app IN " MOVE_APPS, 0 },
    { "endpoint_count", "app IN " MOVE_APPS, DERIVED },
    { "alert_sighting", "rule IN (SELECT num FROM alert_rule WHERE org = @)", PASSING },
    { "alert_rule", "org = @", 0 },
    { "issue_mark", "org = @", PASSING },
    { "saved_view", "org = @", 0 },
    { "event_type", "org = @", 0 },
    { "task", "org = @", 0 },
    { "answer", "org = @", 0 },
    { "setting", "name IN (SELECT 'jwt_not_before.' || num FROM " MOVE_APPS " AS a)", 0 },
    { "audit", "org = @", 0 },
    { "application", "num IN " MOVE_APPS, 0 },
    { "source", "org = @", 0 }, /* says which hidden applications are the organisation's */
};

/* --- columns --------------------------------------------------------------------------------------------- */

struct columns {
    struct buf names; /* in quotes, separated by commas */
    struct buf kinds;
    int org_at; /* which of them is an organisation's number; -1: none */
};

static char column_kind(struct str type)
{
    static const struct {
        const char *type;
        char kind;
    } kinds[] = { { "bigint", 'l' },
                  { "integer", 'i' },
                  { "smallint", 'h' },
                  { "boolean", 'o' },
                  { "text", 't' } };
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (str_eq(type, str_from(kinds[i].type)))
            return kinds[i].kind;
    return 'b';
}

static enum rc columns_read(struct postgres_conn *c, const char *table, struct columns *out)
{
    char sql[400];
    PGresult *r;
    buf_reset(&out->names);
    buf_reset(&out->kinds);
    (void)snprintf(sql, sizeof sql,
                   "SELECT CAST(attname AS text), format_type(atttypid, NULL) FROM pg_attribute"
                   " WHERE attrelid = to_regclass('\"%s\"') AND attnum > 0 AND NOT attisdropped"
                   " ORDER BY attnum",
                   table);
    enum rc rc = store_move_conn_open(c);
    if (rc == RC_OK)
        rc = store_postgres_query(c, sql, NULL, &r);
    if (rc != RC_OK)
        return rc;
    out->org_at = -1;
    for (int i = 0; i < PQntuples(r); i++) {
        if (str_eq(store_postgres_bytes(r, i, 0), STR("org")))
            out->org_at = i;
        buf_say(&out->names, "%s\"%.*s\"", i > 0 ? ", " : "",
                STR_ARGS(store_postgres_bytes(r, i, 0)));
        buf_say(&out->kinds, "%c", column_kind(store_postgres_bytes(r, i, 1)));
    }
    PQclear(r);
    return RC_OK;
}

static void columns_init(struct columns *c)
{
    buf_init(&c->names, SQL_MAX);
    buf_init(&c->kinds, COPY_COLUMNS_MAX + 1);
}

static void columns_fini(struct columns *c)
{
    buf_fini(&c->names);
    buf_fini(&c->kinds);
}

/* Both cells have the same, or one of them has another version. */
static enum rc columns_agree(struct move_in *in, const char *table, struct columns *out)
{
    struct columns far;
    columns_init(&far);
    enum rc rc = columns_read(&in->read, table, out);
    if (rc == RC_OK)
        rc = columns_read(&in->from, table, &far);
    if (rc == RC_OK && !str_eq(buf_str(&out->names), buf_str(&far.names))) {
        buf_say(in->why,
                "the table %s is not the same in both cells: bring all nodes to one version",
                table);
        rc = RC_CORRUPT;
    }
    columns_fini(&far);
    return rc;
}

/* --- copying --------------------------------------------------------------------------------------------- */

struct config_copy {
    struct move_in *in;
    const char *table;
    const struct columns *columns;
    struct store_tx *tx; /* NULL: none is open */
    struct copy_side to;
    struct copy_sink sink;
    size_t rows, bytes; /* of the transaction */
    struct move_digest digest;
    struct buf scratch;
};

static enum rc batch_begin(struct config_copy *c)
{
    char name[64];
    enum rc rc = store_write(c->in->m->o.store, &c->tx);
    if (rc != RC_OK) {
        c->tx = NULL;
        return rc;
    }
    rc = store_move_row_check(c->tx, c->in->m->now, true);
    if (rc != RC_OK) {
        store_end(c->tx);
        c->tx = NULL;
        return rc;
    }
    c->tx->config->is_unaudited = c->tx->config->is_untold = true;
    c->to = (struct copy_side){ .file = c->tx->db, .name = "the database", .why = c->in->why };
    (void)snprintf(name, sizeof name, "\"%s\"", c->table);
    store_copy_sink_init(&c->sink, &c->to, name, c->columns->names.ptr, c->columns->kinds.ptr);
    return RC_OK;
}

static enum rc batch_end(struct config_copy *c, enum rc rc)
{
    if (c->tx == NULL)
        return rc;
    if (rc == RC_OK)
        rc = store_copy_sink_end(&c->sink);
    store_copy_sink_fini(&c->sink);
    rc = store_finish(c->tx, rc);
    c->tx = NULL;
    c->rows = c->bytes = 0;
    return rc;
}

/* `internal`: of the cell that the row is from. It is the same organisation in both. */
static void digest_take(struct config_copy *c, const struct copy_row *row, int64_t internal)
{
    struct copy_row seen = *row;
    store_move_row_translate(&seen, c->columns->org_at, internal, 0);
    store_move_digest_row(&c->digest, &c->scratch, c->columns->kinds.ptr, &seen);
}

static enum rc take_row(void *ctx, struct copy_row *row)
{
    struct config_copy *c = ctx;
    enum rc rc = c->tx == NULL ? batch_begin(c) : RC_OK;
    if (rc != RC_OK)
        return rc;
    digest_take(c, row, c->in->from_internal);
    c->in->counts.rows++;
    c->rows++;
    c->bytes += c->scratch.len;
    store_move_row_translate(row, c->columns->org_at, c->in->from_internal, c->in->own_internal);
    rc = store_copy_sink_put(&c->sink, row);
    if (rc == RC_OK && c->rows < BATCH_ROWS && c->bytes < BATCH_BYTES)
        return RC_OK;
    rc = batch_end(c, rc);
    return rc == RC_OK && !store_move_in_goes_on(c->in) ? RC_BUSY : rc;
}

static enum rc hash_row(void *ctx, struct copy_row *row)
{
    struct config_copy *c = ctx;
    digest_take(c, row, c->in->own_internal);
    return RC_OK;
}

/* All rows of one side. */
static enum rc table_read(struct config_copy *c, struct postgres_conn *conn, const char *sql,
                          copy_row_fn fn)
{
    struct copy_side side = { .server = conn, .name = "a database", .why = c->in->why };
    enum rc rc = store_move_read_begin(conn);
    if (rc == RC_OK)
        rc = store_copy_each(&side, sql, c->columns->kinds.ptr, fn, c);
    store_move_read_end(conn);
    return rc;
}

static enum rc table_copy(struct move_in *in, const struct move_table *t,
                          const struct columns *columns)
{
    struct config_copy c = { .in = in, .table = t->name, .columns = columns };
    struct buf text;
    buf_init(&c.scratch, SCRATCH_MAX);
    buf_init(&text, 2 * SQL_MAX);
    buf_say(&text, "SELECT %s FROM \"%s\" WHERE %s", columns->names.ptr, t->name, t->where);
    char *sql = store_move_sql(text.ptr, in->org);
    enum rc rc = table_read(&c, &in->from, sql, take_row);
    rc = batch_end(&c, rc);
    struct move_digest there = c.digest;
    c.digest = (struct move_digest){ 0 };
    if (rc == RC_OK && (t->is & PASSING) == 0)
        rc = table_read(&c, &in->read, sql, hash_row);
    if (rc == RC_OK && (t->is & PASSING) == 0 &&
        (c.digest.rows != there.rows || c.digest.sum != there.sum)) {
        buf_say(in->why,
                "the table %s differs from its copy: %" PRId64 " rows there, %" PRId64 " here",
                t->name, there.rows, c.digest.rows);
        rc = RC_CORRUPT;
    }
    xfree(sql);
    buf_fini(&text);
    buf_fini(&c.scratch);
    return rc;
}

enum rc store_move_config_copy(struct move_in *in)
{
    struct columns columns;
    enum rc rc = RC_OK;
    columns_init(&columns);
    for (size_t i = COUNT_OF(tables); rc == RC_OK && i-- > 0;) {
        if ((tables[i].is & DERIVED) != 0)
            continue;
        rc = columns_agree(in, tables[i].name, &columns);
        if (rc == RC_OK)
            rc = table_copy(in, &tables[i], &columns);
    }
    columns_fini(&columns);
    return rc;
}

/* --- deleting -------------------------------------------------------------------------------------------- */

/* *more: there may be others. Whoever has a row in memory hears of it. */
static enum rc delete_some(struct store_mover *m, const char *sql, bool *more)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_write(m->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    tx->config->is_unaudited = true;
    rc = store_move_row_check(tx, m->now, false);
    if (rc == RC_OK) {
        struct db_stmt *s = db_prepare_once(tx->db, sql);
        rc = db_run(s);
        *more = rc == RC_OK && db_changes(tx->db) == DELETE_ROWS;
        db_release(s);
    }
    return store_finish(tx, rc);
}

static enum rc table_delete(struct store_mover *m, const struct move_table *t, int64_t org)
{
    char text[1024];
    bool more = true;
    enum rc rc = RC_OK;
    (void)snprintf(text, sizeof text,
                   "DELETE FROM \"%s\" WHERE ctid IN (SELECT ctid FROM \"%s\" WHERE %s LIMIT %d)",
                   t->name, t->name, t->where, (int)DELETE_ROWS);
    char *sql = store_move_sql(text, org);
    while (rc == RC_OK && more) {
        rc = delete_some(m, sql, &more);
        if (rc == RC_OK && more && atomic_load(m->o.is_stopping))
            rc = RC_BUSY;
    }
    xfree(sql);
    return rc;
}

enum rc store_move_config_delete(struct store_mover *m, int64_t org, bool proofs_only)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < COUNT_OF(tables); i++)
        if (!proofs_only || (tables[i].is & PROOF) != 0)
            rc = table_delete(m, &tables[i], org);
    return rc;
}

bool store_move_config_knows(struct str table)
{
    bool is_known = false;
    for (size_t i = 0; i < COUNT_OF(tables); i++)
        is_known = is_known || str_eq(table, str_from(tables[i].name));
    return is_known;
}
