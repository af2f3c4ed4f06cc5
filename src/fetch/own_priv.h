/* SPDX-License-Identifier: Apache-2.0
 *
 * Our own client, inside. Who calls whom, top to bottom:
 *
 *   own.c       the interface: start, cancel, free
 *   exchange.c  one call under way: takes or makes a connection, sends, ends; the only place that
 *               ends a call
 *   response.c  reading the answer
 *   dial.c      addresses to a connected socket
 *   conn.c      a connection: its socket, its TLS, its bytes
 *   pool.c      hosts, the connections kept for them, their TLS sessions
 *
 * Whatever ends a call frees its exchange and runs foreign code (done), so functions that may do
 * so say it, and their callers touch neither exchange nor connection afterwards.
 */
#pragma once

#include "fetch/fetch_priv.h"
#include "fetch/resolve_priv.h"

#include <sys/uio.h>

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
    struct own_conn *idle; /* newest first */
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
    struct own_conn *host_prev; /* idle ones of the host */
    struct own_conn *host_next;
    struct own_conn *prev; /* idle ones of all, oldest first */
    struct own_conn *next;
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

/* --- pool.c --- */
/* The host of a call, with a reference. */
struct own_host *fetch_own_host_get(struct own *own, const struct fetch_call *c);
void fetch_own_host_unref(struct own_host *h);
/* The connection used last, taken out; NULL: none is kept. */
struct own_conn *fetch_own_pool_take(struct own_host *h);
/* Keeps it, or closes it when there is no room. */
void fetch_own_pool_put(struct own_conn *conn);
/* Takes a kept connection out, to be closed. */
void fetch_own_pool_remove(struct own_conn *conn);
void fetch_own_pool_expire(void *own);
void fetch_own_pool_clear(struct own *own);
/* `session` is taken over. */
void fetch_own_host_set_session(struct own_host *h, SSL_SESSION *session);

/* --- conn.c --- */
/* CLOSED: ended in order. BROKEN: anything else. */
enum own_io { OWN_IO_OK, OWN_IO_AGAIN, OWN_IO_CLOSED, OWN_IO_BROKEN };
/* `fd` is taken over. */
struct own_conn *fetch_own_conn_new(struct own_host *h, struct own_exchange *ex, int fd);
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

/* --- dial.c --- */
/* Tries the addresses in order. Ends with fetch_own_exchange_connected() or fetch_own_exchange_fail(), both
 * possibly before this returns; the dial is freed before either. */
void fetch_own_dial_start(struct own_exchange *ex, const struct fetch_addresses *found);
void fetch_own_dial_free(struct own_dial *d); /* NULL is fine; closes what is open */

/* --- exchange.c --- (those marked * may end the call) */
void fetch_own_exchange_start(struct own *own, struct fetch_call *c); /* * */
void fetch_own_exchange_connected(struct own_exchange *ex, int fd,
                                  const struct fetch_address *peer);           /* * */
void fetch_own_exchange_event(struct own_exchange *ex, uint32_t events);       /* * */
void fetch_own_exchange_fail(struct own_exchange *ex, enum fetch_error error); /* * ends it */
/* The connection died: tries once more on a fresh one if that is safe, else fails. */
void fetch_own_exchange_closed(struct own_exchange *ex, const char *why); /* * */
/* The answer is there. `is_clean`: the connection stands between two answers. */
void fetch_own_exchange_complete(struct own_exchange *ex, bool is_clean); /* * ends it */

/* --- response.c --- */
void fetch_own_response_read(struct own_exchange *ex); /* * */
