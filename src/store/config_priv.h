/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration database inside the store: its connections, its transactions, and the helpers
 * that entity files share.
 */
#pragma once

#include "store/config.h"

enum {
    CONFIG_READERS = 4,
    CONFIG_WRITE_WAIT_US = 5000000,
    CONFIG_CACHE_BYTES = 1 << 20, /* of each connection */
};

struct store_tx {
    struct store_config *config;
    struct db *db; /* opened on first use */
    bool is_write;
    bool is_busy;
};

struct store_config {
    char *path;
    struct db_options db_options;
    int64_t idempotency_us;
    struct mutex lock; /* guards is_busy of all transactions */
    struct cond freed;
    struct store_tx writer;
    struct store_tx readers[CONFIG_READERS];
};

/* Opens and migrates `dir`/config.db. Fails as store_open(). */
MUST_USE enum rc store_config_open(struct store_config *c, const struct store_options *o,
                                   struct buf *why);
/* Panics if a transaction is still open. Fine on a zeroed struct. */
void store_config_close(struct store_config *c);
/* Moves the log into the file if it has grown. Not a loop thread. */
void store_config_checkpoint(struct store_config *c);

MUST_USE enum rc store_read_config(struct store_config *c, struct store_tx **out);
MUST_USE enum rc store_write_config(struct store_config *c, struct store_tx **out);

/* Fills one row from the statement's columns; strings into the arena. */
typedef void (*store_row_fn)(struct db_stmt *s, struct arena *a, void *row);

/* The one row of a bound statement. RC_NOT_FOUND. */
MUST_USE enum rc store_row_one(struct db_stmt *s, store_row_fn read, struct arena *a, void *out);
/* All rows; *out in the arena. */
MUST_USE enum rc store_row_all(struct db_stmt *s, store_row_fn read, size_t size, struct arena *a,
                               void **out, size_t *count);
/* Runs a bound UPDATE or DELETE of one row. RC_NOT_FOUND: there was none. */
MUST_USE enum rc store_row_change(struct db *db, struct db_stmt *s);

/* Lists: which way the statement must run, and the bound to bind for "after". */
bool store_page_ascending(const struct store_page *page);
struct str store_page_bound(const struct store_page *page);
/* Reads at most page->limit rows of `size` bytes and puts them in canonical order. */
MUST_USE enum rc store_page_rows(struct db_stmt *s, store_row_fn read, size_t size,
                                 const struct store_page *page, struct arena *a, void *out,
                                 struct store_page_end *end);
/* Turns `count` rows of `size` bytes around. */
void store_page_reverse(void *rows, size_t count, size_t size);
