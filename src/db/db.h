/* SPDX-License-Identifier: Apache-2.0
 *
 * A small SQL driver: connections, prepared statements, transactions. It has two engines, SQLite and PostgreSQL, and
 * entities are written once over these calls. A connection and its statements are used by one thread at a time.
 * Columns count from 0, parameters from 1. Errors are rc; db_error() has the words.
 *
 * Statements are written so that both engines read them: `?` and `?5` for parameters in both, ON CONFLICT and
 * RETURNING for what each has words of its own for. PostgreSQL infers a parameter's type from where it stands; where
 * it cannot, the statement casts: CAST(? AS BIGINT). A parameter that db_bind_int() binds is a bigint.
 */
#pragma once

#include <stdatomic.h>

#include "base/base.h"

struct db;
struct db_stmt;

enum db_mode { DB_READ, DB_WRITE, DB_CREATE };

struct db_options {
    int64_t cache_bytes;
    int page_size;        /* for new files */
    bool checkpoint_auto; /* false: db_checkpoint() is called by others */
    int64_t busy_us;      /* waits this long for a lock */
    int64_t mmap_bytes;
    bool no_sync; /* tests only: skip fsync */
    /* Shared by all connections to a file, and never cleared; NULL: none. Set when the file itself could not be
     * synced. From then on nothing tells which of its pages are on the disk, but its write-ahead log still has
     * all of them: so no connection moves the log any more, nor when it closes, and the first to open the file
     * after all have closed moves all of it again. Commits go on: they sync the log. */
    atomic_bool *sync_failed;
};

/* RC_NOT_FOUND: no such file (not for DB_CREATE). RC_CORRUPT: not a database. RC_BUSY: locked, or no descriptor is left.
 * RC_IO: refused. `why` in words. */
MUST_USE enum rc db_open(const char *path, enum db_mode mode, const struct db_options *o,
                         struct db **out, struct buf *why);

struct db_server_options {
    int64_t answer_us; /* a server that has not answered for so long has failed; 0: 35 s */
};
/* RC_INVALID: no URL of PostgreSQL; `why` says so of something whose name stands before it, and never holds the URL. */
MUST_USE enum rc db_check_url(const char *url, struct buf *why);
/* A connection to PostgreSQL, by a URL ("postgresql://user@host,other/database?...") or the other form of libpq. It
 * must be 14 or later and keep texts as UTF-8. Of several hosts the one that takes writes is used. Blocks for some
 * seconds at most. RC_INVALID: no such URL, or a server that does not do: `why` has the remedy. RC_IO: cannot be had
 * now. `why` never holds a password. */
MUST_USE enum rc db_connect(const char *url, const struct db_server_options *o, struct db **out, struct buf *why);
bool db_is_postgres(const struct db *db);
/* A pooler is between us and PostgreSQL, and may give each transaction another session: what is made in a session and is to last longer
 * than a transaction (temporary tables, settings, locks) is lost, and not to be used. */
bool db_is_pooled(const struct db *db);

void db_close(struct db *db); /* finalizes its statements; NULL is fine */
const char *db_error(struct db *db); /* never NULL; NULL as `db` says that there is no connection */
/* The connection is of no more use: close it, and open it again. A file that could not be opened for writing for a
 * moment (no descriptor, an I/O error) is opened by SQLite for reading, for as long as the connection lasts: true once a
 * write found that out. A connection to a server: true once it was lost or its server did not answer in time. */
bool db_is_stale(const struct db *db);

/* The statement for this SQL, prepared once per connection (found again by the pointer of the
 * literal), reset and unbound. Panics on SQL that does not parse: it is ours. */
struct db_stmt *db_prepare(struct db *db, const char *sql);
/* The same for SQL that is made up for one use (a name of a table is in it); it is copied. The statement lives until
 * db_release(). */
