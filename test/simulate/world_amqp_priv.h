/* SPDX-License-Identifier: Apache-2.0
 *
 * For world_amqp.c, which reads, and world_amqp_say.c, which speaks.
 */
#pragma once

#include "world_amqp.h"

#include "machine_priv.h"

enum {
    FRAME_METHOD = 1,
    FRAME_HEADER = 2,
    FRAME_BODY = 3,
    FRAME_HEARTBEAT = 8,
    FRAME_END = 0xce,
    FRAME_MAX = 131072,
    CLASS_BASIC = 60
};

/* A method's class and number, as they stand in a frame. */
#define METHOD(class, number) ((uint32_t)(class) << 16 | (number))
enum method {
    CONNECTION_START = METHOD(10, 10),
    CONNECTION_START_OK = METHOD(10, 11),
    CONNECTION_TUNE = METHOD(10, 30),
    CONNECTION_TUNE_OK = METHOD(10, 31),
    CONNECTION_OPEN = METHOD(10, 40),
    CONNECTION_OPEN_OK = METHOD(10, 41),
    CONNECTION_CLOSE = METHOD(10, 50),
    CONNECTION_CLOSE_OK = METHOD(10, 51),
    CONNECTION_BLOCKED = METHOD(10, 60),
    CONNECTION_UNBLOCKED = METHOD(10, 61),
    CHANNEL_OPEN = METHOD(20, 10),
    CHANNEL_OPEN_OK = METHOD(20, 11),
    CHANNEL_CLOSE = METHOD(20, 40),
    CHANNEL_CLOSE_OK = METHOD(20, 41),
    EXCHANGE_DECLARE = METHOD(40, 10),
    EXCHANGE_DECLARE_OK = METHOD(40, 11),
    BASIC_PUBLISH = METHOD(60, 40),
    BASIC_RETURN = METHOD(60, 50),
    BASIC_ACK = METHOD(60, 80),
    BASIC_NACK = METHOD(60, 120),
    CONFIRM_SELECT = METHOD(85, 10),
    CONFIRM_SELECT_OK = METHOD(85, 11)
};

/* What will be said. */
struct speech {
    struct speech *next;
    int64_t due_us;
    char *bytes;
    size_t len;
    unsigned channel; /* 0: of the connection */
    bool is_last;     /* the connection breaks behind it */
    void (*said)(void *arg);
    void *arg;
};

struct channel {
    bool is_open, is_closing /* by us: what comes until the client agrees is not looked at */,
        has_confirms;
    uint64_t published;
};

struct amqp_conn {
    struct amqp_broker *broker;
    struct amqp_conn *next;
    struct sim_sock *sock;
    uint64_t number;
    int refs; /* the two tasks */
    bool is_over, is_stirred, is_open, is_greeted;
    int64_t heartbeat_us, said_us, blocked_us;
    struct speech *first;
    char *in;
    size_t in_len, in_room;
    struct channel channels[AMQP_CHANNELS + 1];
    struct amqp_message message; /* whose content is on its way */
    char *properties, *body;
    uint64_t body_len;
    bool has_message, has_header;
};

struct amqp_broker {
    struct sim_listener *listener;
    struct amqp_rules rules;
    struct amqp_conn *conns;
    bool is_blocked;
};

/* Bytes in the making. */
struct amqp_out {
    char *bytes;
    size_t len, room;
};

void amqp_put(struct amqp_out *o, const void *bytes, size_t len);
/* A number of `size` bytes, the highest first. */
void amqp_put_number(struct amqp_out *o, uint64_t number, int size);
void amqp_put_text(struct amqp_out *o, const char *text);      /* with a length of one byte */
void amqp_put_long_text(struct amqp_out *o, const char *text); /* of four */
struct amqp_out amqp_method_begin(enum method m);
/* Frees the payload. */
void amqp_say_method(struct amqp_conn *c, unsigned channel, struct amqp_out *payload);
/* Tells the client whether it may publish. */
void amqp_tell_blocked(struct amqp_conn *c);
/* The task of a connection that speaks. */
void amqp_speak(void *conn);
/* One of the two tasks of a connection ends. */
void amqp_conn_unref(struct amqp_conn *c);
