/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection: its socket, its TLS, its bytes.
 */
#pragma once

#include "fetch/own_priv.h"

#include <sys/uio.h>

/* CLOSED: ended in order. BROKEN: anything else. */
enum own_io { OWN_IO_OK, OWN_IO_AGAIN, OWN_IO_CLOSED, OWN_IO_BROKEN };
/* `fd` is taken over; `on_event` gets the connection. NULL: the loop can watch no more. */
struct own_conn *fetch_own_conn_new(struct own_host *h, struct own_exchange *ex, int fd,
                                    void (*on_event)(void *conn, uint32_t events));
void fetch_own_conn_close(struct own_conn *conn); /* NULL is fine */
/* False: TLS cannot start, the call's detail says why. */
bool fetch_own_conn_start_tls(struct own_conn *conn);
/* OK: established. BROKEN: failed, detail says why. */
enum own_io fetch_own_conn_handshake(struct own_conn *conn);
/* OK: *n > 0 bytes. */
enum own_io fetch_own_conn_read(struct own_conn *conn, char *to, size_t max, size_t *n);
enum own_io fetch_own_conn_write(struct own_conn *conn, const struct iovec *parts, int count,
                                 size_t *n);
/* The answer is whole: remembers the TLS session for the next connection. */
void fetch_own_conn_keep_session(struct own_conn *conn);
/* What a kept connection has to say: true if it can still be used. */
bool fetch_own_conn_still_idle(struct own_conn *conn);
/* Has what came acknowledged at once, when more has to come: a receiver that writes head and body apart sends the
 * body only then, and the kernel would wait 40 ms on a connection that has been used. An answer that came whole is
 * acknowledged by the next request. */
void fetch_own_conn_ack_at_once(struct own_conn *conn);
