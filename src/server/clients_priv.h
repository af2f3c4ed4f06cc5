/* SPDX-License-Identifier: Apache-2.0
 *
 * What deliveries go by: networks, TLS, clients and their kinds.
 */
#pragma once

#include "server/server_priv.h"

/* What deliveries go by: the networks they may reach, and TLS. RC_INVALID: why. The doctor asks, too. */
MUST_USE enum rc server_fetch_policy(const struct conf *c, struct fetch_policy **out,
                                     struct buf *why);
MUST_USE enum rc server_client_tls(const struct conf *c, SSL_CTX **out, struct buf *why);
MUST_USE enum rc server_fetch_start(struct server *s);
void server_fetch_stop(struct server *s);
MUST_USE enum rc server_dest_start(struct server *s);
void server_dest_stop(struct server *s);
MUST_USE enum rc server_handshaker_start(struct server *s);
void server_handshaker_stop(struct server *s);
