/* SPDX-License-Identifier: Apache-2.0
 *
 * Listeners and the loops' threads.
 */
#pragma once

#include "server/server_priv.h"

MUST_USE enum rc server_listen(struct server *s);
void server_unlisten(struct server *s);
MUST_USE enum rc server_threads_start(struct server *s);
/* Stops accepting, lets calls and attempts under way finish, then ends the loops' threads. */
void server_threads_stop(struct server *s);
/* Gives the loops the limits of the latest reload and the certificate in s->server_tls; waits until they have it. */
void server_apply_http_limits(struct server *s, const struct conf *c);
