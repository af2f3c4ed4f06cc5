/* SPDX-License-Identifier: Apache-2.0
 *
 * What a commit of configuration touched. Whoever keeps something in memory that is made from it (the
 * directory, sets of filters, sources, tokens) hears of each commit, whoever made it, before
 * store_commit() returns: so nobody who has an answer to a change sees what was before it.
 *
 * The notes are taken by the database, by table and row (store/notes.c), not by the functions that
 * write: a new one cannot forget them. They are plain numbers; what became of a row its reader reads.
 */
#pragma once

#include "store/store.h"

enum store_note_kind {
    STORE_NOTE_ORGANISATION, /* its row changed or went; app 0 */
    STORE_NOTE_APPLICATION,  /* id = app */
    STORE_NOTE_ENDPOINT,     /* its row or its keys */
    STORE_NOTE_HEALTH,       /* of an endpoint, and nothing else of it */
    STORE_NOTE_SOURCE,       /* its row or its tokens; `app` is its own, hidden one */
    STORE_NOTE_FILTERS,      /* webfilters or chains of the application; id 0 */
    STORE_NOTE_TOKEN,        /* `app` 0: the organisation's; id 0 with an app: its JWTs, too */
    STORE_NOTE_EVENT_TYPE,   /* app 0 */
};

/* id 0: an unknown number of the application's objects of that kind. Both 0: of all applications'. */
struct store_note {
    enum store_note_kind kind;
    int64_t app, id;
};

/* Borrowed for the call. */
typedef void (*store_commit_fn)(void *ctx, const struct store_note *notes, size_t count);

/* fn(ctx, notes, count) runs once for each commit that touched anything, with no note twice, on the thread that
 * commits, which is no loop's and holds no transaction. At most 9, one of which is the store itself; register before there are threads. */
void store_on_commit(struct store *s, store_commit_fn fn, void *ctx);
/* Ends it; once threads have ended. */
void store_off_commit(struct store *s, store_commit_fn fn, void *ctx);
