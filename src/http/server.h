/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP server on the wire layer. Every loop has a listener of its own (SO_REUSEPORT) and its
 * own connections. A call (one request and its answer) is bounded before a handler sees it; total
 * deadlines run for head, body and idling, so slow senders are cut whatever their pace.
 *
 * A handler runs on the loop thread with the whole body read. It answers at once, or keeps the call
 * and answers later from that same loop thread with http_call_reply(). Worker code hands its answer
 * over with loop_post() (see http/router.h, which does that). A call is answered exactly once; if
 * the peer is gone meanwhile the answer is dropped. The call and its arena die in that reply.
 *
 * What is refused before a handler sees it (malformed, too large, too slow) gets a JSON body
 * {"code","detail"}, and the connection ends. Where a refusal would mean consent to whoever asks, a handler can
 * have the call all the same, without its body. Stopping does not wait for handlers past `until_us`:
 * their calls stay valid until answered, but the loop must live as long.
 */
#pragma once

#include "base/base.h"
#include "http/wire.h"
#include "loop/loop.h"
#include "tls/tls.h"

struct http_server; /* one per loop */

struct http_limits {
    size_t head_max;        /* bytes */
    size_t headers_more;    /* header lines beyond HTTP_HEADERS_MAX, at most HTTP_HEADERS_MORE: for what is passed on */
    size_t body_max;        /* bytes */
    size_t any_body_max;    /* the same where the handler takes any body (http_admission) */
    int64_t head_us;        /* from the first byte of a request to the end of its head */
    int64_t body_us;        /* from the head's end to the body's end */
    int64_t idle_us;        /* keep-alive without a request */
    int64_t write_us;       /* for an answer to be taken by the peer */
    size_t connections_max; /* per loop; more are closed at once (503 when it can be said) */
};

struct http_call {
    struct arena *arena;
    const struct http_head *head; /* spans live as long as the call */
    struct str body;       /* empty if it was refused */
    int refused_status;    /* what its body would be refused with (400, 408, 413); 0: it is whole */
    const char *refused_why; /* in words */
    size_t body_max;       /* bytes a body may have; until it is admitted, as http_limits says */
    bool is_plain;         /* the body was unpacked (http/encoding.h) */
    struct str packed;     /* then: as it was sent */
    struct str peer;       /* address of the other side, text */
    struct str request_id; /* from x-request-id or svix-req-id if sane, else made here */
    int64_t started_us;    /* monotonic, first byte */
    struct loop *loop;
    struct str from_cell; /* the cell whose node passed it on (http/origin.h); empty: none did */
    unsigned door; /* of the listener it came by: http_server_set_door(); 0: nobody said */
    void *user; /* for the router and handlers */
    /* Set at admission, or NULL: told, on the loop, that the body that was admitted is refused without a handler. */
    void (*refused)(struct http_call *call, int status);
};

struct http_reply {
    int status;
    struct str content_type; /* empty: none */
    struct str body;         /* borrowed until http_call_reply() returns */
    /* Extra ones. Date, Content-Type, Content-Length and Connection are set here. A name must be a
     * token; a value with control bytes, which may come from a client, is left out. */
    const struct http_header *headers;
    size_t header_count;
    bool close;
};

typedef void (*http_handler_fn)(void *ctx, struct http_call *call);

/* Judging by the head. A request whose body did not come whole with its head is shown to `admit` before a byte of
 * the body is kept, so that whoever may not send it, or sends it to nowhere, costs no memory. It runs on the loop
 * thread and decides then or later, on the same thread, by http_call_admit() or by http_call_reply(), which refuses:
 * the connection ends then, since its body was not read. Until it has decided nothing more is read. */
struct http_admission {
    size_t body_max; /* bytes; 0: as http_limits says. In any case no more than one owner's share of `bodies` */
    uint64_t owner;  /* whose share of `bodies` the body is taken from */
    bool takes_any;  /* a body that is refused comes to the handler all the same (refused_status) */
};
typedef void (*http_admit_fn)(void *ctx, struct http_call *call);
void http_call_admit(struct http_call *call, const struct http_admission *admission);
/* It is shown to `admit`, and waits for its decision. */
bool http_call_is_judged(const struct http_call *call);

/* The memory that bodies may take, of all servers that share it. A body counts from when it outgrows what comes with
 * its head (HTTP_BODY_FREE) until its request is answered. When all is taken, or the quarter that its owner may have, a
 * request is refused with 503 and Retry-After, which clients answer by trying again. Any thread. */
enum { HTTP_BODY_FREE = 64 * 1024 };
#define HTTP_BODIES_SHARE(total) ((total) / 4)

/* One listener's server on one loop. `handler` is called on the loop thread. `fd`: a listening,
 * non-blocking socket, owned from here on. `tls` may be NULL (not owned). */
struct http_server *http_server_new(struct loop *loop, int fd, SSL_CTX *tls,
                                    const struct http_limits *limits, http_handler_fn handler,
                                    void *ctx);

/* Loop thread. Stops accepting, closes idle connections, lets calls under way finish; calls
 * `done(arg)` when the last is gone or `until_us` has passed (then cuts). */
void http_server_stop(struct http_server *s, int64_t until_us, loop_fn done, void *arg);
void http_server_free(struct http_server *s); /* after done */

/* Both may be NULL: every body is read, and only http_limits bounds it. Before the first connection. `bodies` is not
 * owned; its owners are as `admit` says, or 0. */
void http_server_set_admission(struct http_server *s, http_admit_fn admit, struct share *bodies);

/* What handlers see of the listener (http_call.door); its meaning is the owner's. Before the first connection. */
void http_server_set_door(struct http_server *s, unsigned door);

/* Changes the limits for requests from now on (reload). Loop thread. */
void http_server_set_limits(struct http_server *s, const struct http_limits *limits);

/* For connections accepted from now on (not owned; those that are open keep theirs). Only where one was given
 * before. Loop thread. */
void http_server_set_tls(struct http_server *s, SSL_CTX *tls);

/* Loop thread of the call. */
void http_call_reply(struct http_call *call, const struct http_reply *reply);

/* Who sends this, as far as shares go, when nothing better is known: the peer's address, of IPv6 its /64. Never the
 * number of an organisation. */
uint64_t http_call_stranger(const struct http_call *call);

/* The value of a header (first, any case), or the empty string. */
struct str http_call_header(const struct http_call *call, const char *name);

/* A listening socket with SO_REUSEPORT on "host:port" or "[v6]:port". `why` on failure: RC_INVALID: no
 * address of this machine's, RC_BUSY: another program has it, RC_IO. */
MUST_USE enum rc http_listen(const char *address, int *fd, struct buf *why);
/* Whether nobody listens there, not even another server of this user, with which http_listen() would
 * share connections. The same errors. */
MUST_USE enum rc http_listen_check(const char *address, struct buf *why);
/* The port a socket is bound to. */
uint16_t http_listen_port(int fd);
