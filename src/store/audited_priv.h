/* SPDX-License-Identifier: Apache-2.0
 *
 * What a write transaction changes of the objects that people know, gathered for the audit log.
 */
#pragma once

#include "db/db.h"
#include "json/json.h"

/* How a value is read and shown. */
enum store_audited_as {
    STORE_AUDITED_PLAIN,  /* a text or a number */
    STORE_AUDITED_BOOL,
    STORE_AUDITED_JSON,   /* a column of JSON text */
    STORE_AUDITED_SPREAD, /* the same, of an object whose members are shown as the row's own */
    STORE_AUDITED_TIME,   /* the store's time; 0: none */
    STORE_AUDITED_WALL,   /* the same of the wall clock */
    STORE_AUDITED_SECRET, /* never shown, only that it changed */
    STORE_AUDITED_URL     /* without the name and password that stores of older versions have in it */
};

struct store_audited_member {
    const char *name;
    const char *sql; /* `@.` stands for the row. Of a secret: a text that changes with it */
    enum store_audited_as as;
};

/* A table whose rows are objects, or parts of one, that people know. SQL as above. */
struct store_audited {
    const char *table;
    const char *when;  /* which rows; NULL: all */
    const char *kind, *key; /* rows of one kind and key are one object */
    const char *org, *app, *id, *name, *about;
    const char *alive; /* whether people see the object; NULL: the table holds parts of objects that are rows elsewhere */
    const char *ends;  /* the store's time from which on nobody misses the row; NULL: never */
    const struct store_audited_member *members;
    size_t count;
    const char *left_out; /* columns that are nobody's business, separated by blanks */
};
extern const struct store_audited store_audited_tables[];
extern const size_t store_audited_count;

/* One object that the transaction wrote to: what it was and what it is. Members have the digit of their
 * store_audited_as before the name ("5secret"); what begins with '!' says what the object is. */
struct store_audited_change {
    json_t *before, *after;
};

enum { STORE_AUDITED_MAX = 256 };
struct store_audited_changes {
    size_t count;
    int64_t more; /* writes to objects beyond that */
    bool is_unreadable; /* a row could not be taken in: nothing of the transaction may be committed */
    struct store_audited_change list[STORE_AUDITED_MAX];
};

/* What says what the object is. Borrowed. */
const json_t *store_audited_facts(const struct store_audited_change *change);
/* Makes the connection gather what it writes into its tables. RC_IO and the like, see db_exec(). */
MUST_USE enum rc store_audited_watch(struct db *db, struct store_audited_changes *changes);
/* Appends what PostgreSQL's schema needs for that. */
void store_audited_triggers(struct buf *sql);
/* Forgets what was gathered. */
void store_audited_clear(struct store_audited_changes *changes);
