/* SPDX-License-Identifier: Apache-2.0
 *
 * Young deliveries: accepted a moment ago, no outcome yet, and no row but their message's. And the cursor: every message
 * of this node with a smaller key is resolved or has a row in `waiting` for each open delivery, so that whoever takes over reads no further back.
 *
 * The cursor moves by itself and never back. It does not pass a young delivery, nor a message that is being written, nor one
 * of which nobody knows whether it was written. What is accepted with a key below the cursor (its submitter was slow)
 * goes to `waiting` in the same transaction.
 *
 * Any thread; locks.
 */
#pragma once

#include "store/flow.h"

struct postgres_young_row {
    struct id message;
    int64_t app, endpoint;
    int64_t due_us;   /* store_clock() */
    int64_t since_us; /* monotonic */
    struct postgres_young_row *_before, *_after;           /* by age */
    struct postgres_young_row *_lane_before, *_lane_after; /* of the endpoint */
    struct postgres_young_row *_same;                      /* under the same hash */
};

struct postgres_young {
    struct mutex lock;
    struct map64 *rows;  /* by hash of message and endpoint */
    struct map64 *lanes; /* by endpoint */
    struct postgres_young_row *oldest, *newest;
    size_t count;
    int64_t writing_k; /* the smallest key of the group that is being written; INT64_MAX: none */
    int64_t unknown_k; /* ... of those that may have been written */
    int64_t cursor_k;
};

void store_postgres_young_init(struct postgres_young *y);
void store_postgres_young_fini(struct postgres_young *y);

/* Whoever had the slot before got so far: the cursor stays there until store_postgres_young_known(). */
void store_postgres_young_from(struct postgres_young *y, int64_t cursor_k);
/* A group is written from now on, its smallest key is this. Returns the cursor, which does not pass that key until
 * the group has ended. One group at a time. */
int64_t store_postgres_young_begin(struct postgres_young *y, int64_t smallest_k);
/* `is_unknown`: nobody knows whether it was written: the cursor stays until store_postgres_young_known(). */
void store_postgres_young_end(struct postgres_young *y, bool is_unknown);
void store_postgres_young_known(struct postgres_young *y); /* of all groups so far */
/* Between begin and end. Twice is once. */
void store_postgres_young_add(struct postgres_young *y, const struct store_message *m, int64_t endpoint);
void store_postgres_young_remove(struct postgres_young *y, const struct id *message, int64_t endpoint);
bool store_postgres_young_find(struct postgres_young *y, const struct id *message, int64_t endpoint,
                               struct postgres_young_row *out);
size_t store_postgres_young_count(struct postgres_young *y);
/* Are there none from before `since_us` (monotonic), and no groups of which nobody knows whether they were written? */
bool store_postgres_young_is_past(struct postgres_young *y, int64_t since_us);

/* Moves the cursor as far as it may go, at most to `limit_k`, and returns it. */
int64_t store_postgres_young_cursor(struct postgres_young *y, int64_t limit_k);
/* Copies the oldest that are older than `before_us` (monotonic), and as many as there are beyond `keep`; at most `max`. */
size_t store_postgres_young_old(struct postgres_young *y, int64_t before_us, size_t keep, struct postgres_young_row *out,
                                size_t max);

/* As the functions of flow.h, for the young alone. */
void store_postgres_young_list(struct postgres_young *y, int64_t endpoint, int64_t after_due_us, int64_t after_k, size_t max,
                               struct arena *a, struct store_due **out, size_t *count);
void store_postgres_young_oldest(struct postgres_young *y, int64_t endpoint, size_t *count, int64_t *oldest_k);
void store_postgres_young_endpoints(struct postgres_young *y, struct arena *a, struct store_due_endpoint **out,
                                    size_t *count);
