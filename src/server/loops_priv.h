/* SPDX-License-Identifier: Apache-2.0
 *
 * Loops and threads, as the parts that have some of their own need them.
 */
#pragma once

#include "server/server_priv.h"

/* How many loops there are to be. */
size_t server_count_loops(const struct conf *c);
/* Runs what was posted to the loops after their threads ended: completions free memory. */
void server_drain_loops(struct server *s);
/* Says in s->why that a thread was not to be had. */
MUST_USE enum rc server_no_threads(struct server *s);
