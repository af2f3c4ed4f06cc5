/* SPDX-License-Identifier: Apache-2.0
 *
 * The log lines about deliveries that were given up: a line each, so that an operator finds a message by its id, but
 * not a flood from an endpoint that is dead with many of them waiting. Within a minute an endpoint has
 * DELIVER_GIVEN_UP_LINES lines and the shard DELIVER_GIVEN_UP_LINES_ALL; what had none is counted, and the count is a
 * line of its own once the minute is over. One shard's, on its thread.
 */
#pragma once

#include "base/base.h"

enum { DELIVER_GIVEN_UP_LINES = 10, DELIVER_GIVEN_UP_LINES_ALL = 1000, DELIVER_GIVEN_UP_ENDPOINTS = 1024 };

struct deliver_given_up;
struct deliver_given_up *deliver_given_up_new(void);
/* Writes the counts that are still to be told. NULL is fine. */
void deliver_given_up_free(struct deliver_given_up *g);

/* Whether one more may have its line; it is counted if not. `app`, `id`: the endpoint's, for the line with the count.
 * Times are of any clock that does not go back, in microseconds. */
bool deliver_given_up_may_log(struct deliver_given_up *g, int64_t endpoint, struct str app, struct str id, int64_t now_us);
/* Tells what was counted in minutes that are over. To be called every few seconds. */
void deliver_given_up_sweep(struct deliver_given_up *g, int64_t now_us);
