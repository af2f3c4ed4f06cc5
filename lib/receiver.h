/* SPDX-License-Identifier: Apache-2.0
 *
 * The receiver's insides. Private.
 *
 * A connection belongs to the I/O thread; while its request is judged (`is_away`) it belongs to one
 * handler. Queues are guarded by the mutex beside them. An accepted event is an owned copy in the
 * queue, or (with a spool) a file and its number in the queue.
 */
#pragma once

#include <pthread.h>

#include "grapnel_receiver.h"
#include "http_read.h"
#include "replay.h"

enum { GN_PEER_MAX = 64 };

/* --- events that wait: receiver_queue.c ---------------------------------------------------------- */
struct gn_stored {
    struct grapnel_event event; /* into `bytes` */
    struct gn_replay_keys keys;
    size_t size; /* of bytes */
    char *bytes;
};

struct gn_waiting {
    struct gn_waiting *next;
    uint64_t number; /* of the spool's file */
    struct grapnel_lane lane;
    struct gn_stored *stored; /* NULL: in the spool */
    struct gn_conn *conn;     /* not NULL: its request waits for its answer, and is nowhere else */
};

struct gn_queue {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct gn_waiting *first, **last;
    size_t count;                                 /* waiting and running */
    size_t worker_count;                          /* threads */
    size_t running_count;                         /* of them, with an event */
    size_t place_count;                           /* the ones below have been used */
    uint64_t lanes[GRAPNEL_RECEIVER_RUNNING_MAX]; /* of what runs; by place */
    bool is_running[GRAPNEL_RECEIVER_RUNNING_MAX];
    bool is_started, is_stopping, drains;
};

/* --- receiver_spool.c ----------------------------------------------------------------------------- */
struct gn_spool {
    int fd;     /* the folder; -1: none */
    int failed; /* SPOOL/failed */
    _Atomic uint64_t next;
};

struct gn_conn {
    struct gn_conn *prev, *next; /* all of the receiver */
    struct gn_conn *follower;    /* in a list of the hand-over */
    int fd;
    enum { GN_CONN_READ, GN_CONN_AWAY, GN_CONN_WRITE, GN_CONN_LINGER } state;
    struct gn_http http;
    char peer[GN_PEER_MAX];
    unsigned peer_port;
    char *input; /* read, but not of this request yet */
    size_t input_len;
    char *output; /* of output_cap bytes of the budget */
    size_t output_cap, output_len, output_done;
    bool closes;
    bool told_to_continue;
    int64_t deadline_us;
};

struct gn_conn_list {
    struct gn_conn *first, **last;
};

struct grapnel_receiver {
    struct grapnel_receiver_config config;
    struct grapnel_bytes secrets[GRAPNEL_SECRETS_MAX]; /* under the mutex: the first may come in a handshake */
    struct grapnel_window window;
    char *texts; /* secrets, companion, public URL */
    size_t texts_len;
    pthread_mutex_t learning; /* held while one is learned and told, before `mutex` */
    char learned[GRAPNEL_VERDICT_TEXT_MAX]; /* what a handshake brought */

    struct gn_budget budget;
    struct gn_replay *replay; /* NULL: not looked for */
    struct gn_spool spool;
    struct gn_queue queue;

    int listen_fd, epoll_fd, wake_fd;
    unsigned port;
    struct gn_conn *conns;
    size_t conn_count;
    bool is_paused; /* too many connections: not accepting */

    pthread_mutex_t mutex; /* of the two lists and is_stopping */
    pthread_cond_t handed;
    struct gn_conn_list to_handle, handled;
    bool is_stopping;  /* the I/O thread */
    bool handlers_end; /* once it has nothing more for them */
    int interrupt_fd;

    pthread_t io;
    pthread_t threads[GRAPNEL_RECEIVER_THREADS_MAX]; /* handlers */
    size_t thread_count;
    bool has_io;
};

int64_t gn_wall_us(void);
int64_t gn_steady_us(void);

/* receiver_io.c */
bool gn_io_open(struct grapnel_receiver *r);
void *gn_io_run(void *receiver);
void gn_io_close(struct grapnel_receiver *r);
void gn_io_wake(struct grapnel_receiver *r);

/* receiver_judge.c */
void *gn_handler_run(void *receiver);
/* Makes the deferred answer of a connection that is away, and gives it back to the I/O thread. */
void gn_answer_deferred(struct grapnel_receiver *r, struct gn_conn *conn);

/* receiver_answer.c: fills conn->output, and conn->closes when the answer has no room. */
void gn_answer(struct grapnel_receiver *r, struct gn_conn *conn,
               const struct grapnel_answer *answer);
/* The same with nothing but a status, and closing. */
void gn_refuse(struct grapnel_receiver *r, struct gn_conn *conn, unsigned status);
/* The output was sent. */
void gn_answer_free(struct grapnel_receiver *r, struct gn_conn *conn);

/* receiver_queue.c */
bool gn_queue_init(struct gn_queue *q);
void gn_queue_fini(struct grapnel_receiver *r);
/* 0, or the status to refuse with; `reason` is set then. The event is durable when this returns 0
 * and there is a spool. */
unsigned gn_queue_put(struct grapnel_receiver *r, const struct grapnel_event *event,
                      const struct gn_replay_keys *keys, const char **reason);
/* As above, for a request whose answer is made by a worker: 0, and the connection is the queue's. */
unsigned gn_queue_defer(struct grapnel_receiver *r, const struct grapnel_event *event,
                        struct gn_conn *conn, const char **reason);
/* Puts what the spool still has. */
bool gn_queue_reload(struct grapnel_receiver *r, char *why, size_t cap);
/* Starts workers; false: not even one. */
bool gn_queue_start(struct grapnel_receiver *r);
/* Ends the workers, after what they run (`drain`: and what waits). */
void gn_queue_stop(struct gn_queue *q, bool drain);

/* receiver_stored.c: one block of bytes <-> an event. NULL: memory is short or the bytes are bad. */
struct gn_stored *gn_stored_make(const struct grapnel_event *event,
                                 const struct gn_replay_keys *keys);
struct gn_stored *gn_stored_read(char *bytes, size_t size); /* takes bytes, in every case */
void gn_stored_free(struct gn_stored *s);

/* receiver_spool.c */
bool gn_spool_open(struct gn_spool *s, const char *folder, char *why, size_t cap);
void gn_spool_close(struct gn_spool *s);
bool gn_spool_write(struct gn_spool *s, const struct gn_stored *stored, uint64_t *number);
/* NULL: no event of ours, or, with *later, the system could not read it: that may be tried again. */
struct gn_stored *gn_spool_read(struct gn_spool *s, uint64_t number, size_t size_max, bool *later);
void gn_spool_done(struct gn_spool *s, uint64_t number, bool failed);
/* The numbers of what waits, in order; the caller frees *out. False: the folder cannot be read. */
bool gn_spool_list(struct gn_spool *s, uint64_t **out, size_t *count);
