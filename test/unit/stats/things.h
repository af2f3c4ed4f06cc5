/* SPDX-License-Identifier: Apache-2.0
 *
 * Statistics in a folder of their own, or in a database, on a clock that the test moves, without their thread: ticks are
 * the test's.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stats/stats_priv.h"

#define MINUTE STATS_MINUTE_US
#define HOUR STATS_HOUR_US
#define DAY STATS_DAY_US

enum { ORG = 3, APP = 7, ENDPOINT = 11, SOURCE = 13, FILTER = 17 };

/* 2026-01-05T00:00:00Z, a midnight. */
extern const int64_t midnight_us;

struct fixture {
    char dir[64], file[96];
    struct clock_fake clock, own;
    struct stats_options options;
    struct stats *stats;
};
/* Where those have their rows that are opened from now on: a database's URL; NULL: stats.db in their folder. Borrowed. */
void fixture_use(const char *url);
int fixture_open(void **state); /* ten seconds after `midnight_us` */
int fixture_close(void **state);
/* Another node at the same database, which keeps what is there. */
int fixture_join(void **state);
/* As after a crash: what was in memory is gone. */
void fixture_crash(struct fixture *f);
void fixture_reopen(struct fixture *f); /* an orderly stop and start */

/* Both clocks run on, with the tick that each minute has. */
void pass(struct fixture *f, int64_t us);
/* Only moves the clocks. */
void move(struct fixture *f, int64_t us);
/* The wall clock alone. */
void set_wall(struct fixture *f, int64_t ahead_us);

void accept_messages(struct fixture *f, int count);          /* to ENDPOINT, of type "user.created" */
void accept_at(struct fixture *f, int64_t app, int64_t endpoint);
struct store_outcome outcome_of(struct fixture *f, enum store_state to, int status, int64_t took_us);
void commit_outcome(struct fixture *f, struct store_outcome *o);
void commit_job(struct fixture *f, enum store_job_kind kind, struct store_job *job);

/* `count` points of one subject from `from_us`; xfree(). */
struct stats_point *points(struct fixture *f, enum stats_kind kind, int64_t id, int64_t from_us, int64_t step_us, size_t count);
/* How much room the rows take. */
int64_t used_bytes(struct fixture *f);
/* One field at one time; -1: not known. */
int64_t value(struct fixture *f, enum stats_kind kind, int64_t id, int64_t at_us, int64_t step_us, enum stats_field field);
