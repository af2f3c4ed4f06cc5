/* SPDX-License-Identifier: Apache-2.0
 *
 * The link between the nodes of one database (link/link.h): its key, and where the node at work listens for it.
 */
#pragma once

#include "server/server_priv.h"

/* Both ends' contexts, with a key of the main secret. The caller frees them. RC_DENIED and others: why. */
MUST_USE enum rc server_link_contexts(const struct conf *c, SSL_CTX **server, SSL_CTX **client, struct buf *why);
/* Listens, if the store is in a database. Before the loops' threads run. */
MUST_USE enum rc server_link_listen(struct server *s);
/* As server_http_limits(), for the link: room for who asked, and connections that the other end closes first. */
struct http_limits server_link_limits(const struct conf *c, size_t loop_count);
/* Tells the other nodes where. */
void server_link_announce(struct server *s);
/* Where this process itself reaches it. */
void server_link_near(const struct server *s, char out[static SERVER_ADDRESS_MAX]);
void server_link_close(struct server *s); /* after it has stopped */
