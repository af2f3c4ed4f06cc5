/* SPDX-License-Identifier: Apache-2.0
 *
 * One request, whoever runs it (fetch/fetch.h).
 */
#pragma once

#include "base/base.h"
#include "http/url.h"
#include "http/wire.h"
#include "tls/tls.h"

enum fetch_error {
    FETCH_OK,            /* a final status line came; status is set */
    FETCH_BAD_URL,
    FETCH_DNS,           /* the name does not resolve, or no name server answered in time */
    FETCH_ADDRESS,       /* refused by the address policy */
    FETCH_CONNECT,       /* refused, unreachable */
    FETCH_CONNECT_TIMEOUT,
    FETCH_TLS,           /* handshake or certificate; detail has the reason */
    FETCH_TIMEOUT,       /* the total deadline passed before a whole status line */
    FETCH_CLOSED,        /* closed or reset before a whole status line */
    FETCH_PROTOCOL,      /* not HTTP, or malformed */
    FETCH_TOO_LARGE,     /* a status line over the limit of a head */
    FETCH_CANCELED
};
/* "dns", "connect", ...: for history, logs and metrics. */
const char *fetch_error_name(enum fetch_error e);

/* One request. The owner fills the first part, keeps everything borrowed alive until done(), and
 * starts it once. */
struct fetch_call {
    /* in */
    enum http_method method;
    const struct http_url *url;        /* borrowed */
    struct str headers;                /* ready lines "Name: value\r\n", without Host and framing */
    struct str body;                   /* borrowed; sent as is */
    bool chunked;                      /* send the body with chunked coding instead of a length */
    int64_t deadline_us;               /* total, from start */
    int64_t connect_us;                /* for DNS, TCP and TLS together */
    size_t response_keep;              /* body bytes kept */
    size_t response_read;              /* body bytes read before the connection is cut */
    SSL_CTX *tls;                      /* own context (mTLS) or NULL for the client's */
    bool is_once;                      /* not sent again when a kept connection turns out to be dead. Own client only */
    bool is_trusted;                   /* any whole answer leaves the connection fit for use, not a 2xx alone. Own client only */
    /* Given a 200's body as it comes, of any length, instead of its being kept; NULL: none. response_headers is there. Own client only; must not
     * cancel. */
    void (*part)(void *arg, struct str bytes);
    void *part_arg;
    void (*done)(struct fetch_call *c);
    void *owner;
    /* out, valid from done() until the owner frees or restarts the call */
    enum fetch_error error;
    int status;
    char phrase[64];                   /* of the status line, as sent (cut); "" if none */
    struct str response_headers;       /* the raw header lines, cut at 8 KiB */
    struct str response;               /* kept bytes */
    bool response_cut;
    int64_t took_us;                   /* from start to done */
    int64_t connect_took_us;           /* 0 on a reused connection */
    bool reused;
    char peer[48];                     /* address connected to, text; "" if none */
    char detail[160];                  /* what went wrong, in words; "" on success */
    /* implementation's */
    void *_state;
    struct buf _head;
    struct buf _body;
};
void fetch_call_init(struct fetch_call *c); /* zero and set limits' defaults */
void fetch_call_fini(struct fetch_call *c); /* not while running */
/* A response header's value from response_headers (first, any case), or empty. */
struct str fetch_response_header(const struct fetch_call *c, const char *name);
