/* SPDX-License-Identifier: Apache-2.0
 *
 * Statements for PostgreSQL. A statement is prepared on the server at its first step, when it is known which
 * parameters are integers: those are declared as bigint, and the types of all others are inferred. Texts and bytes are
 * sent as they are (binary), integers as text; results come in binary.
 */
#include "db/dial.h"
#include "db/postgres_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of PostgreSQL's pg_type; they never change. */
enum {
    TYPE_BOOL = 16,
    TYPE_INT8 = 20,
    TYPE_INT2 = 21,
    TYPE_INT4 = 23,
    TYPE_OID = 26,
    TYPE_FLOAT8 = 701,
    TYPE_TIMESTAMPTZ = 1184,
    TYPE_NUMERIC = 1700
};

enum { INT_TEXT = 24, NAME_TEXT = 24, PARAMS_MAX = 255 };

struct param {
    char digits[INT_TEXT];
};

struct postgres_stmt {
    struct db_stmt base;
    char *text; /* with $1, $2 ... */
    int param_count;
    bool is_write;      /* changes rows, and so may break a constraint */
    bool is_insert;     /* puts its parameters into rows: INSERT and UPDATE */
    bool is_impossible; /* a text is bound that no row can hold */
    bool is_on_server;
    char name[NAME_TEXT];
    Oid *types;
    const char **values;
    int *lengths, *formats;
    struct param *params;
    PGresult *result;
    int row;
};

static struct postgres_stmt *stmt_of(struct db_stmt *s)
{
    return (struct postgres_stmt *)s;
}

/* --- text ----------------------------------------------------------------------------------------- */

/* The end of a quoted piece that starts at `at`. */
static const char *skip_quoted(const char *at)
{
    char quote = *at++;
    while (*at != '\0' && *at != quote)
        at++;
    return *at == '\0' ? at : at + 1;
}

/* `?` is the parameter after the highest so far, `?5` the fifth, as SQLite has it. Returns how many there are. */
static int write_text(const char *sql, struct buf *out)
{
    int highest = 0;
    while (*sql != '\0') {
        const char *end = sql + 1;
        if (*sql == '\'' || *sql == '"') {
            end = skip_quoted(sql);
        } else if (*sql == '?') {
            char *after;
            long number = strtol(sql + 1, &after, 10);
            number = after == sql + 1 ? highest + 1 : number;
            MUST(number > 0 && number <= PARAMS_MAX);
            highest = number > highest ? (int)number : highest;
            buf_say(out, "$%ld", number);
            sql = after;
            continue;
        }
        buf_say(out, "%.*s", (int)(end - sql), sql);
        sql = end;
    }
    return highest;
}

static bool sql_begins(const char *sql, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strncmp(sql, *words, strlen(*words)) == 0)
            return true;
    return false;
}

struct db_stmt *db_postgres_stmt_new(struct db *db, const char *sql)
{
    struct postgres_stmt *s = XNEW(struct postgres_stmt);
    struct buf text;
    buf_init(&text, 4 * strlen(sql) + 1); /* "?" becomes "$255" at most */
    s->base.db = db;
    s->base.sql = sql;
    s->param_count = write_text(sql, &text);
    s->text = xmemdup(text.ptr == NULL ? "" : text.ptr, text.len + 1);
    buf_fini(&text);
    s->is_insert = sql_begins(sql, (const char *const[]){ "INSERT", "UPDATE", NULL });
    s->is_write = s->is_insert || sql_begins(sql, (const char *const[]){ "DELETE", "WITH", NULL });
    size_t count = (size_t)s->param_count + 1;
    s->types = xcalloc(count, sizeof(*s->types));
    s->values = xcalloc(count, sizeof(*s->values));
    s->lengths = xcalloc(count, sizeof(*s->lengths));
    s->formats = xcalloc(count, sizeof(*s->formats));
    s->params = xcalloc(count, sizeof(*s->params));
    return &s->base;
}

void db_postgres_stmt_free(struct db_stmt *any)
{
    struct postgres_stmt *s = stmt_of(any);
    PQclear(s->result);
    xfree(s->text);
    xfree(s->types);
    xfree(s->values);
    xfree(s->lengths);
    xfree(s->formats);
    xfree(s->params);
    xfree(s);
}

void db_postgres_reset(struct db_stmt *any)
{
    struct postgres_stmt *s = stmt_of(any);
    PQclear(s->result);
    s->result = NULL;
}

void db_postgres_stmt_ready(struct db_stmt *any)
{
    struct postgres_stmt *s = stmt_of(any);
    db_postgres_reset(any);
    s->is_impossible = false;
    for (int i = 0; i < s->param_count; i++)
        s->values[i] = NULL;
}

/* --- parameters ----------------------------------------------------------------------------------- */

