/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the module share. A job is one message on its way: made on a loop, handed to the
 * link's thread by a post to the link's loop, handed back the same way. Who may touch what: `call` is
 * the client's loop's, everything else belongs to where the job is at the moment.
 *
 * A link is a connection with its thread. It lives while it has users (jobs, counted under the
 * pool's lock), and ends by itself after idling; the pool joins what has ended.
 */
#pragma once

#include "broker/broker.h"
#include "broker/confirms_priv.h"

#include <amqp.h>
#include <stdatomic.h>

enum {
    BROKER_CHANNELS_MAX = 64,
    BROKER_HEARTBEAT_S = 30,
    BROKER_FRAME_MAX = 131072
};

struct broker_result {
    enum broker_verdict verdict;
    int code;
    char detail[BROKER_DETAIL_MAX];
};

struct broker_job {
    struct loop_task task;
    struct broker_client *client;
    struct broker_link *link;
    struct broker_call *call; /* NULL: nobody waits any more */
    atomic_bool is_given_up;  /* not to be sent if it was not yet */
    bool is_returned;         /* the broker sent it back; its confirm follows */
    struct broker_job *next;
    struct broker_message message; /* into `bytes` */
    struct broker_header headers[BROKER_HEADERS_MAX];
    struct broker_result result;
    char bytes[];
};

struct broker_channel {
    uint16_t number; /* from 1 */
    bool is_open;
    struct str exchange; /* owned; the one it was made for */
    struct broker_confirms confirms;
    struct broker_result returning; /* of the basic.return whose header comes next */
};

enum broker_state { BROKER_DOWN, BROKER_UP, BROKER_BLOCKED };

struct broker_link {
    struct broker_pool *pool;
    struct broker_link *next;
    struct thread *thread;
    struct loop *loop; /* of its thread: jobs come through it, and it watches the socket */
    struct broker_url url; /* strings end in NUL */
    char *host;            /* of url, for OpenSSL, which keeps it */
    struct arena arena;
    /* under the pool's lock */
    size_t users;
    int64_t idle_since_us;
    int fd; /* -1: none; for the pool to shut down */
    /* any thread */
    atomic_int state;
    atomic_bool is_stopping;
    /* the link's thread */
    bool is_over;
    amqp_connection_state_t conn; /* NULL: not connected */
    struct loop_io io;
    struct loop_task wake_task;
    int64_t blocked_us;
    int64_t retry_at_us, backoff_us;
    struct broker_result why_down;
    struct broker_job *queue, *queue_last;
    struct broker_channel channels[BROKER_CHANNELS_MAX];
    size_t channel_count;
};

struct broker_pool {
    struct broker_options o;
    struct mutex lock; /* guards the lists and what stands under it in a link */
    struct broker_link *links;
    size_t link_count;
    struct broker_link *ended; /* to be joined */
};

/* --- pool.c */
/* The link to that broker, with one more user. NULL: too many. */
struct broker_link *broker_pool_take(struct broker_pool *pool, const struct broker_url *url);
void broker_pool_give_back(struct broker_link *link);
/* The link's thread: true if it has been idle long enough; then nobody can take it any more. */
bool broker_pool_retire(struct broker_link *link);
void broker_pool_set_fd(struct broker_link *link, int fd);

/* --- link.c: the thread */
void broker_link_run(void *link);
void broker_link_take_job(void *job); /* a loop_fn */
/* A job's end; it goes back to its loop. */
void broker_link_answer(struct broker_job *job, const struct broker_result *result);
/* The connection is gone: everything published and not confirmed fails. */
void broker_link_lost(struct broker_link *link, const struct broker_result *why);

/* --- connect.c */
/* Makes link->conn; false: *why. Blocks for at most a few connect times. */
bool broker_connect(struct broker_link *link, struct broker_result *why);

/* --- channel.c */
/* Publishes on the exchange's channel, opening it if need be. False: the connection was lost. */
bool broker_channel_publish(struct broker_link *link, struct broker_job *job);
bool broker_channel_has_room(const struct broker_link *link, const struct broker_job *job);
/* A frame that came. False: the connection was lost. */
bool broker_channel_frame(struct broker_link *link, const amqp_frame_t *frame);
void broker_channel_fail_all(struct broker_link *link, const struct broker_result *why);
void broker_channel_forget_all(struct broker_link *link);

/* Words for an answer of the library: what the broker said, or what the library did. */
void broker_result_of_reply(amqp_rpc_reply_t reply, struct broker_result *out);
PRINTF_LIKE(4, 5)
void broker_result_say(struct broker_result *out, enum broker_verdict verdict, int code, const char *fmt, ...);

/* --- client.c */
struct broker_client {
    struct broker_pool *pool;
    struct loop *loop;
};
