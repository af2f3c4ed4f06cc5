/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the server share: server.c (listener, limits, stop), conn.c (the state
 * machine), transport.c (bytes in and out, plain or TLS), call.c (requests and answers).
 *
 * Descriptors are watched edge-triggered, once, for reading and writing, so that a request costs
 * one read and one write and no epoll_ctl. An idle connection owns nothing but its struct (and its
 * SSL).
 */
#pragma once

#include "http/server.h"

#include <openssl/ssl.h>

enum {
    CONN_READ_BYTES = 64 * 1024, /* the shared read buffer of a server */
    CONN_OUT_BATCH = 64 * 1024, /* answers to pipelined requests are sent once they are this much */
    CONN_TURN_STEPS = 64,       /* reads and requests in a row before others have their turn */
    CONN_LINGER_US = 2000 * 1000, /* to let a refused sender read why */
    CALL_POOL_MAX = 64,           /* spare calls kept, each with a block of memory */
    CONN_ADDRESS_MAX = 48
};

enum conn_phase {
    CONN_HANDSHAKE,
    CONN_IDLE, /* no byte of a request yet */
    CONN_HEAD, /* some bytes of a head */
    CONN_JUDGING, /* the head is with `admit`, which has not decided yet */
    CONN_BODY,
    CONN_HANDLING, /* the handler has the call */
    CONN_STREAMING, /* the handler has the call and writes to it: stream.c */
    CONN_WRITING,  /* the answer does not fit the socket's buffer */
    CONN_LINGER,   /* answered and shut down; reading what still comes, to no use */
    CONN_CLOSED    /* freed at the end of the turn */
};

struct conn {
    struct http_server *server;
    struct conn *next, *prev;
    struct loop_io io;
    struct loop_timer timer;
    int64_t deadline_us; /* 0: none. The timer may be set to earlier and then looks here. */
    int64_t armed_us;    /* what the timer is set to */
    int64_t started_us;  /* first byte of the request being read */
    int64_t phase_us;    /* begin of the phase, for its metric */
    SSL *ssl;            /* NULL: plain */
    struct call *call;   /* in JUDGING, BODY and HANDLING */
    struct buf in;       /* read but not taken; mostly empty */
    struct buf out;      /* answers; mostly empty */
    size_t out_at;       /* what of `out` is sent */
    struct loop_task free_task;
    enum conn_phase phase;
    bool may_read;     /* the socket may have more than we read */
    bool got_hangup;   /* epoll saw the end of the stream; we read on until we see it too */
    bool needs_more;   /* `in` holds a part that is no use without more bytes */
    bool has_yielded;  /* the timer is set to go on, not to cut */
    bool closes;       /* after what is in `out` */
    bool body_follows; /* some of it came with the head, so that nobody waits for 100 Continue */
    bool lingers;      /* with unread input, so that closing at once would reset */
    bool is_advancing; /* http_conn_advance() is on the stack and goes on by itself */
    char peer[CONN_ADDRESS_MAX];
};

/* What a connection does while it is CONN_STREAMING: set by whoever began that (stream.c). */
struct conn_flow {
    void (*move)(struct conn *c);    /* sends what waits, or finds the peer gone */
    void (*stop)(struct conn *c);    /* the server stops */
    void (*lost)(struct call *call); /* the connection is closed; takes the call */
};

struct call {
    struct http_call pub;
    struct http_server *server;
    struct conn *conn; /* NULL: gone */
    struct call *next_free;
    struct arena arena;
    struct buf body; /* when the body did not come with the head */
    struct http_chunked chunked;
    uint64_t owner;  /* of `charged` */
    size_t charged;  /* bytes taken from the server's share for `body` */
    char request_id[24];
    bool is_whole;   /* the body is there */
    bool is_judging; /* `admit` has it */
    bool takes_any;  /* see http_admission */
    bool is_started; /* the handler has it */
    bool is_answered;
    bool is_streaming; /* and not ended by its handler */
    const struct conn_flow *flow;
    const struct http_stream_kind *stream_kind;
    void *stream_arg;
    struct loop_task gone_task;
    struct http_head head; /* last: a new call leaves it as it comes */
};

struct http_server {
    struct loop *loop;
    struct loop_io io;
    struct loop_timer accept_timer; /* out of descriptors: try again then */
    int64_t say_again_us;           /* not to the log before */
    SSL_CTX *tls;
    struct http_limits limits;
    http_handler_fn handler;
    http_admit_fn admit;  /* may be NULL */
    struct share *bodies; /* may be NULL */
    unsigned door;
    void *ctx;
    struct conn *conns;
    size_t conn_count;
    size_t call_count; /* in use */
    struct call *free_calls;
    size_t free_count;
    struct buf scratch; /* serialized answers */
    uint64_t id_seed, id_count;
    int64_t date_second;
    char date[HTTP_DATE_LEN + 1];
    bool is_stopping;
    bool is_freed; /* waits for calls still held by handlers */
    struct loop_timer stop_timer;
    struct loop_task stop_task;
    loop_fn stop_done;
    void *stop_arg;
    char read_buf[CONN_READ_BYTES];
};

/* server.c */
void http_server_forget(struct http_server *s, struct conn *c);
void http_server_free_now(struct http_server *s);
/* conn.c */
/* Takes fd, and closes it when it returns NULL: memory for TLS, or the kernel watches no more. */
struct conn *http_conn_new(struct http_server *s, int fd, const char *peer);
void http_conn_close(struct conn *c);
/* Reads, parses, calls handlers and sends, as far as it goes without waiting. */
void http_conn_advance(struct conn *c);
/* Closes it unless a request is under way or waits in the socket. */
void http_conn_stop(struct conn *c);
void http_conn_set_deadline(struct conn *c, int64_t at_us); /* 0: none */

/* transport.c */
enum io_result { IO_DONE, IO_AGAIN, IO_EOF, IO_FAILED };

/* call.c */
struct call *http_call_new(struct conn *c);
void http_call_free(struct call *call);
/* Copies head (and body, when whole) to the call's arena. */
void http_call_own_head(struct call *call, struct str head, struct str body);
void http_call_start(struct call *call);
/* Shows the head to the server's `admit`, or admits it. */
void http_call_judge(struct call *call);
/* Makes room for `more` bytes of body. RC_BUSY: no memory for bodies is left; RC_LIMIT: not for this owner. */
MUST_USE enum rc http_call_charge(struct call *call, size_t more);
/* Answers before any handler, in JSON, and closes. */
void http_call_refuse(struct conn *c, int status, const char *detail);
/* The same for a lack of memory for bodies, by http_call_charge()'s result. */
void http_call_refuse_memory(struct conn *c, enum rc why);
/* conn.c: the call was admitted: its body is read from now on. */
void http_conn_admitted(struct conn *c);
/* conn.c: its body is refused, by an answer or by handing the call over without it. */
void http_conn_refuse_body(struct conn *c, int status, const char *why);
/* conn.c: an answer was handed to the transport, which came back with `r`. */
void http_conn_answered(struct conn *c, enum io_result r);
