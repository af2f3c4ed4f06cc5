/* SPDX-License-Identifier: Apache-2.0
 *
 * A RabbitMQ for the world: AMQP 0-9-1, as much of it as a publisher with confirms needs. The broker speaks the
 * protocol; the world decides what it says: whether a step of the handshake is answered, and what becomes of each
 * message. All functions are called from world tasks, and none of them waits unless it says so. The rules of sim.h hold.
 *
 * What is said on a connection goes out in the order of its times, frame by frame, by a task of its own, so that an
 * answer may be late while others overtake it. A client that breaks the protocol ends the run as failed.
 */
#pragma once

#include "sim.h"

struct amqp_broker;
struct amqp_conn;

enum { AMQP_CHANNELS = 64, AMQP_TEXT = 256 };

/* What the broker is about to answer, and how it does. */
enum amqp_step { AMQP_GREETING, AMQP_LOGIN, AMQP_OPENING, AMQP_CHANNEL, AMQP_EXCHANGE, AMQP_CONFIRMS, AMQP_HEARTBEAT };
enum amqp_way {
    AMQP_ANSWERS,
    AMQP_IS_SILENT,
    AMQP_REFUSES,   /* closes the connection, or the channel where there is one */
    AMQP_BREAKS_OFF /* half of a frame, and the connection is gone */
};

struct amqp_message {
    unsigned channel;
    uint64_t tag; /* of the confirm that is asked for */
    char exchange[AMQP_TEXT], routing_key[AMQP_TEXT], id[AMQP_TEXT], type[AMQP_TEXT];
    bool is_mandatory, is_persistent;
    const char *body; /* with a NUL behind it */
    size_t len;
    const void *properties; /* as they came, for amqp_return() */
    size_t properties_len;
};

struct amqp_rules {
    enum amqp_way (*way)(void *ctx, struct amqp_conn *c, enum amqp_step step);
    /* A whole message; borrowed until it returns. It says nothing by itself: amqp_settle() does. */
    void (*take)(void *ctx, struct amqp_conn *c, const struct amqp_message *m);
    /* True while the broker reads nothing. */
    bool (*is_deaf)(void *ctx);
    /* Nothing came for two heartbeats, since that moment; the connection ends. */
    void (*missed)(void *ctx, int64_t since_us);
    void *ctx;
};

/* No two connections of a life have the same. */
uint64_t amqp_number(const struct amqp_conn *c);
/* Takes connections to `address` in this life. NULL: somebody else does. */
struct amqp_broker *amqp_broker_start(const char *address, const struct amqp_rules *rules);
/* Connections that are there, and those that come, are told: no more messages, or go on. */
void amqp_block(struct amqp_broker *b, bool is_blocked);
/* All connections break, as when the broker dies. */
void amqp_sever_all(struct amqp_broker *b);
/* When the client of the connection was told to stop, by a frame that has left; 0: it may go on. */
int64_t amqp_blocked_since(const struct amqp_conn *c);

/* basic.ack or basic.nack, `after_us` from now. When the frame has left, said(arg) is called; never if the connection ends
 * first. `said` may be NULL. */
struct amqp_confirm {
    unsigned channel;
    uint64_t tag;
    bool is_multiple, is_nack;
    int64_t after_us;
    void (*said)(void *arg);
    void *arg;
};
void amqp_settle(struct amqp_conn *c, const struct amqp_confirm *confirm);
/* basic.return with the message itself: no queue wants it. */
void amqp_return(struct amqp_conn *c, const struct amqp_message *m, int64_t after_us);
/* What was not said yet on the channel, or on the connection, stays unsaid. */
void amqp_close_channel(struct amqp_conn *c, unsigned channel, int code, const char *words);
void amqp_close(struct amqp_conn *c, int code, const char *words);
void amqp_break_off(struct amqp_conn *c);

enum amqp_noise {
    AMQP_HEARTBEATS,     /* thousands of them */
    AMQP_STRANGE_CHANNEL,/* a method on a channel that nobody opened */
    AMQP_GARBAGE,        /* bytes that are no frame */
    AMQP_HUGE_FRAME,     /* the head of a frame of two gigabytes */
    AMQP_NOISES
};
void amqp_babble(struct amqp_conn *c, enum amqp_noise noise);
