/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the PostgreSQL backend that reads need, on a database of their own, and rows put there by SQL: nobody writes.
 */
#pragma once

#include "support.h"

#include "postgres.h"
#include "store/key_time_priv.h"
#include "store/postgres/postgres_priv.h"

enum { READS_START_S = 1800000000 };
#define READS_START_US (READS_START_S * SECOND)

struct reads {
    struct store_postgres store;
    struct arena arena;
};

/* Before the tests, and after: a program's database. */
void reads_begin(void);
void reads_end(void);
/* cmocka set-up and tear-down: *state is a struct reads; its tables are empty. */
int reads_open(void **state);
int reads_close(void **state);
/* On what is in a database already. For reads_close(). */
struct reads *reads_load(char *url);
/* Closes the connections for reading, which tells the server's counters what they did. */
void reads_disconnect(struct reads *r);

/* Sees to it that there is a segment, of a day, for a time. */
void reads_cover(struct reads *r, int64_t at_us);
void reads_run(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* What a statement answers, for xfree(). */
char *reads_ask(const char *sql);
struct str reads_after(struct reads *r, const char *prefix, struct id id);

/* A message of TEST_APP to the endpoints 1 to 3, made so long after the start. */
struct id reads_message(int64_t after_us, int64_t shown_later_us);
struct reads_attempt {
    int64_t endpoint;
    int64_t after_us; /* the message */
    int number;
    enum store_state state_after;
    enum store_reason reason;
};
void reads_attempt(struct id message, struct reads_attempt a);
void reads_waiting(struct id message, int64_t endpoint, enum store_state state, int attempts);
