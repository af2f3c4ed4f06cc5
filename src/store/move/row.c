/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of `cell_move`, and what the files of the move have in common.
 */
#include "store/move/row_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { SQL_MAX = 1 << 22 };

static const int64_t slow_answer_us = INT64_C(1800) * 1000000;
static const uint64_t digest_key[2] = { UINT64_C(0x6772617031), UINT64_C(0x6d6f7665) };

/* --- rows ----------------------------------------------------------------------------------------------- */

bool store_move_row_is(const struct move_row *row, const char *step)
{
    return strcmp(row->step, step) == 0;
}

bool store_move_row_is_over(const struct move_row *row)
{
    return store_move_row_is(row, "done") || store_move_row_is(row, "canceled") ||
           store_move_row_is(row, "refused") || store_move_row_is(row, "served");
}

void store_move_counts_write(const struct store_move_counts *n, char out[static MOVE_COUNTS])
{
    (void)snprintf(
        out, MOVE_COUNTS,
        "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64, n->rows,
        n->messages, n->attempts, n->waiting, n->requests, n->filter_runs, n->keys);
}

static void counts_read(const char *text, struct store_move_counts *n)
{
    int64_t *const members[] = { &n->rows,     &n->messages,    &n->attempts, &n->waiting,
                                 &n->requests, &n->filter_runs, &n->keys };
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        char *end;
        *members[i] = strtoll(text, &end, 10);
        text = end;
    }
}

static void row_text(const PGresult *r, int row, int column, char *out, size_t max)
{
    struct str text = store_postgres_bytes(r, row, column);
    (void)snprintf(out, max, "%.*s", STR_ARGS(text));
}

static void row_read(const PGresult *r, int at, struct move_row *out)
{
    char counts[MOVE_COUNTS];
    *out = (struct move_row){ .org = store_postgres_int(r, at, 0),
                              .is_incoming = store_postgres_int(r, at, 1) != 0,
                              .made = store_postgres_int(r, at, 2),
                              .is_canceled = store_postgres_int(r, at, 7) != 0,
                              .held_us = store_postgres_int(r, at, 8),
                              .changed_us = store_postgres_int(r, at, 9) };
    row_text(r, at, 3, out->id, sizeof out->id);
    row_text(r, at, 4, out->other, sizeof out->other);
    row_text(r, at, 5, out->step, sizeof out->step);
    row_text(r, at, 6, out->words, sizeof out->words);
    row_text(r, at, 10, counts, sizeof counts);
    counts_read(counts, &out->counts);
}

enum rc store_move_rows_read(struct postgres_conn *c, const char *where, struct move_row *out,
                             size_t max, size_t *count)
{
    char sql[512];
    PGresult *r;
    *count = 0;
    (void)snprintf(sql, sizeof sql,
                   "SELECT " MOVE_COLUMNS " FROM cell_move WHERE %s ORDER BY made, org LIMIT %zu",
                   where, max);
    enum rc rc = store_move_conn_open(c);
    if (rc == RC_OK)
        rc = store_postgres_query(c, sql, NULL, &r);
    if (rc != RC_OK)
        return rc;
    for (int i = 0; i < PQntuples(r) && *count < max; i++)
        row_read(r, i, &out[(*count)++]);
    PQclear(r);
    return RC_OK;
}

enum rc store_move_row_find(struct postgres_conn *c, int64_t org, bool is_incoming,
                            struct move_row *out)
{
    char where[96];
    size_t count;
    (void)snprintf(where, sizeof where, "org = %" PRId64 " AND incoming = %d", org,
                   (int)is_incoming);
    enum rc rc = store_move_rows_read(c, where, out, 1, &count);
    return rc == RC_OK && count == 0 ? RC_NOT_FOUND : rc;
}

enum rc store_move_row_put(struct store_tx *tx, const struct move_row *row)
{
    char counts[MOVE_COUNTS];
    struct db_stmt *s = db_prepare(
        tx->db, "INSERT INTO cell_move(" MOVE_COLUMNS ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT(org, incoming) DO UPDATE SET made = excluded.made, id = excluded.id,"
                " other = excluded.other, step = excluded.step, words = excluded.words,"
                " cancel = CASE WHEN cell_move.made = excluded.made AND cell_move.cancel = 1 THEN 1"
                " ELSE excluded.cancel END, held = excluded.held, changed = excluded.changed,"
                " counts = excluded.counts");
    store_move_counts_write(&row->counts, counts);
    db_bind_int(s, 1, row->org);
    db_bind_int(s, 2, row->is_incoming);
    db_bind_int(s, 3, row->made);
    db_bind_text(s, 4, str_from(row->id));
    db_bind_text(s, 5, str_from(row->other));
    db_bind_text(s, 6, str_from(row->step));
    db_bind_text(s, 7, str_from(row->words));
    db_bind_int(s, 8, row->is_canceled);
    db_bind_int(s, 9, row->held_us);
    db_bind_int(s, 10, row->changed_us);
    db_bind_text(s, 11, str_from(counts));
    return db_run(s);
}