static void param_bind(struct postgres_stmt *s, int at, const char *value, size_t len,
                       bool is_binary)
{
    MUST(at >= 1 && at <= s->param_count && len <= INT32_MAX);
    s->values[at - 1] = value;
    s->lengths[at - 1] = (int)len;
    s->formats[at - 1] = is_binary ? 1 : 0;
}

void db_postgres_bind_int(struct db_stmt *any, int at, int64_t value)
{
    struct postgres_stmt *s = stmt_of(any);
    MUST(at >= 1 && at <= s->param_count);
    char *digits = s->params[at - 1].digits;
    int len = snprintf(digits, INT_TEXT, "%lld", (long long)value);
    param_bind(s, at, digits, (size_t)len, false);
    if (s->types[at - 1] != TYPE_INT8) {
        s->types[at - 1] = TYPE_INT8;
        s->is_on_server = false; /* under another name, with the right type */
    }
}

void db_postgres_bind_bytes(struct db_stmt *any, int at, struct str value)
{
    param_bind(stmt_of(any), at, value.ptr == NULL ? "" : value.ptr, value.len, true);
}

/* PostgreSQL would end the transaction over what its texts cannot hold. */
void db_postgres_bind_text(struct db_stmt *any, int at, struct str value)
{
    struct postgres_stmt *s = stmt_of(any);
    if (value.len > 0 && (!str_is_utf8(value) || memchr(value.ptr, '\0', value.len) != NULL))
        s->is_impossible = true;
    db_postgres_bind_bytes(any, at, value);
}

void db_postgres_bind_null(struct db_stmt *any, int at)
{
    param_bind(stmt_of(any), at, NULL, 0, false);
}

/* --- running -------------------------------------------------------------------------------------- */

static bool send_plain(struct postgres *db, const char *sql)
{
    return PQsendQueryParams(db->conn, sql, 0, NULL, NULL, NULL, NULL, 1) == 1;
}

/* Behind a pooler the next transaction may be where nothing of that name is prepared, or something else. */
static bool stmt_has_name(const struct postgres_stmt *s)
{
    return !s->base.is_once && !postgres_of(s->base.db)->is_pooled;
}

static bool send_prepare(struct postgres *db, struct postgres_stmt *s)
{
    if (s->is_on_server)
        return true;
    if (!stmt_has_name(s))
        s->name[0] = '\0';
    else
        (void)snprintf(s->name, sizeof(s->name), "s%lld", (long long)++db->name_count);
    return PQsendPrepare(db->conn, s->name, s->text, s->param_count, s->types) == 1;
}

/* One round trip for all of it: after an error the server leaves out the rest up to the mark. */
static bool send_all(struct postgres *db, struct postgres_stmt *s, bool is_guarded, bool is_led)
{
    return (!is_led || send_plain(db, db_transaction_settings)) &&
           (!is_guarded || send_plain(db, "SAVEPOINT db")) && send_prepare(db, s) &&
           PQsendQueryPrepared(db->conn, s->name, s->param_count, s->values, s->lengths, s->formats,
                               1) == 1 &&
           (!is_guarded || send_plain(db, "RELEASE SAVEPOINT db")) && PQpipelineSync(db->conn) == 1;
}

/* In a pipeline each statement's results end with a NULL; the mark comes last. The one with rows or a count is kept, but
 * not of the settings that may go first. */
static enum rc take_results(struct postgres *db, struct postgres_stmt *s, int statements,
                            bool is_led)
{
    enum rc rc = RC_OK;
    int ends = 0;
    while (!db->base.is_stale) {
        PGresult *r = db_postgres_next_result(db);
        if (r == NULL && ++ends <= statements)
            continue;
        if (r == NULL)
            return db->base.is_stale ? RC_IO : rc;
        ExecStatusType status = PQresultStatus(r);
        if (status == PGRES_PIPELINE_SYNC) {
            PQclear(r);
            return rc;
        }
        if (status == PGRES_FATAL_ERROR && rc == RC_OK)
            rc = db_postgres_failed(db, r);
        bool is_kept =
            status == PGRES_TUPLES_OK || (status == PGRES_COMMAND_OK && PQcmdTuples(r)[0] != '\0');
        if (is_kept && s->result == NULL && (!is_led || ends > 0))
            s->result = r;
        else
            PQclear(r);
    }
    return RC_IO;
}

static enum rc stmt_send_and_take(struct postgres *db, struct postgres_stmt *s, bool is_guarded)
{
    bool is_led = db_postgres_lacks_settings(db);
    int statements = (is_led ? 1 : 0) + (is_guarded ? 2 : 0) + (s->is_on_server ? 1 : 2);
    if (PQenterPipelineMode(db->conn) == 0 || !send_all(db, s, is_guarded, is_led)) {
        db->base.is_stale = true;
        return RC_IO;
    }
    enum rc rc = take_results(db, s, statements, is_led);
    if (!db->base.is_stale && PQexitPipelineMode(db->conn) == 0)
        db->base.is_stale = true;
    return db_postgres_confirmed(db, rc);
}

