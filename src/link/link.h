/* SPDX-License-Identifier: Apache-2.0
 *
 * What a node that stands by does with requests: it passes them on to the node at work, over the link, and their answers
 * back. So a load balancer may use every node, and whoever creates something at one node finds it at all of them.
 *
 * While no node is at work (one has ended, and the next is on its way), requests wait. When the node at work is another one than before,
 * what was under way at the old one has no answer: it is sent again if that does no harm (GET, HEAD, OPTIONS, PUT, and a
 * POST with an Idempotency-Key), and else answered with 503 and the code "outcome_unknown".
 *
 * The link is HTTP/1.1 over TLS with a key that the nodes share (tls/tls.h). A front belongs to one loop; everything here is
 * called on its thread.
 */
#pragma once

#include "base/base.h"
#include "fetch/fetch.h"
#include "http/server.h"
#include "loop/loop.h"

struct link_front;

struct link_front_options {
    struct loop *loop;
    struct fetch_policy *policy; /* must allow the nodes' addresses; taken with a reference */
    SSL_CTX *tls;                /* the client's, of tls_shared_key(); taken with a reference */
    int64_t patience_us;         /* how long a request waits for a node at work */
    const char *cell, *to_cell;  /* between cells: the one that passes on, and the one it passes on to; borrowed. NULL: within one */
    /* Calls that this node answers itself: true, and the call is answered. May be NULL. */
    bool (*local)(void *arg, struct http_call *call);
    void *local_arg;
};
struct link_front *link_front_new(const struct link_front_options *o);
/* Answers what is left with 503. After the http_servers whose calls it handles have stopped. NULL is fine. */
void link_front_free(struct link_front *f);

/* Where the node at work is reached, "host:port" or "[v6]:port"; empty: none is known. What is no address counts as
 * none. */
void link_front_aim(struct link_front *f, struct str address);
/* From now on nothing waits for a node: what waits is answered with 503. */
void link_front_close(struct link_front *f);

/* Between cells: passes a call on that a handler had already. When the answer says that nobody there knows what the request
 * names, the call is given back with it, and `fn` answers; the reply is borrowed. */
struct link_return {
    void (*fn)(void *arg, const struct http_reply *reply);
    void *arg;
};
void link_front_pass(struct link_front *f, struct http_call *call, struct link_return back);

/* An http_handler_fn and an http_admit_fn. */
void link_front_handle(void *front, struct http_call *call);
void link_front_admit(void *front, struct http_call *call);

/* The other end: the same for the listener of the link, whose requests were passed on. `router` is a struct http_router. */
void link_end_handle(void *router, struct http_call *call);
void link_end_admit(void *router, struct http_call *call);
