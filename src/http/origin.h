/* SPDX-License-Identifier: Apache-2.0
 *
 * A request that one server passes on to another one of the same kind: who sent it travels in header lines of its own, and
 * the server that gets it sees the request as if it had come straight from there. Only for listeners that nobody but such servers
 * can reach: the lines are believed.
 *
 * A request of HTTP_HEADERS_MAX lines grows by up to seven on its way: the five that say who sent it, and Accept and a length
 * where its client sent none. Such a listener must allow for that (http_limits.headers_more, head_max), or what was accepted from
 * the client is refused behind it.
 *
 * What is passed on says nothing of the connection it came by (RFC 9110, section 7.6.1).
 *
 * Between cells the lines also name the cell that passes on, and an answer says when nobody at the other end knows what the
 * request names (http_origin_unknown).
 */
#pragma once

#include "http/server.h"

/* Appends the header lines of `call` as they are to be sent on: without those about a connection or framing, and with
 * its sender, its Host, its id, its door, and why its body was refused, if it was. `cell`: the one that passes it on to
 * another; empty: it stays within its cell. Loop thread of the call. */
void http_origin_write(const struct http_call *call, struct str cell, struct buf *lines);

/* First thing in a handler, and in an http_admit_fn: gives the call the sender, the Host, the id, the door, the cell and the
 * refusal that the lines tell of; for a handler the lines are taken out. What they do not tell stays as it is. */
void http_origin_read(struct http_call *call);

/* The line of an answer to another cell: nobody here knows what the request names. It never gets to a client. */
extern const struct http_header http_origin_unknown;

/* Whether a line of an answer is for whoever gets it in the end: not about the connection or framing. */
bool http_origin_passes(struct str name);
