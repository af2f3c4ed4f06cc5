/* SPDX-License-Identifier: Apache-2.0
 *
 * Saying when a loop has been silent, or a thread of the store stuck.
 */
#pragma once

#include "server/server_priv.h"

/* Before the loops' threads start, and after they ended. */
struct server_watchdog *server_watchdog_new(struct server *s); /* NULL: no descriptor or thread */
void server_watchdog_free(struct server_watchdog *w);
/* How long ago this loop was asked to turn, if it has not since; 0: it turns. Any thread. */
int64_t server_watchdog_waiting_us(struct server_watchdog *w, size_t loop);
/* Appends a line a loop: its name and how long ago it turned; and one for each thread that is at work that others wait
 * for, and since when. Any thread. */
void server_watchdog_describe(struct server_watchdog *w, struct buf *out);
