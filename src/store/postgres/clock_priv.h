/* SPDX-License-Identifier: Apache-2.0
 *
 * The database's clock, as the wall clock that the store's time follows (store/time_priv.h): nodes whose own clocks differ take over from
 * each other, and what one of them made an id or a due time of is read by the next. This node's own wall clock is for what is shown and
 * signed only; when the two differ by more than a second, the log says so.
 *
 * It runs with this machine's monotonic clock and is read anew with each beat. What an answer says is already past when it is here, so
 * that the estimate is behind by the way back, and never ahead.
 *
 * A store that is given another clock than the system's, as by tests, keeps that.
 */
#pragma once

#include "store/postgres/postgres_priv.h"

/* A statement's column: the database's clock in microseconds. */
#define POSTGRES_NOW_US "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"

/* Before the store's time is loaded: asks for the first time. RC_IO: `why` says why. */
MUST_USE enum rc store_postgres_clock_open(struct store_postgres *s, struct buf *why);
/* The database just answered that it is `theirs_us` there. Before the beat is started, and from its thread. */
void store_postgres_clock_note(struct store_postgres *s, int64_t theirs_us);
/* Once the last id is known: what a take-over takes, and a restart, has passed by the database's clock. Longer gaps are closed as
 * after a clock was set. */
void store_postgres_clock_catch_up(struct store_postgres *s);
