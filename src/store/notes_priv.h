/* SPDX-License-Identifier: Apache-2.0
 *
 * The notes of the write transaction, inside the store.
 */
#pragma once

#include "db/db.h"
#include "store/notes.h"

enum {
    NOTES_MAX = 128, /* more than that is told as "all" */
    NOTES_OF_APP = 32, /* of one kind and application; more: "all of the application" */
    COMMIT_LISTENERS_MAX = 9
};

struct store_notes {
    size_t count;
    struct store_note list[NOTES_MAX];
};

struct store_listener {
    store_commit_fn fn;
    void *ctx;
};

/* Makes the connection take notes of what it writes into its tables. RC_IO and the like, see db_exec(). */
MUST_USE enum rc store_notes_watch(struct db *db, struct store_notes *notes);
/* Appends what PostgreSQL's schema needs for that. */
void store_notes_triggers(struct buf *sql);
