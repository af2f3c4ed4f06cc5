/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the server listens, and with what certificate: what listeners at work and those of a node that stands by share.
 */
#pragma once

#include "server/server_priv.h"

/* Calls fn for each address of server.listen and console.listen, which is in s->addresses[listener] then. */
typedef enum rc server_listen_fn(struct server *s, size_t listener, const char *option, unsigned door);
MUST_USE enum rc server_listen_each(struct server *s, server_listen_fn *fn);
/* Whether an address of `option` can be had. RC_BUSY and others: why. */
MUST_USE enum rc server_listen_check(struct server *s, size_t listener, const char *option);
/* "host:0" becomes "host:<port>" once the kernel has chosen. */
void server_real_address(char address[static SERVER_ADDRESS_MAX], int fd);
/* Reads the listeners' certificate; *out stays NULL when there is none. RC_INVALID: why. */
MUST_USE enum rc server_open_tls(const struct conf *c, SSL_CTX **out, struct buf *why);
/* Shows when the certificate of `ctx` (NULL: there is none), or one of its chain, expires. */
void server_show_expiry(enum metric m, SSL_CTX *ctx);
/* The addresses of `option` (server.listen, console.listen), one after another: *rest is what is left of it after
 * `count` of them. RC_NOT_FOUND: there is no more. RC_INVALID: why. */
MUST_USE enum rc server_next_address(const char *option, struct str *rest, size_t count,
                                     char out[static SERVER_ADDRESS_MAX], struct buf *why);
