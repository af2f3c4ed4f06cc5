/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection's bytes, with TLS or without.
 */
#pragma once

#include "http/conn_priv.h"

enum io_result http_conn_handshake(struct conn *c);
/* At most CONN_READ_BYTES into the server's read buffer. DONE: *len > 0. */
enum io_result http_conn_read(struct conn *c, size_t *len);
/* Sends what `out` holds. DONE: it is empty now. */
enum io_result http_conn_flush(struct conn *c);
/* Sends head and body now as far as possible, keeps the rest in `out` (which must be empty). */
enum io_result http_conn_send(struct conn *c, struct str head, struct str body);
void http_conn_shutdown_write(struct conn *c);
