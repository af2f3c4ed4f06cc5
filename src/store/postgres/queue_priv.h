/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue of a writer: jobs wait while a group is under way, and are the next one. Any thread submits; the writer's
 * own thread takes.
 */
#pragma once

#include "store/postgres/postgres_priv.h"

void store_postgres_queue_init(struct postgres_writer *w, struct store_postgres *s);
void store_postgres_queue_fini(struct postgres_writer *w);
/* Appends first..last, linked and prepared. RC_BUSY: more than `max` would wait (0: no limit). */
MUST_USE enum rc store_postgres_queue_add(struct postgres_writer *w, struct store_job *first, struct store_job *last,
                                          size_t count, size_t max);
/* The next group, linked; waits for one until `until_us` (monotonic). NULL: there is none, or none any more (is_stopping). */
struct store_job *store_postgres_queue_take(struct postgres_writer *w, size_t max, int64_t until_us);
/* Waits; at once over when the writer is stopping. */
void store_postgres_queue_pause(struct postgres_writer *w, int64_t pause_us);
bool store_postgres_queue_is_stopping(struct postgres_writer *w);
void store_postgres_queue_stop(struct postgres_writer *w); /* the thread is to end when all is written; joins it */
/* Is no group under way that was taken before `since_us` (monotonic)? */
bool store_postgres_queue_is_past(struct postgres_writer *w, int64_t since_us);
size_t store_postgres_queue_count(struct postgres_writer *w); /* that were not handed back yet */
