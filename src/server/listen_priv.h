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
/* Reads the listeners' certificate; *out stays NULL when there is none. RC_INVALID: why. */
MUST_USE enum rc server_open_tls(const struct conf *c, SSL_CTX **out, struct buf *why);
/* Shows when the certificate of `ctx` (NULL: there is none), or one of its chain, expires. */
void server_show_expiry(enum metric m, SSL_CTX *ctx);
/* The addresses of `option` (server.listen, console.listen), one after another: *rest is what is left of it after
 * `count` of them. RC_NOT_FOUND: there is no more. RC_INVALID: why. */
MUST_USE enum rc server_next_address(const char *option, struct str *rest, size_t count,
                                     char out[static SERVER_ADDRESS_MAX], struct buf *why);
