/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of copies share: a store with a bit of everything in it, made through the store's own functions; a
 * database and a folder for its copies; and comparing two stores of files row by row.
 */
#pragma once

#include "support.h"

#include "store/copy.h"

enum { COPIED_NAME_BYTES = 200, COPIED_PATH_BYTES = 512 };

struct copied {
    struct fixture *f; /* its store is closed: the folder to copy from */
    char back[COPIED_NAME_BYTES]; /* a folder that is not there yet */
    struct buf why;
    struct store_copy_counts counts;
    int64_t told, were_there; /* of the last copy: segments, and how many of them had been there */
    int64_t kill_after;       /* this process dies once so many segments are done; 0: it does not */
    enum rc verdict;          /* of whoever is asked whether the main secret is right */
};

extern char *copied_url; /* of the database; main() sets it */

/* cmocka set-up and tear-down: *state is a struct copied. The database is empty. */
int copied_open(void **state);
int copied_close(void **state);

enum rc copied_try(struct copied *c, const char *from, const char *to);
/* Fails the test unless it works. */
void copied_well(struct copied *c, const char *from, const char *to);
void copied_expect_refused(struct copied *c, const char *from, const char *to, enum rc wanted, const char *words);
/* The database answers a statement with this text. */
void copied_expect_sql(const char *sql, const char *wanted);
void copied_path(const char *dir, const char *name, char out[static COPIED_PATH_BYTES]);
/* c->back holds what c->f->dir does. *count: segments. */
void copied_expect_same(struct copied *c, int *count);
/* Copies back from the database, and compares. */
void copied_expect_back(struct copied *c);
#define COPIED_TEST(name) cmocka_unit_test_setup_teardown(name, copied_open, copied_close)
