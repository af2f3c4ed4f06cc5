/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration database inside the store: its connections, its transactions, and the helpers
 * that entity files share.
 */
#pragma once

#include "store/audited_priv.h"
#include "store/notes_priv.h"
#include "store/table.h"
#include "store/time_priv.h"

enum {
    CONFIG_READERS = 4,
    CONFIG_WRITE_WAIT_US = 5000000,
    CONFIG_CACHE_BYTES = 1 << 20, /* of each connection */
};

/* In the settings of a database on a server: a hash of the triggers that were made in it. It stays where they are. */
#define CONFIG_TRIGGERS_SETTING "triggers"

struct store_tx {
    struct store_config *config;
    struct db *db; /* opened on first use */
    bool is_write;
    bool is_busy;
};

struct store_config {
    char *url;  /* of a PostgreSQL database; NULL: a file */
    char *path; /* of the file; what to call the database in words */
    struct db_options db_options;
    _Atomic int64_t idempotency_us;
    atomic_bool sync_failed; /* see struct db_options */
    bool is_told;            /* ... and that was logged. Keeper thread */
    struct store_listener listeners[COMMIT_LISTENERS_MAX];
    size_t listener_count;
    struct mutex lock; /* guards is_busy of all transactions */
    struct cond freed;
    struct store_tx writer;
    struct store_notes notes; /* the writer's, of the transaction under way */
    struct store_audited_changes audited; /* the same */
    bool is_unaudited;                    /* ... and what it writes is no change: it comes from another cell, or goes there */
    bool is_untold;                       /* ... and nobody can have it in memory */
    bool audit_must;                      /* ... and see store_audit_must() */
    int64_t audit_rows;                   /* written since the start. The writer's */
    const struct store_time *time;        /* the store's; NULL: not loaded yet, and nothing is audited */
    bool is_migrated;         /* notes can be taken of all tables */
    struct store_tx readers[CONFIG_READERS];
};

/* RC_CORRUPT: there are segments, and no configuration. */
MUST_USE enum rc store_config_is_there(const char *path, const char *dir, struct buf *why);
/* Opens and migrates the database at `url`, or `dir`/config.db. Fails as store_open(). */
MUST_USE enum rc store_config_open(struct store_config *c, const struct store_options *o,
                                   struct buf *why);
/* Panics if a transaction is still open. Fine on a zeroed struct. */
void store_config_close(struct store_config *c);
/* Moves the log into the file, if there is one, and it has grown. Not a loop thread. */
void store_config_checkpoint(struct store_config *c);

/* See store_config_forget(). */
MUST_USE enum rc store_rewrite_config(struct store_config *c);

/* Opens the connection of a transaction that has none. RC_IO and the like: `why` (may be NULL) in words. */
MUST_USE enum rc store_config_connect(struct store_tx *tx, struct buf *why);
/* Hands a transaction that has ended to whoever wants the next one. */
void store_config_give_back(struct store_tx *tx);

MUST_USE enum rc store_read_config(struct store_config *c, struct store_tx **out);
MUST_USE enum rc store_write_config(struct store_config *c, struct store_tx **out);

/* Lists: which way the statement must run, and the bound to bind for "after". */
bool store_page_ascending(const struct store_page *page);
struct str store_page_bound(const struct store_page *page);
/* For the statement's LIMIT: one row more than the page has, which says whether there are others. */
int64_t store_page_max(const struct store_page *page);
/* The text with ASCII's capitals as small letters, as lower() in SQL has it. */
struct str store_text_lower(struct arena *a, struct str text);
/* Reads at most page->limit rows of `size` bytes and puts them in canonical order. */
MUST_USE enum rc store_page_rows(struct db_stmt *s, store_row_fn read, size_t size,
                                 const struct store_page *page, struct arena *a, void *out,
                                 struct store_page_end *end);
/* Turns `count` rows of `size` bytes around. */
void store_page_reverse(void *rows, size_t count, size_t size);
