/* SPDX-License-Identifier: Apache-2.0
 *
 * Signals, and waiting on the main loop.
 */
#pragma once

#include "server/server_priv.h"

/* Blocks the signals the server handles; before any thread starts. */
void server_signals_block(void);
struct server_signals *server_signals_new(struct server *s); /* NULL: no descriptor, see errno */
void server_signals_free(struct server_signals *signals);
/* Turns the main loop until done(arg), a second stop signal, or `until_us`; false: cut. */
bool server_wait(struct server *s, bool (*done)(struct server *s), int64_t until_us);