/* A statement that changes rows stands behind a savepoint, so that one that fails leaves its transaction as it was,
 * as with SQLite. */
static enum rc stmt_execute(struct postgres *db, struct postgres_stmt *s)
{
    bool is_guarded = db->is_writing && s->is_write;
    if (db->base.is_stale)
        return RC_IO;
    enum rc rc = stmt_send_and_take(db, s, is_guarded);
    if (db->base.is_stale)
        return rc;
    s->is_on_server = stmt_has_name(s) && (s->is_on_server || rc == RC_OK);
    if (rc != RC_OK && is_guarded && PQtransactionStatus(db->conn) == PQTRANS_INERROR &&
        db_exec(&db->base, "ROLLBACK TO SAVEPOINT db; RELEASE SAVEPOINT db") != RC_OK)
        db->base.is_stale = true;
    return rc;
}

bool db_postgres_step(struct db_stmt *any, enum rc *rc)
{
    struct postgres_stmt *s = stmt_of(any);
    struct postgres *db = postgres_of(any->db);
    *rc = RC_OK;
    if (s->is_impossible) {
        *rc = s->is_insert ? RC_INVALID : RC_OK;
        db->changes = 0;
        return false;
    }
    if (s->result == NULL) {
        s->row = -1;
        *rc = stmt_execute(db, s);
        if (*rc == RC_OK && s->result != NULL)
            db->changes = strtoll(PQcmdTuples(s->result), NULL, 10);
    }
    if (*rc == RC_OK && s->result != NULL && ++s->row < PQntuples(s->result))
        return true;
    db_postgres_reset(any);
    return false;
}

/* --- columns -------------------------------------------------------------------------------------- */

bool db_postgres_column_is_null(struct db_stmt *any, int column)
{
    const struct postgres_stmt *s = stmt_of(any);
    return PQgetisnull(s->result, s->row, column) != 0;
}

static struct str column_raw(const struct postgres_stmt *s, int column)
{
    return str_of(PQgetvalue(s->result, s->row, column),
                  (size_t)PQgetlength(s->result, s->row, column));
}

static int64_t signed_of(struct str bytes)
{
    int64_t value = bytes.len > 0 && (bytes.ptr[0] & 0x80) != 0 ? -1 : 0;
    for (size_t i = 0; i < bytes.len; i++)
        value = (int64_t)((uint64_t)value << 8 | (uint8_t)bytes.ptr[i]);
    return value;
}

static int64_t short_at(struct str bytes, size_t at)
{
    return signed_of(str_of(bytes.ptr + at, 2));
}

/* The whole part of a numeric: what sums of bigints are. Its digits are to base 10,000, the first of them of weight
 * `weight`. */
static int64_t numeric_of(struct str bytes)
{
    enum { HEAD = 8, NEGATIVE = 0x4000 };
    int64_t value = 0;
    if (bytes.len < HEAD)
        return 0;
    int64_t count = short_at(bytes, 0), weight = short_at(bytes, 2);
    for (int64_t i = 0; i <= weight; i++) {
        size_t at = HEAD + 2 * (size_t)i;
        value = value * 10000 + (i < count && at + 2 <= bytes.len ? short_at(bytes, at) : 0);
    }
    return short_at(bytes, 4) == NEGATIVE ? -value : value;
}

static int64_t float_of(struct str bytes)
{
    uint64_t bits = (uint64_t)signed_of(bytes);
    double value;
    memcpy(&value, &bits, sizeof(value));
    return (int64_t)value;
}

int64_t db_postgres_column_int(struct db_stmt *any, int column)
{
    enum { EPOCH_2000_S = 946684800 };
    const struct postgres_stmt *s = stmt_of(any);
    if (db_postgres_column_is_null(any, column))
        return 0;
    struct str bytes = column_raw(s, column);
    switch (PQftype(s->result, column)) {
    case TYPE_BOOL:
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8: return signed_of(bytes);
    case TYPE_OID: return signed_of(bytes) & UINT32_MAX;
    case TYPE_NUMERIC: return numeric_of(bytes);
    case TYPE_FLOAT8: return float_of(bytes);
    case TYPE_TIMESTAMPTZ: return signed_of(bytes) + (int64_t)EPOCH_2000_S * 1000000;
    default: return strtoll(bytes.ptr, NULL, 10); /* libpq puts a NUL after each value */
    }
}

struct str db_postgres_column_bytes(struct db_stmt *any, int column)
{
    const struct postgres_stmt *s = stmt_of(any);
    return db_postgres_column_is_null(any, column) ? STR_NONE : column_raw(s, column);
}
