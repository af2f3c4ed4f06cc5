/* SPDX-License-Identifier: Apache-2.0
 *
 * Our own client, inside: its types. What a file offers is in a header of its own. Who calls whom, top to bottom (an
 * exchange and the reading of its answer call each other):
 *
 *   own.c       the interface: start, cancel, free
 *   exchange.c  one call under way: takes or makes a connection, sends, ends; the only place that
 *               ends a call
 *   response.c  reading the answer
 *   dial.c      addresses to a connected socket
 *   pool.c      the connections that are kept
 *   conn.c      a connection: its socket, its TLS, its bytes
 *   host.c      places to connect to, and their TLS sessions
 *
 * Whatever ends a call frees its exchange and runs foreign code (done), so functions that may do
 * so say it, and their callers touch neither exchange nor connection afterwards.
 */
#pragma once

#include "fetch/call_priv.h"
#include "fetch/fetch.h"
#include "fetch/resolve_priv.h"

enum {
    OWN_READ_SIZE = 16 * 1024, /* taken from a socket at a time; one TLS record */
    OWN_PARTS = 3              /* of a request: head, body, end */
};

struct own_conn;
struct own_exchange;
struct own_dial;

/* A place to connect to: scheme, name, port and TLS context. Lives while something refers to it or a
 * TLS session is kept for it. */
struct own_host {
    struct own *own;
    struct str key; /* owned */
    char *name;     /* owned; without brackets */
    bool tls;
    SSL_CTX *ctx; /* a reference; NULL without TLS */
    size_t ref_count;
    size_t in_flight;       /* calls under way */
    size_t peak;            /* the most of them at once lately: see pool.c */
    int64_t peak_halved_us; /* when that was halved last */
    struct own_conn *idle;  /* newest first */
    size_t idle_count;
    SSL_SESSION *session;  /* owned */
    struct own_host *prev; /* among those with a session, oldest first */
    struct own_host *next;
};

struct own_conn {
    struct own_host *host;         /* a reference */
    struct own_exchange *exchange; /* NULL: idle */
    struct loop_io io;
    SSL *ssl;
    bool is_handshaking;
    bool is_session_kept;
    bool is_refused; /* by an alert; the call's detail has its words */
    struct own_conn *host_prev; /* idle ones of the host */
    struct own_conn *host_next;
    struct own_conn *prev; /* idle ones of all, oldest first */
    struct own_conn *next;
    int64_t made_us;
    int64_t idle_since_us;
    char peer[48];
};

enum own_reading { OWN_HEAD, OWN_LENGTH, OWN_CHUNKED, OWN_UNTIL_CLOSE };

/* One call under way. */
struct own_exchange {
    struct own *own;
    struct fetch_call *call;
    struct own_host *host; /* a reference */
    struct own_conn *conn; /* owned while here */
    struct own_dial *dial; /* owned */
    struct fetch_lookup lookup;
    struct loop_timer timer;
    struct own_exchange *prev;
    struct own_exchange *next;
    int64_t started_us;
    bool is_connecting; /* the connect deadline counts */
    bool has_bytes;     /* of an answer */
    bool is_retried;
    /* sending */
    struct buf head;
    size_t sent; /* bytes of all parts */
    bool is_sent;
    bool is_send_broken; /* the peer takes no more; it may have answered */
    /* reading */
    enum own_reading reading;
    int interim_count;
    bool keep_alive;
    uint64_t left; /* of a body with a length */
    size_t body_read;
    struct http_chunked chunked;
};

struct own {
    struct fetch base;
    struct loop *loop;
    struct fetch_policy *policy; /* a reference */
    SSL_CTX *tls;                /* a reference */
    size_t idle_max;
    size_t idle_per_host;
    int64_t idle_us;
    int64_t age_us;
    int64_t peak_us;
    char *fixed; /* owned */
    struct fetch_resolver *resolver;
    struct own_exchange *running;
    struct map *hosts;
    struct own_host *sessions_oldest;
    struct own_host *sessions_newest;
    size_t session_count;
    struct own_conn *idle_oldest;
    struct own_conn *idle_newest;
    size_t idle_count;
    struct loop_timer idle_timer;
    /* Used within one callback only, so that connections need no buffers of their own. */
    struct buf spare;   /* memory for the next request head */
    struct buf decoded; /* of a chunked body */
    struct http_head parsed;
    char scratch[OWN_READ_SIZE];
};
