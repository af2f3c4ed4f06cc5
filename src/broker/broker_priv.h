/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the module share: its types; what each file does is in a header of its own. A job is one message on its way: made on a loop, handed to the
 * link's thread by a post to the link's loop, handed back the same way. Who may touch what: `call` is
 * the client's loop's, everything else belongs to where the job is at the moment.
 *
 * A link is a connection with its thread. It lives while it has users (jobs, counted under the
 * pool's lock), and ends by itself after idling; the pool joins what has ended.
 *
 * librabbitmq closes its socket when it likes, and some of its waits end only when the peer wants. So
 * the loop watches a duplicate of the descriptor, which is ours to close, and a call whose time is over
 * shuts the connection down through it if the thread is stuck in the library or the broker settles
 * nothing: no broker can hold a link for longer, and what hangs is soon replaced by a new connection.
 */
#pragma once

#include "broker/broker.h"
#include "broker/confirms_priv.h"

#include <amqp.h>
#include <stdatomic.h>

enum {
    BROKER_CHANNELS_MAX = 64,
    BROKER_HEARTBEAT_S = 30,
    BROKER_STUCK_US = 5 * 1000 * 1000, /* in the library without a pause: the connection is cut */
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
    loop_fn on_answered; /* on the client's loop, with the job */
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
    size_t returning_key_len;       /* its routing key */
    char returning_key[BROKER_NAME_MAX];
};

enum broker_state { BROKER_DOWN, BROKER_UP, BROKER_BLOCKED };

struct broker_link {
    struct broker_pool *pool;
    struct broker_link *next;
    struct thread *thread;
    struct loop *loop;     /* of its thread: jobs come through it, and it watches the socket */
    struct broker_url url; /* strings end in NUL */
    char *host;            /* of url, for OpenSSL, which keeps it */
    struct arena arena;
    /* under the pool's lock */
    size_t users;
    int64_t idle_since_us;
    int fd; /* our duplicate of the connection's descriptor; -1: none. For others to shut down */
    /* any thread */
    atomic_int state;
    atomic_bool is_stopping;
    atomic_bool is_gone; /* the last thing its thread does: to join it takes no time from then on */
    _Atomic int64_t busy_since_us; /* in the library without a pause; 0: not */
    _Atomic int64_t heard_us;      /* when the broker last settled a message, or was connected to */
    /* the link's thread */
    bool is_over;
    amqp_connection_state_t conn; /* NULL: not connected */
    struct loop_io io;
    struct loop_task wake_task;
    int64_t look_us; /* between two looks, for heartbeats to be in time */
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
    struct broker_link *ended; /* to be joined, once they are gone */
};

struct broker_client {
    struct broker_pool *pool;
    struct loop *loop;
};
