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
 * A call has its outcome when the answer's final status line is there: FETCH_OK with its status.
 * What goes wrong after that (a head that is malformed or too long, a body cut short, malformed, too
 * long, past the deadline) sets response_cut and detail, and costs the connection, but not the
 * outcome: the receiver has answered.
 *
 * Bounds on what a receiver sends: 16 KiB and 100 lines for a head, 8 interim answers,
 * response_read bytes of body. Only connections whose last answer was a 2xx, whole and well-formed,
 * are used again, and none once it is age_us old, so that a change in DNS is followed. A kept connection that dies before the first byte of an answer is
 * replaced once by a fresh one, within the same deadline; a request may thus reach the receiver
 * twice.
 *
 * A user part in the URL becomes an Authorization header, unless `headers` brings one.
 */
#pragma once

#include "base/base.h"
#include "fetch/call.h"
#include "http/url.h"
#include "http/wire.h"
#include "loop/loop.h"
#include "tls/tls.h"
#include "work/work.h"

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

/* Networks as they are written: "10.0.0.0/8", "fd00::/8", or a lone address. RC_INVALID: `why` says what is wrong. */
MUST_USE enum rc fetch_network_check(struct str network, struct buf *why);
/* True if the address lies in the network; false for what is no network. */
bool fetch_network_has(struct str network, const struct sockaddr *addr);

/* The addresses of a name, for threads that may block, as our clients look names up: as they are written
 * (no search domains), /etc/hosts first. Returns their number; 0: `why` says why there is none. What may
 * be connected to is for the policy to say. */
enum { FETCH_LOOK_UP_MAX = 8 };
struct sockaddr_storage;
size_t fetch_look_up(struct str name, uint16_t port, int64_t timeout_us, struct sockaddr_storage *out, struct buf *why);

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
    size_t idle_per_host;          /* own client only: no more than were in use at once lately, and than this; 0: 16 */
    int64_t idle_us;               /* kept this long unused; 0: 60 s */
    int64_t age_us;                /* not used again when this old; 0: 15 s */
    int64_t peak_us;               /* own client only: what was in use at once counts for half after each such time; 0: 30 s */
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
