/* SPDX-License-Identifier: Apache-2.0
 *
 * Absolute http and https URLs, strictly: what the address guard, the client and the API agree on.
 */
#pragma once

#include "base/base.h"

enum { HTTP_URL_MAX = 65536 };

/* Spans of the parsed text; borrowed. */
struct http_url {
    bool tls;
    struct str userinfo; /* "user:password", percent-encoded, or empty */
    struct str host;     /* name, IPv4 in dotted form, or IPv6 without brackets */
    bool host_is_ipv6;
    uint16_t port;
    bool port_given;
    struct str target; /* path and query as sent; fragment dropped; see http_url_lacks_slash() */
};

/* True if "/" has to be put before `target` in a request: it is empty or starts with '?'. */
static inline bool http_url_lacks_slash(const struct http_url *u)
{
    return u->target.len == 0 || u->target.ptr[0] != '/';
}

/* Appends a URL as people paste it in the form that http_url_parse() takes: blanks around it are dropped, an
 * international host name becomes its ASCII form ("xn--..."), and what a URL may not hold is
 * percent-encoded. What else is wrong with it is left for the parser to say. RC_INVALID: the host name has
 * no such form, `why` (may be NULL) says so. RC_LIMIT: `out` is full. */
MUST_USE enum rc http_url_clean(struct str text, struct buf *out, struct buf *why);

/* The same in the arena; what cannot be cleaned as it is, for the parser to say what is wrong with it. */
struct str http_url_cleaned(struct str text, struct arena *a);

/* RC_INVALID: `why` (may be NULL) says what is wrong. Any spelling of an address that is not plain
 * dotted decimal (octal, hex, short forms) is refused. */
MUST_USE enum rc http_url_parse(struct str text, struct http_url *out, struct buf *why);
