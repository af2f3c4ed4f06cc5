/* SPDX-License-Identifier: Apache-2.0
 *
 * What an engine of the driver is: a row of functions, each as the public one of its name says, and connections and
 * statements that begin with what db.c needs of them.
 */
#pragma once

#include "db/db.h"

struct db_stmt {
    struct db *db;
    const char *sql; /* the caller's literal; of a statement that is used once, a copy */
    bool is_once;
};

/* What SQL can call. One of the two. */
struct db_function {
    void (*fn)(void *ctx, const int64_t *args);
    void (*text_fn)(void *ctx, const int64_t *args, struct str text);
    void *ctx;
};
enum { DB_FUNCTION_ARGS_MAX = 4 };

struct db_engine {
    void (*close)(struct db *db); /* what db.c does not free */
    const char *(*error)(struct db *db);
    struct db_stmt *(*stmt_new)(struct db *db, const char *sql); /* zeroed but for db and sql */
    void (*stmt_free)(struct db_stmt *s);                        /* and what it holds on the other side */
    void (*stmt_ready)(struct db_stmt *s);                       /* prepared if it was not; reset and unbound */
    void (*bind_int)(struct db_stmt *s, int at, int64_t value);
    void (*bind_text)(struct db_stmt *s, int at, struct str value);
    void (*bind_blob)(struct db_stmt *s, int at, struct str value);
    void (*bind_null)(struct db_stmt *s, int at);
    bool (*step)(struct db_stmt *s, enum rc *rc);
    void (*reset)(struct db_stmt *s);
    int64_t (*column_int)(struct db_stmt *s, int column);
    struct str (*column_bytes)(struct db_stmt *s, int column);
    bool (*column_is_null)(struct db_stmt *s, int column);
    enum rc (*function)(struct db *db, const char *name, int arg_count, const struct db_function *f);
    enum rc (*exec)(struct db *db, const char *sql);
    enum rc (*begin)(struct db *db, bool write);
    enum rc (*commit)(struct db *db);
    void (*rollback)(struct db *db);
    int64_t (*changes)(struct db *db);
};

struct db {
    const struct db_engine *engine;
    struct db_stmt **slots; /* open addressing by literal address; size is a power of two */
    size_t slot_count;
    size_t stmt_count;
    bool is_stale;
};

/* Makes a connection of `size` bytes that begins with a struct db. */
void *db_new(size_t size, const struct db_engine *engine);
