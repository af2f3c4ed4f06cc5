/* SPDX-License-Identifier: Apache-2.0
 *
 * What a node does while it stands by: it listens where it will listen once it is at work, and passes requests on to the
 * node at work (link/link.h). When it takes over, its listening sockets are handed over, so that nobody is refused
 * meanwhile, and what waits here goes to this node itself.
 *
 * Main thread. It has loops and threads of its own, because those of the server are not built up yet.
 */
#pragma once

#include "server/server_priv.h"

struct server_standby;

/* Starts it as s->standby. RC_DENIED: the main secret is missing; others as server_listen(). Why. */
MUST_USE enum rc server_standby_start(struct server *s);
/* Where the node at work is reached; empty: it is not known. NULL is fine. */
void server_standby_aim(struct server *s, struct str address);
/* Reads the listeners' certificate again. */
void server_standby_renew(struct server *s);
/* The socket of a listener for a loop of the server, which owns it from now on; -1: there is none. */
int server_standby_take(struct server *s, size_t listener, size_t loop);
/* This node is at work, and the others are told where. What waits here goes to it, and what a reload asked for meanwhile is done. */
MUST_USE enum rc server_standby_leave(struct server *s);
/* Finishes what is under way, for server.stop_timeout at most, and frees it. */
void server_standby_end(struct server *s);