struct db_stmt *db_prepare_once(struct db *db, const char *sql);
void db_release(struct db_stmt *s); /* NULL is fine */
void db_bind_int(struct db_stmt *s, int at, int64_t value);
/* Borrowed until step/reset. PostgreSQL's texts hold no U+0000 and only UTF-8: a statement that looks for another, or
 * deletes, finds nothing, and one that would put it into a row is RC_INVALID. */
void db_bind_text(struct db_stmt *s, int at, struct str value);
void db_bind_blob(struct db_stmt *s, int at, struct str value);
void db_bind_null(struct db_stmt *s, int at);
void db_bind_opt_text(struct db_stmt *s, int at, struct str value); /* NULL when ptr is NULL */

/* A row: true. The end or an error: false, and *rc says which (RC_OK at the end). The statement is
 * reset at the end. RC_CONFLICT: a unique constraint; RC_BUSY: locked, or to be tried again; RC_LIMIT: disk full;
 * RC_CORRUPT; RC_IO. Either way the transaction it belongs to stands as it was before the statement, unless the
 * connection was lost or, with PostgreSQL, the statement only read.
 * The first step of a statement brings all its rows from PostgreSQL: so it has a LIMIT. */
bool db_step(struct db_stmt *s, enum rc *rc);
/* Runs a statement that gives no rows. */
MUST_USE enum rc db_run(struct db_stmt *s);
void db_reset(struct db_stmt *s);

int64_t db_int(struct db_stmt *s, int column); /* 0 for NULL */
struct str db_text(struct db_stmt *s, int column,
                   struct arena *a);                 /* copied to the arena; ptr NULL for NULL */
struct str db_borrow(struct db_stmt *s, int column); /* until the next step */
bool db_is_null(struct db_stmt *s, int column);

/* SQL can call `name` with so many integers (at most 4; NULL comes as 0): it calls fn and gives NULL. For triggers.
 * Until the connection is closed. PostgreSQL has no such functions: there a function of the schema calls fn by
 * RAISE INFO 'grapnel:<name>:<integer>:<integer>', and db_text_function()'s by that with ':<text>' after it. The call
 * comes before the statement's first step has returned. */
MUST_USE enum rc db_function(struct db *db, const char *name, int arg_count,
                             void (*fn)(void *ctx, const int64_t *args), void *ctx);

/* The same with a text after the integers (at most 3 of them); it is borrowed for the call, and NULL comes without ptr. */
MUST_USE enum rc db_text_function(struct db *db, const char *name, int arg_count,
                                  void (*fn)(void *ctx, const int64_t *args, struct str text), void *ctx);

MUST_USE enum rc db_exec(struct db *db, const char *sql); /* several statements, no rows */
/* Reads see one state of everything, that of their first statement; PostgreSQL's writes see what was committed when each statement began. */
MUST_USE enum rc db_begin(struct db *db, bool write);
/* PostgreSQL only: a transaction that writes, and sees one state of everything. RC_BUSY of a statement: what it
 * would change, another has changed since. */
MUST_USE enum rc db_begin_repeatable(struct db *db);
/* On failure the transaction is rolled back. RC_IO with a connection that is stale: nobody knows whether it was
 * committed. */
MUST_USE enum rc db_commit(struct db *db);
void db_rollback(struct db *db);
int64_t db_changes(struct db *db);

/* --- SQLite only ----------------------------------------------------------------------------------------- */


/* Pages in the write-ahead log, as of this connection's last commit (0 before the first). */
int64_t db_wal_pages(const struct db *db);

/* Pages of the write-ahead log's file, used or not; 0 when there is none. Asks the file system. */
int64_t db_wal_file_pages(struct db *db);

/* Moves the write-ahead log into the file. `truncate`: and empties it (waits for readers). */
MUST_USE enum rc db_checkpoint(struct db *db, bool truncate, int64_t *pages_left);

/* Waits until the disk has what was moved into the file. A checkpoint does so itself only once it has moved all of
 * the log, and whoever makes that one would wait for what all those before it left. */
MUST_USE enum rc db_sync(struct db *db);
