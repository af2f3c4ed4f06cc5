/* SPDX-License-Identifier: Apache-2.0
 *
 * What both clients share: limits, how a call begins and ends, and what a request says.
 */
#pragma once

#include "fetch/call.h"
#include "fetch/head_priv.h"

struct fetch_policy;

enum {
    FETCH_HEADERS_KEEP = 8 * 1024, /* bytes of a head that history keeps */
    FETCH_AGE_US = 15 * 1000 * 1000,
    FETCH_HEAD_BUFFER = 64 * 1024, /* a head under way and what was read behind it */
    FETCH_REQUEST_HEAD_MAX = 64 * 1024 * 1024
};

/* Clears the out fields. Returns false, with error and detail set, if the URL cannot be used. */
bool fetch_call_begin(struct fetch_call *c, const struct fetch_policy *policy);

void fetch_call_say(struct fetch_call *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Stores the header lines of a head (as read, from its status line on), cut at a line's end. */
void fetch_call_keep_headers(struct fetch_call *c, struct str head);

/* An attempt that failed is not sent again on the same connection: its other end may be the only thing
 * that is wrong. */
static inline bool fetch_call_spares_connection(const struct fetch_call *c)
{
    return c->is_trusted || (c->status >= 200 && c->status < 300);
}

/* How long a call may take until its connection stands: the connect deadline, or the total one if that is earlier. */
static inline int64_t fetch_call_connect_within_us(const struct fetch_call *c)
{
    return c->connect_us < c->deadline_us ? c->connect_us : c->deadline_us;
}

/* No connection stood by the connect deadline. */
enum fetch_error fetch_call_say_no_connection(struct fetch_call *c);

/* No name server answered before the deadline for it, of `us`. */
enum fetch_error fetch_call_say_no_names(struct fetch_call *c, int64_t us);

/* `reason`: OpenSSL's words for why there is no TLS; an alert is what the other side said. */
void fetch_call_say_tls(struct fetch_call *c, struct str reason);

/* Says that a head was sloppy, if it was, and that its body is lost. */
void fetch_call_note_sloppy(struct fetch_call *c, const struct fetch_head *read);

/* Takes body bytes: keeps up to response_keep, counts all in *read. False: response_read is
 * reached and the connection is to be cut. */
bool fetch_call_take_body(struct fetch_call *c, struct str bytes, size_t *read);

/* Sets the views of what was kept and calls done(). The call may be gone afterwards. */
void fetch_call_end(struct fetch_call *c, enum fetch_error error, int64_t took_us);

/* Appends "Authorization: Basic ..." from the URL's user part, unless there is none or the caller
 * brings an Authorization of its own. */
void fetch_add_authorization(const struct fetch_call *c, struct buf *out);

/* Appends an Accept header that takes anything, unless the caller brings one of its own: firewalls
 * suspect requests without. */
void fetch_add_accept(const struct fetch_call *c, struct buf *out);

/* True for methods whose requests carry a length even without a body. */
bool fetch_has_body(const struct fetch_call *c);
