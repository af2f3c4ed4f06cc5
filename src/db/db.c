/* SPDX-License-Identifier: Apache-2.0
 *
 * What both engines have in common. Statements are cached per connection under the address of their
 * literal: looking one up costs a multiplication and a compare, which is what lets entities name
 * SQL where they use it. A statement that could not be prepared because of the disk or the network carries
 * its failure to db_step(), so that callers have one place to look at.
 */
#include "db/db_priv.h"

#include <string.h>

enum { SLOTS_FIRST = 64 };

void *db_new(size_t size, const struct db_engine *engine)
{
    struct db *db = xcalloc(1, size);
    db->engine = engine;
    db->slot_count = SLOTS_FIRST;
    db->slots = xcalloc(db->slot_count, sizeof(*db->slots));
    return db;
}

void db_close(struct db *db)
{
    if (db == NULL)
        return;
    for (size_t i = 0; i < db->slot_count; i++)
        if (db->slots[i] != NULL)
            db->engine->stmt_free(db->slots[i]);
    xfree(db->slots);
    db->engine->close(db);
    xfree(db);
}

const char *db_error(struct db *db)
{
    return db == NULL ? "there is no connection to it" : db->engine->error(db);
}

bool db_is_stale(const struct db *db)
{
    return db->is_stale;
}

/* --- statements ----------------------------------------------------------------------------------- */

static size_t slot_of(const struct db *db, const char *sql)
{
    size_t mask = db->slot_count - 1;
    size_t at = (size_t)(((uint64_t)(uintptr_t)sql * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & mask;
    while (db->slots[at] != NULL && db->slots[at]->sql != sql)
        at = (at + 1) & mask;
    return at;
}

static void db_grow(struct db *db)
{
    struct db_stmt **old = db->slots;
    size_t count = db->slot_count;
    db->slot_count = count * 2;
    db->slots = xcalloc(db->slot_count, sizeof(*db->slots));
    for (size_t i = 0; i < count; i++) {
        if (old[i] != NULL)
            db->slots[slot_of(db, old[i]->sql)] = old[i];
    }
    xfree(old);
}

struct db_stmt *db_prepare(struct db *db, const char *sql)
{
    size_t at = slot_of(db, sql);
    struct db_stmt *s = db->slots[at];
    if (s == NULL) {
        if ((db->stmt_count + 1) * 2 > db->slot_count) {
            db_grow(db);
            at = slot_of(db, sql);
        }
        s = db->engine->stmt_new(db, sql);
        db->slots[at] = s;
        db->stmt_count++;
    }
    db->engine->stmt_ready(s);
    return s;
}

struct db_stmt *db_prepare_once(struct db *db, const char *sql)
{
    char *copy = xmemdup(sql, strlen(sql) + 1);
    struct db_stmt *s = db->engine->stmt_new(db, copy);
    s->is_once = true;
    db->engine->stmt_ready(s);
    return s;
}

void db_release(struct db_stmt *s)
{
    if (s == NULL)
        return;
    MUST(s->is_once);
    char *copy = (char *)(uintptr_t)s->sql;
    s->db->engine->stmt_free(s);
    xfree(copy);
}

void db_bind_int(struct db_stmt *s, int at, int64_t value)
{
    s->db->engine->bind_int(s, at, value);
}

void db_bind_text(struct db_stmt *s, int at, struct str value)
{
    s->db->engine->bind_text(s, at, value);
}

void db_bind_blob(struct db_stmt *s, int at, struct str value)
{
    s->db->engine->bind_blob(s, at, value);
}

void db_bind_null(struct db_stmt *s, int at)
{
    s->db->engine->bind_null(s, at);
}

void db_bind_opt_text(struct db_stmt *s, int at, struct str value)
{
    if (value.ptr == NULL)
        db_bind_null(s, at);
    else
        db_bind_text(s, at, value);
}

bool db_step(struct db_stmt *s, enum rc *rc)
{
    return s->db->engine->step(s, rc);
}

enum rc db_run(struct db_stmt *s)
{
    enum rc rc;
    if (db_step(s, &rc))
        db_reset(s);
    return rc;
}

void db_reset(struct db_stmt *s)
{
    s->db->engine->reset(s);
}

/* --- columns -------------------------------------------------------------------------------------- */

int64_t db_int(struct db_stmt *s, int column)
{
    return s->db->engine->column_int(s, column);
}

bool db_is_null(struct db_stmt *s, int column)
{
    return s->db->engine->column_is_null(s, column);
}

struct str db_borrow(struct db_stmt *s, int column)
{
    return s->db->engine->column_bytes(s, column);
}

struct str db_text(struct db_stmt *s, int column, struct arena *a)
{
    struct str value = db_borrow(s, column);
    return value.ptr == NULL ? STR_NONE : arena_str(a, value);
}

/* --- functions ------------------------------------------------------------------------------------ */

enum rc db_function(struct db *db, const char *name, int arg_count,
                    void (*fn)(void *ctx, const int64_t *args), void *ctx)
{
    MUST(arg_count <= DB_FUNCTION_ARGS_MAX);
    return db->engine->function(db, name, arg_count, &(struct db_function){ .fn = fn, .ctx = ctx });
}

enum rc db_text_function(struct db *db, const char *name, int arg_count,
                         void (*fn)(void *ctx, const int64_t *args, struct str text), void *ctx)
{
    MUST(arg_count < DB_FUNCTION_ARGS_MAX);
    return db->engine->function(db, name, arg_count,
                                &(struct db_function){ .text_fn = fn, .ctx = ctx });
}

/* --- transactions --------------------------------------------------------------------------------- */

enum rc db_exec(struct db *db, const char *sql)
{
    return db->engine->exec(db, sql);
}

enum rc db_begin(struct db *db, bool write)
{
    return db->engine->begin(db, write);
}

enum rc db_commit(struct db *db)
{
    return db->engine->commit(db);
}

void db_rollback(struct db *db)
{
    db->engine->rollback(db);
}

int64_t db_changes(struct db *db)
{
    return db->engine->changes(db);
}