enum rc store_move_row_check(struct store_tx *tx, const struct move_row *row, bool minds_cancel)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(
        tx->db, "SELECT step, made, cancel FROM cell_move WHERE org = ? AND incoming = ?");
    db_bind_int(s, 1, row->org);
    db_bind_int(s, 2, row->is_incoming);
    if (!db_step(s, &rc))
        return rc == RC_OK ? RC_BUSY : rc;
    bool is_same = str_eq(db_borrow(s, 0), str_from(row->step)) && db_int(s, 1) == row->made &&
                   (!minds_cancel || db_int(s, 2) == 0);
    db_reset(s);
    return is_same ? RC_OK : RC_BUSY;
}

void store_move_row_condition(const struct move_row *row, char *out, size_t max)
{
    (void)snprintf(out, max,
                   "EXISTS (SELECT 1 FROM cell_move WHERE org = %" PRId64 " AND incoming = %d"
                   " AND made = %" PRId64 " AND step = '%s')",
                   row->org, (int)row->is_incoming, row->made, row->step);
}

enum rc store_move_row_delete(struct store_tx *tx, int64_t org, bool is_incoming)
{
    struct db_stmt *s = db_prepare(tx->db, "DELETE FROM cell_move WHERE org = ? AND incoming = ?");
    db_bind_int(s, 1, org);
    db_bind_int(s, 2, is_incoming);
    return db_run(s);
}

/* --- texts and connections ------------------------------------------------------------------------------- */

char *store_move_sql(const char *text, int64_t org)
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '@')
            buf_say(&sql, "%" PRId64, org);
        else
            buf_say(&sql, "%c", *at);
    }
    char *out = xstrdup(sql.ptr == NULL ? "" : sql.ptr);
    buf_fini(&sql);
    return out;
}

void store_move_conn_init(struct postgres_conn *c, const char *url)
{
    store_postgres_conn_init(c, url);
    c->answer_us = slow_answer_us;
}

enum rc store_move_conn_open(struct postgres_conn *c)
{
    return store_postgres_conn_open(c);
}

/* Of a transaction: a pooler gives the connection to others after it. */
enum rc store_move_read_begin(struct postgres_conn *c)
{
    enum rc rc = store_move_conn_open(c);
    if (rc != RC_OK)
        return rc;
    return store_postgres_exec(c, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
                                  " SET LOCAL statement_timeout = '30min';"
                                  " SET LOCAL idle_in_transaction_session_timeout = '10min'");
}

void store_move_read_end(struct postgres_conn *c)
{
    if (c->pg == NULL)
        return;
    if (store_postgres_exec(c, "ROLLBACK") != RC_OK)
        store_postgres_conn_close(c);
}

void store_move_row_translate(struct copy_row *row, int at, int64_t internal, int64_t to)
{
    if (at >= 0 && internal != 0 && row->at[at].number == internal)
        row->at[at].number = to;
}

/* --- what rows come to ----------------------------------------------------------------------------------- */

static void hash_bytes(struct buf *text, const void *bytes, size_t len)
{
    enum rc rc = buf_add(text, bytes, len);
    MUST(rc == RC_OK); /* a row fits into memory, where it is already */
}

void store_move_digest_row(struct move_digest *d, struct buf *scratch, const char *kinds,
                           const struct copy_row *row)
{
    buf_reset(scratch);
    for (size_t i = 0; i < row->count; i++) {
        const struct copy_value *v = &row->at[i];
        bool is_number = strchr("liho", kinds[i]) != NULL;
        int64_t len = v->is_null ? -1 : is_number ? v->number : (int64_t)v->bytes.len;
        hash_bytes(scratch, &v->is_null, sizeof v->is_null);
        hash_bytes(scratch, &len, sizeof len);
        if (!v->is_null && !is_number)
            hash_bytes(scratch, v->bytes.ptr, v->bytes.len);
    }
    d->rows++;
    d->sum += str_siphash(digest_key, buf_str(scratch));
}
