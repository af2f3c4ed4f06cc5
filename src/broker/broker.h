/* SPDX-License-Identifier: Apache-2.0
 *
 * Publishing to RabbitMQ with confirms. A connection (broker, user, virtual host) is one thread with
 * librabbitmq, which blocks; loops hand it messages and get each one's verdict back. Connections are
 * shared by all loops, made when first needed, closed after idling, and bounded in number.
 *
 *   pool = broker_pool_new(&options);
 *   client = broker_client_new(pool, loop);          // one a loop
 *   broker_start(client, &call);                     // call.done() on that loop
 *   broker_pool_stop(pool); ... empty the loops ... broker_client_free(client); broker_pool_free(pool);
 *
 * A message counts as published when the broker confirmed it, never before. Every exchange has a
 * channel of its own (up to 64 a connection), so that one that does not exist fails only what was
 * meant for it. While the broker is blocked (short of memory or disk) messages wait for their
 * deadline; while it cannot be reached they fail at once, until the next try to connect (0.5 s
 * doubling to 10 s). Heartbeats go every 30 s.
 */
#pragma once

#include "base/base.h"
#include "broker/url.h"
#include "fetch/fetch.h"
#include "loop/loop.h"

enum {
    BROKER_NAME_MAX = 255,           /* bytes of an exchange or a routing key, AMQP's own limit */
    BROKER_HEADERS_MAX = 64,         /* headers of a message */
    BROKER_UNCONFIRMED_MAX = 16384,  /* of an exchange, on their way */
    BROKER_DETAIL_MAX = 240
};

enum broker_verdict {
    BROKER_CONFIRMED,
    BROKER_NACKED,      /* the broker could not take responsibility for it */
    BROKER_RETURNED,    /* mandatory, and no queue wants it */
    BROKER_REFUSED,     /* the broker closed the channel or the connection, or the login; `code` says why */
    BROKER_DNS,
    BROKER_ADDRESS,     /* refused by the address policy */
    BROKER_CONNECT,
    BROKER_TLS,
    BROKER_CLOSED,      /* the connection was lost before the confirm */
    BROKER_TIMEOUT,
    BROKER_BUSY,        /* more brokers in use than connections allowed */
    BROKER_CANCELED
};
/* "nacked", "dns", ...; "" for confirmed. */
const char *broker_verdict_name(enum broker_verdict v);

struct broker_header {
    struct str name, value;
};

/* What is published. Borrowed until broker_start() returns. */
struct broker_message {
    struct str exchange;      /* "" is the broker's default exchange */
    struct str exchange_type; /* for declaring */
    bool declare;             /* declare the exchange, durable, when a channel is opened for it */
    bool persistent, mandatory;
    struct str routing_key;
    struct str content_type, message_id, event_type;
    int64_t timestamp_s;
    const struct broker_header *headers;
    size_t header_count;
    struct str body;
};

struct broker_job;
struct broker_call {
    /* in */
    const struct broker_url *url;          /* borrowed until broker_start() returns */
    const struct broker_message *message;
    int64_t deadline_us;                   /* from start to confirm */
    void (*done)(struct broker_call *call);
    void *owner;
    /* out */
    enum broker_verdict verdict;
    int code;                              /* the broker's reply code, or 0 */
    int64_t took_us;
    char detail[BROKER_DETAIL_MAX];        /* words, the broker's own where it gave some */
    /* implementation's */
    struct broker_client *_client;
    struct broker_job *_job;
    struct loop_timer _timer;
    int64_t _started_us;
};

struct broker_pool;
struct broker_options {
    struct fetch_policy *policy;           /* taken with a reference; asked after DNS */
    const char *ca_file;                   /* NULL: the system's authorities */
    const char *cert_file, *key_file;      /* shown to brokers that ask; NULL: none */
    const char *product_version;
    size_t connections_max;
    int64_t connect_us;
    int64_t idle_us;                       /* without a message, before a connection is closed */
};
struct broker_pool *broker_pool_new(const struct broker_options *o);
/* Ends all threads; what was under way is answered on the loops, as closed. Nothing is started afterwards.
 * Not a loop thread. NULL is fine, here and below. */
void broker_pool_stop(struct broker_pool *pool);
/* After that, and after the loops were emptied: answers under way still know their connection. */
void broker_pool_free(struct broker_pool *pool);

struct broker_client;
struct broker_client *broker_client_new(struct broker_pool *pool, struct loop *loop);
/* After the pool was stopped and the loop was emptied. NULL is fine. */
void broker_client_free(struct broker_client *client);

/* Loop thread. done() may come before it returns. */
void broker_start(struct broker_client *client, struct broker_call *call);
/* Loop thread, while it runs: done() with BROKER_CANCELED at once. The message may reach the broker. */
void broker_cancel(struct broker_call *call);
