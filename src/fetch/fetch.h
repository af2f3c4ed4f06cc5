/* SPDX-License-Identifier: Apache-2.0
 *
 * Outgoing HTTP requests. One interface, several implementations: our own client on the wire
 * layer (fetch_own_new), libcurl (fetch_curl_new: proxies, HTTP/2, and the oracle in tests), and
 * scripted ones in tests. An implementation belongs to one loop; all calls and callbacks happen
 * on its thread.
 *
 * Every call has one total deadline from start to the last byte read; redirects are never followed;
 * the address is checked after DNS, at connect, and the connection uses the checked address.
 *
 * A call has its outcome when the answer's final head is there: FETCH_OK with its status. What
 * goes wrong after that (a body cut short, malformed, too long, past the deadline) sets
 * response_cut and detail, and costs the connection, but not the outcome: the receiver has
 * answered.
 *
 * Bounds on what a receiver sends: 16 KiB and 100 lines for a head, 8 interim answers,
 * response_read bytes of body. A kept connection that dies before the first byte of an answer is
 * replaced once by a fresh one, within the same deadline; a request may thus reach the receiver
 * twice.
 *
 * A user part in the URL becomes an Authorization header, unless `headers` brings one.
 */
#pragma once

#include "base/base.h"
#include "http/url.h"
#include "http/wire.h"
#include "loop/loop.h"
#include "tls/tls.h"
#include "work/work.h"

enum fetch_error {
    FETCH_OK,            /* a response head came; status is set */
    FETCH_BAD_URL,
    FETCH_DNS,           /* the name does not resolve */
    FETCH_ADDRESS,       /* refused by the address policy */
    FETCH_CONNECT,       /* refused, unreachable */
    FETCH_CONNECT_TIMEOUT,
    FETCH_TLS,           /* handshake or certificate; detail has the reason */
    FETCH_TIMEOUT,       /* the total deadline passed before a whole head */
    FETCH_CLOSED,        /* closed or reset before a whole head */
    FETCH_PROTOCOL,      /* not HTTP, or malformed */
    FETCH_TOO_LARGE,     /* response head over its limit */
    FETCH_CANCELED
};
/* "dns", "connect", ...: for history, logs and metrics. */
const char *fetch_error_name(enum fetch_error e);

/* Which addresses may be connected to. Immutable, shared. Default: private, loopback, link-local,
 * CGNAT, multicast, documentation, benchmarking, reserved, metadata and their IPv6 forms (mapped,
 * NAT64, 6to4, Teredo, unique-local) are refused. `allow` and `deny` are comma-separated CIDRs;
 * deny wins. */
struct fetch_policy;
MUST_USE enum rc fetch_policy_new(struct str allow, struct str deny, bool https_only, struct fetch_policy **out, struct buf *why);
struct fetch_policy *fetch_policy_ref(struct fetch_policy *p);
void fetch_policy_unref(struct fetch_policy *p);
struct sockaddr;
/* `why` gets the reason ("loopback", "private", ...) on false; may be NULL. */
bool fetch_policy_allows(const struct fetch_policy *p, const struct sockaddr *addr, const char **why);

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
    void (*done)(struct fetch_call *c);
    void *owner;
    /* out, valid from done() until the owner frees or restarts the call */
    enum fetch_error error;
    int status;
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

struct fetch;
struct fetch_ops {
    void (*start)(struct fetch *f, struct fetch_call *c); /* done() may be called before it returns */
    void (*cancel)(struct fetch *f, struct fetch_call *c); /* done() with FETCH_CANCELED, at once */
    void (*free)(struct fetch *f);                        /* cancels what runs; not from a done() */
};
struct fetch { /* embedded first in each implementation */
    const struct fetch_ops *ops;
};
static inline void fetch_start(struct fetch *f, struct fetch_call *c) { f->ops->start(f, c); }
static inline void fetch_cancel(struct fetch *f, struct fetch_call *c) { f->ops->cancel(f, c); }
static inline void fetch_free(struct fetch *f) { if (f != NULL) f->ops->free(f); }

struct fetch_options {
    struct fetch_policy *policy;   /* taken with a reference */
    SSL_CTX *tls;                  /* shared client context, taken with a reference; NULL: no https */
    size_t idle_max;               /* kept connections, all hosts; 0: 1024 */
    size_t idle_per_host;          /* own client only; 0: 16 */
    int64_t idle_us;               /* kept this long unused; 0: 60 s */
    const char *proxy;             /* curl only: "http://..." or "socks5://..."; NULL: none */
    const char *no_proxy;          /* "name,.suffix,10.0.0.0/8" asked directly; "*": all */
    bool http2;                    /* curl only */
    const char *resolve;           /* tests: "name=ip,name=ip" answered without DNS (still checked) */
};
struct fetch *fetch_own_new(struct loop *loop, const struct fetch_options *o);
/* With a proxy, the policy judges what a name resolves to here (if it does), not the proxy's own
 * address; a proxy that looks names up itself has to guard its network. */
struct fetch *fetch_curl_new(struct loop *loop, const struct fetch_options *o);

/* Blocking, for worker threads and the CLI: runs the call on a private loop; with libcurl if the
 * options name a proxy or HTTP/2. done() is not called. */
void fetch_run(const struct fetch_options *o, struct fetch_call *c);
