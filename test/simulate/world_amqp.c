/* SPDX-License-Identifier: Apache-2.0
 *
 * A RabbitMQ for the world: see world_amqp.h. One task of a connection reads, which is here; another one speaks.
 */
#include "world_amqp_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEARTBEAT_S = 60, BODY_MAX = 16 * 1024 * 1024, DEAF_LOOK_US = 100000 };

static uint64_t conns_made;

uint64_t amqp_number(const struct amqp_conn *c)
{
    return c->number;
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

/* What of a frame is left to be read. */
struct in {
    const unsigned char *at;
    size_t len;
};

static void in_must(bool holds, const char *what)
{
    if (!holds)
        sim_fail(SIM_UNSAFE, 3, "the broker was sent what is not AMQP: %s", what);
}

static uint64_t in_number(struct in *in, size_t size)
{
    uint64_t number = 0;
    in_must(in->len >= size, "a frame that is too short");
    for (size_t i = 0; i < size; i++)
        number = number << 8 | in->at[i];
    in->at += size;
    in->len -= size;
    return number;
}

static void in_text(struct in *in, char out[static AMQP_TEXT])
{
    size_t len = (size_t)in_number(in, 1);
    in_must(in->len >= len, "a text that is too short");
    memcpy(out, in->at, len);
    out[len] = '\0';
    in->at += len;
    in->len -= len;
}

static void in_skip(struct in *in, size_t len)
{
    in_must(in->len >= len, "a table that is too short");
    in->at += len;
    in->len -= len;
}

static struct channel *channel_of(struct amqp_conn *c, unsigned number)
{
    in_must(number >= 1 && number <= AMQP_CHANNELS, "a channel that was not agreed upon");
    return &c->channels[number];
}

/* How the world wants a step to go; only AMQP_ANSWERS is left to the caller. */
static bool conn_may_answer(struct amqp_conn *c, enum amqp_step step, unsigned channel)
{
    const struct amqp_rules *rules = &c->broker->rules;
    enum amqp_way way = rules->way(rules->ctx, c, step);
    if (way == AMQP_BREAKS_OFF)
        amqp_break_off(c);
    else if (way == AMQP_REFUSES && channel != 0)
        amqp_close_channel(c, channel, step == AMQP_EXCHANGE ? 404 : 504, "NOT_FOUND - refused");
    else if (way == AMQP_REFUSES)
        amqp_close(c, step == AMQP_OPENING ? 530 : 403, "ACCESS_REFUSED - refused");
    return way == AMQP_ANSWERS;
}

/* --- what the client asks ------------------------------------------------------------------------------------------ */

static void on_start(struct amqp_conn *c)
{
    struct amqp_out payload = amqp_method_begin(CONNECTION_START), table = { 0 };
    if (!conn_may_answer(c, AMQP_GREETING, 0))
        return;
    amqp_put_text(&table, "product");
    amqp_put(&table, "S", 1);
    amqp_put_long_text(&table, "A simulated broker");
    amqp_put_number(&payload, 9, 2); /* version 0-9 */
    amqp_put_number(&payload, table.len, 4);
    amqp_put(&payload, table.bytes, table.len);
    amqp_put_long_text(&payload, "PLAIN AMQPLAIN");
    amqp_put_long_text(&payload, "en_US");
    free(table.bytes);
    amqp_say_method(c, 0, &payload);
}

static void on_start_ok(struct amqp_conn *c)
{
    if (!conn_may_answer(c, AMQP_LOGIN, 0))
        return;
    struct amqp_out payload = amqp_method_begin(CONNECTION_TUNE);
    amqp_put_number(&payload, 2047, 2);
    amqp_put_number(&payload, FRAME_MAX, 4);
    amqp_put_number(&payload, HEARTBEAT_S, 2);
    amqp_say_method(c, 0, &payload);
}

static void on_tune_ok(struct amqp_conn *c, struct in *in)
{
    uint64_t channels = in_number(in, 2), frame_max = in_number(in, 4);
    in_must(channels >= 1 && channels <= AMQP_CHANNELS, "more channels than there are");
    in_must(frame_max <= FRAME_MAX, "larger frames than were offered");
    c->heartbeat_us = (int64_t)in_number(in, 2) * SIM_SECOND;
    c->said_us = sim_now_us();
}

static void on_open(struct amqp_conn *c)
{
    if (!conn_may_answer(c, AMQP_OPENING, 0))
        return;
    struct amqp_out payload = amqp_method_begin(CONNECTION_OPEN_OK);
    amqp_put_text(&payload, "");
    amqp_say_method(c, 0, &payload);
    c->is_open = true;
    if (c->broker->is_blocked)
        amqp_tell_blocked(c);
}

static void on_channel_open(struct amqp_conn *c, unsigned number)
{
    struct channel *ch = channel_of(c, number);
    in_must(c->is_open && !ch->is_open, "a channel is opened that is open");
    *ch = (struct channel){ .is_open = true };
    if (!conn_may_answer(c, AMQP_CHANNEL, number))
        return;
    struct amqp_out payload = amqp_method_begin(CHANNEL_OPEN_OK);
    amqp_put_long_text(&payload, "");
    amqp_say_method(c, number, &payload);
}

static void on_simple(struct amqp_conn *c, unsigned number, enum amqp_step step, enum method answer)
{
    if (!conn_may_answer(c, step, number))
        return;
    channel_of(c, number)->has_confirms |= step == AMQP_CONFIRMS;
    struct amqp_out payload = amqp_method_begin(answer);
    amqp_say_method(c, number, &payload);
}

static void on_publish(struct amqp_conn *c, unsigned number, struct in *in)
{
    struct channel *ch = channel_of(c, number);
    in_must(!c->has_message, "a message in the middle of another");
    in_must(ch->has_confirms, "a message before confirms were agreed upon");
    c->message = (struct amqp_message){ .channel = number, .tag = ++ch->published };
    c->has_message = true;
    c->has_header = false;
    in_skip(in, 2);
    in_text(in, c->message.exchange);
    in_text(in, c->message.routing_key);
    c->message.is_mandatory = (in_number(in, 1) & 1) != 0;
}

static void on_close(struct amqp_conn *c)
{
    struct amqp_out payload = amqp_method_begin(CONNECTION_CLOSE_OK);
    amqp_say_method(c, 0, &payload);
}

/* A method on a channel of its own. */
static void on_channel_method(struct amqp_conn *c, unsigned number, enum method m, struct in *in)
{
    struct channel *ch = channel_of(c, number);
    if (m == CHANNEL_CLOSE_OK) {
        in_must(ch->is_closing, "a channel's end that nobody asked for");
        *ch = (struct channel){ 0 };
        return;
    }
    if (ch->is_closing)
        return;
    in_must(ch->is_open || m == CHANNEL_OPEN, "a method on a channel that is not open");
    if (m == CHANNEL_OPEN)
        on_channel_open(c, number);
    else if (m == EXCHANGE_DECLARE)
        on_simple(c, number, AMQP_EXCHANGE, EXCHANGE_DECLARE_OK);
    else if (m == CONFIRM_SELECT)
        on_simple(c, number, AMQP_CONFIRMS, CONFIRM_SELECT_OK);
    else if (m == BASIC_PUBLISH)
        on_publish(c, number, in);
    else
        in_must(false, "a method that a publisher does not need");
}

static void on_method(struct amqp_conn *c, unsigned channel, struct in *in)
{
    enum method m = (enum method)in_number(in, 4);
    if (channel != 0)
        on_channel_method(c, channel, m, in);
    else if (m == CONNECTION_START_OK)
        on_start_ok(c);
    else if (m == CONNECTION_TUNE_OK)
        on_tune_ok(c, in);
    else if (m == CONNECTION_OPEN)
        on_open(c);
    else if (m == CONNECTION_CLOSE)
        on_close(c);
    else if (m != CONNECTION_CLOSE_OK)
        in_must(false, "a method that a client does not send");
}

/* --- messages ------------------------------------------------------------------------------------------------------- */

static void read_properties(struct amqp_message *m, struct in in)
{
    char text[AMQP_TEXT];
    unsigned flags = (unsigned)in_number(&in, 2);
    for (unsigned bit = 15; bit >= 5; bit--) {
        if ((flags >> bit & 1) == 0)
            continue;
        if (bit == 13)
            in_skip(&in, (size_t)in_number(&in, 4));
        else if (bit == 12)
            m->is_persistent = in_number(&in, 1) == 2;
        else if (bit == 11 || bit == 6)
            in_skip(&in, bit == 11 ? 1 : 8);
        else
            in_text(&in, bit == 7 ? m->id : bit == 5 ? m->type : text);
    }
}

static void message_is_whole(struct amqp_conn *c)
{
    const struct amqp_rules *rules = &c->broker->rules;
    if (!c->has_header || c->message.len < c->body_len)
        return;
    c->body[c->message.len] = '\0';
    c->message.body = c->body;
    c->message.properties = c->properties;
    c->has_message = false;
    rules->take(rules->ctx, c, &c->message);
}

static void on_header(struct amqp_conn *c, struct in *in)
{
    in_must(c->has_message && !c->has_header, "a header without a message");
    in_must(in_number(in, 2) == CLASS_BASIC, "a header of another class");
    in_skip(in, 2);
    c->body_len = in_number(in, 8);
    in_must(c->body_len <= BODY_MAX, "a body that is too large");
    free(c->properties);
    free(c->body);
    c->properties = malloc(in->len + 1);
    c->body = malloc((size_t)c->body_len + 1);
    MACHINE_MUST(c->properties != NULL && c->body != NULL);
    memcpy(c->properties, in->at, in->len);
    c->message.properties_len = in->len;
    read_properties(&c->message, *in);
    c->has_header = true;
    message_is_whole(c);
}

static void on_body(struct amqp_conn *c, const struct in *in)
{
    in_must(c->has_message && c->has_header, "a body without a header");
    in_must(c->message.len + in->len <= c->body_len, "a body longer than its header says");
    memcpy(c->body + c->message.len, in->at, in->len);
    c->message.len += in->len;
    message_is_whole(c);
}

/* --- frames --------------------------------------------------------------------------------------------------------- */

static void conn_take_frame(struct amqp_conn *c, int type, unsigned channel, struct in in)
{
    bool is_ignored = channel != 0 && channel_of(c, channel)->is_closing;
    if (type == FRAME_METHOD)
        on_method(c, channel, &in);
    else if (type == FRAME_HEADER && !is_ignored)
        on_header(c, &in);
    else if (type == FRAME_BODY && !is_ignored)
        on_body(c, &in);
    else if (!is_ignored)
        in_must(type == FRAME_HEARTBEAT && channel == 0, "a frame of a kind that there is not");
    if (is_ignored) /* of which the rest will not come */
        c->has_message = c->has_message && c->message.channel != channel;
}

/* The first thing in what has come: how long it is; 0: not all of it is there. */
static size_t conn_take_one(struct amqp_conn *c)
{
    struct in in = { (unsigned char *)c->in, c->in_len };
    if (!c->is_greeted && in.len >= 8) {
        in_must(memcmp(in.at, "AMQP\0\0\x09\x01", 8) == 0, "a greeting of another version");
        c->is_greeted = true;
        on_start(c);
        return 8;
    }
    if (!c->is_greeted || in.len < 7)
        return 0;
    int type = (int)in_number(&in, 1);
    unsigned channel = (unsigned)in_number(&in, 2);
    size_t len = (size_t)in_number(&in, 4);
    in_must(len <= FRAME_MAX - 8, "a frame that is too large");
    if (in.len < len + 1)
        return 0;
    in_must(in.at[len] == FRAME_END, "a frame without an end");
    in.len = len;
    conn_take_frame(c, type, channel, in);
    return len + 8;
}

static long conn_read(struct amqp_conn *c, int64_t until_us)
{
    enum { PIECE = 16384 };
    if (c->in_room - c->in_len < PIECE) {
        c->in_room = c->in_room * 2 + PIECE;
        c->in = realloc(c->in, c->in_room);
        MACHINE_MUST(c->in != NULL);
    }
    long n = sim_recv(c->sock, c->in + c->in_len, PIECE, until_us);
    c->in_len += n > 0 ? (size_t)n : 0;
    return n;
}

static void serve_conn(void *arg)
{
    struct amqp_conn *c = arg;
    const struct amqp_rules *rules = &c->broker->rules;
    for (;;) {
        int64_t heard_us = sim_now_us();
        while (rules->is_deaf(rules->ctx))
            sim_sleep(DEAF_LOOK_US);
        long n =
            conn_read(c, c->heartbeat_us == 0 ? SIM_FOREVER : sim_now_us() + 2 * c->heartbeat_us);
        if (n == SIM_LATE)
            rules->missed(rules->ctx, heard_us);
        if (n <= 0)
            break;
        for (size_t used; (used = conn_take_one(c)) > 0;) {
            c->in_len -= used;
            memmove(c->in, c->in + used, c->in_len);
        }
    }
    c->is_over = true;
    amqp_conn_unref(c);
}

static void accept_conns(void *arg)
{
    struct amqp_broker *b = arg;
    struct sim_sock *sock;
    while ((sock = sim_accept(b->listener, SIM_FOREVER)) != NULL) {
        struct amqp_conn *c = calloc(1, sizeof *c);
        MACHINE_MUST(c != NULL);
        *c = (struct amqp_conn){
            .broker = b, .next = b->conns, .sock = sock, .number = ++conns_made, .refs = 2
        };
        b->conns = c;
        sim_spawn("broker", serve_conn, c);
        sim_spawn("broker speaks", amqp_speak, c);
    }
}

struct amqp_broker *amqp_broker_start(const char *address, const struct amqp_rules *rules)
{
    struct sim_listener *listener = sim_listen(address);
    struct amqp_broker *b = listener == NULL ? NULL : calloc(1, sizeof *b);
    if (b == NULL)
        return NULL;
    *b = (struct amqp_broker){ .listener = listener, .rules = *rules };
    sim_spawn("broker listens", accept_conns, b);
    return b;
}
