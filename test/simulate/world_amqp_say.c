/* SPDX-License-Identifier: Apache-2.0
 *
 * What a broker of the world says: frames, and the task that sends each when its time has come. See world_amqp.h.
 */
#include "world_amqp_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEARTBEAT_FRAMES = 3000 /* of a babble */ };

/* --- writing -------------------------------------------------------------------------------------------------- */

void amqp_put(struct amqp_out *o, const void *bytes, size_t len)
{
    if (o->room - o->len < len) {
        o->room = (o->len + len) * 2 + 64;
        o->bytes = realloc(o->bytes, o->room);
        MACHINE_MUST(o->bytes != NULL);
    }
    if (len > 0)
        memcpy(o->bytes + o->len, bytes, len);
    o->len += len;
}

void amqp_put_number(struct amqp_out *o, uint64_t number, int size)
{
    unsigned char bytes[8];
    for (int i = 0; i < size; i++)
        bytes[i] = (unsigned char)(number >> (8 * (size - 1 - i)));
    amqp_put(o, bytes, (size_t)size);
}

void amqp_put_text(struct amqp_out *o, const char *text)
{
    size_t len = strlen(text);
    MACHINE_MUST(len < AMQP_TEXT);
    amqp_put_number(o, len, 1);
    amqp_put(o, text, len);
}

void amqp_put_long_text(struct amqp_out *o, const char *text)
{
    amqp_put_number(o, strlen(text), 4);
    amqp_put(o, text, strlen(text));
}

static void out_frame(struct amqp_out *o, int type, unsigned channel,
                      const struct amqp_out *payload)
{
    amqp_put_number(o, (uint64_t)type, 1);
    amqp_put_number(o, channel, 2);
    amqp_put_number(o, payload->len, 4);
    amqp_put(o, payload->bytes, payload->len);
    amqp_put_number(o, FRAME_END, 1);
}

struct amqp_out amqp_method_begin(enum method m)
{
    struct amqp_out payload = { 0 };
    amqp_put_number(&payload, m, 4);
    return payload;
}

/* --- speaking -------------------------------------------------------------------------------------------------- */

/* Takes the bytes over. */
static void conn_say(struct amqp_conn *c, const struct speech *what)
{
    struct speech *s = malloc(sizeof *s), **at = &c->first;
    MACHINE_MUST(s != NULL);
    *s = *what;
    while (*at != NULL && (*at)->due_us <= s->due_us)
        at = &(*at)->next;
    s->next = *at;
    *at = s;
    c->is_stirred = true;
}

static void conn_say_later(struct amqp_conn *c, unsigned channel, struct amqp_out *bytes,
                           int64_t after_us)
{
    conn_say(c, &(struct speech){ .due_us = sim_now_us() + after_us,
                                  .channel = channel,
                                  .bytes = bytes->bytes,
                                  .len = bytes->len });
}

void amqp_say_method(struct amqp_conn *c, unsigned channel, struct amqp_out *payload)
{
    struct amqp_out frame = { 0 };
    out_frame(&frame, FRAME_METHOD, channel, payload);
    free(payload->bytes);
    conn_say_later(c, channel, &frame, 0);
}

/* What is not said yet on a channel that ends, 0 for all of them. */
static void conn_drop_speech(struct amqp_conn *c, unsigned channel)
{
    for (struct speech **at = &c->first, *s; (s = *at) != NULL;) {
        if (channel != 0 && s->channel != channel) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        free(s->bytes);
        free(s);
    }
}

static bool is_stirred(void *arg)
{
    const struct amqp_conn *c = arg;
    return c->is_stirred || c->is_over;
}

void amqp_conn_unref(struct amqp_conn *c)
{
    if (--c->refs > 0)
        return;
    struct amqp_conn **at = &c->broker->conns;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    conn_drop_speech(c, 0);
    sim_close(c->sock);
    free(c->in);
    free(c->properties);
    free(c->body);
    free(c);
}

/* Each end of a connection that does not speak for half of the time says so. */
static void conn_beat(struct amqp_conn *c)
{
    struct amqp_out frame = { 0 };
    c->said_us = sim_now_us();
    const struct amqp_rules *rules = &c->broker->rules;
    if (rules->way(rules->ctx, c, AMQP_HEARTBEAT) != AMQP_ANSWERS)
        return;
    out_frame(&frame, FRAME_HEARTBEAT, 0, &(struct amqp_out){ 0 });
    conn_say_later(c, 0, &frame, 0);
}

static bool conn_speak(struct amqp_conn *c)
{
    struct speech *s = c->first;
    c->first = s->next;
    bool is_sent = sim_send(c->sock, s->bytes, s->len);
    c->said_us = sim_now_us();
    if (is_sent && s->said != NULL)
        s->said(s->arg);
    bool is_last = s->is_last;
    free(s->bytes);
    free(s);
    if (is_last)
        sim_sever(c->sock);
    return is_sent && !is_last;
}

void amqp_speak(void *arg)
{
    struct amqp_conn *c = arg;
    while (!c->is_over) {
        int64_t beat_us = c->heartbeat_us == 0 ? SIM_FOREVER : c->said_us + c->heartbeat_us / 2;
        int64_t until_us =
            c->first != NULL && c->first->due_us < beat_us ? c->first->due_us : beat_us;
        c->is_stirred = false;
        if (sim_wait(is_stirred, c, until_us))
            continue;
        if (c->first == NULL || c->first->due_us > sim_now_us())
            conn_beat(c);
        else if (!conn_speak(c))
            break;
    }
    amqp_conn_unref(c);
}

/* --- what the world has it say ---------------------------------------------------------------------------------- */

void amqp_settle(struct amqp_conn *c, const struct amqp_confirm *confirm)
{
    struct amqp_out payload = amqp_method_begin(confirm->is_nack ? BASIC_NACK : BASIC_ACK),
                    frame = { 0 };
    amqp_put_number(&payload, confirm->tag, 8);
    amqp_put_number(&payload, confirm->is_multiple, 1);
    out_frame(&frame, FRAME_METHOD, confirm->channel, &payload);
    free(payload.bytes);
    conn_say(c, &(struct speech){ .due_us = sim_now_us() + confirm->after_us,
                                  .channel = confirm->channel,
                                  .bytes = frame.bytes,
                                  .len = frame.len,
                                  .said = confirm->said,
                                  .arg = confirm->arg });
}

void amqp_return(struct amqp_conn *c, const struct amqp_message *m, int64_t after_us)
{
    struct amqp_out payload = amqp_method_begin(BASIC_RETURN), frames = { 0 };
    amqp_put_number(&payload, 312, 2);
    amqp_put_text(&payload, "NO_ROUTE");
    amqp_put_text(&payload, m->exchange);
    amqp_put_text(&payload, m->routing_key);
    out_frame(&frames, FRAME_METHOD, m->channel, &payload);
    payload.len = 0;
    amqp_put_number(&payload, CLASS_BASIC, 2);
    amqp_put_number(&payload, 0, 2);
    amqp_put_number(&payload, m->len, 8);
    amqp_put(&payload, m->properties, m->properties_len);
    out_frame(&frames, FRAME_HEADER, m->channel, &payload);
    for (size_t at = 0; at < m->len; at += payload.len) {
        payload.len = 0;
        amqp_put(&payload, m->body + at, m->len - at < FRAME_MAX - 8 ? m->len - at : FRAME_MAX - 8);
        out_frame(&frames, FRAME_BODY, m->channel, &payload);
    }
    free(payload.bytes);
    conn_say_later(c, m->channel, &frames, after_us);
}

static void conn_say_close(struct amqp_conn *c, unsigned channel, enum method m, int code,
                           const char *words)
{
    struct amqp_out payload = amqp_method_begin(m);
    amqp_put_number(&payload, (uint64_t)code, 2);
    amqp_put_text(&payload, words);
    amqp_put_number(&payload, 0, 4); /* of no method */
    amqp_say_method(c, channel, &payload);
}

void amqp_close_channel(struct amqp_conn *c, unsigned channel, int code, const char *words)
{
    c->channels[channel].is_closing = true;
    conn_drop_speech(c, channel);
    conn_say_close(c, channel, CHANNEL_CLOSE, code, words);
}

void amqp_close(struct amqp_conn *c, int code, const char *words)
{
    conn_drop_speech(c, 0);
    conn_say_close(c, 0, CONNECTION_CLOSE, code, words);
}

void amqp_break_off(struct amqp_conn *c)
{
    struct amqp_out frame = { 0 };
    amqp_put_number(&frame, FRAME_METHOD, 1);
    amqp_put_number(&frame, 0, 2);
    amqp_put_number(&frame, 40, 4);
    amqp_put_number(&frame, CONNECTION_CLOSE, 4);
    conn_say(c,
             &(struct speech){
                 .due_us = sim_now_us(), .bytes = frame.bytes, .len = frame.len, .is_last = true });
}

void amqp_babble(struct amqp_conn *c, enum amqp_noise noise)
{
    struct amqp_out noises = { 0 }, payload = { 0 };
    if (noise == AMQP_STRANGE_CHANNEL) {
        amqp_put_number(&payload, BASIC_ACK, 4);
        amqp_put_number(&payload, 1, 8);
        amqp_put_number(&payload, 0, 1);
        out_frame(&noises, FRAME_METHOD, 61234, &payload);
    } else if (noise == AMQP_GARBAGE) {
        amqp_put(&noises, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
    } else if (noise == AMQP_HUGE_FRAME) {
        amqp_put_number(&noises, FRAME_BODY, 1);
        amqp_put_number(&noises, 1, 2);
        amqp_put_number(&noises, INT32_MAX, 4);
    }
    for (int i = 0; noise == AMQP_HEARTBEATS && i < HEARTBEAT_FRAMES; i++)
        out_frame(&noises, FRAME_HEARTBEAT, 0, &payload);
    free(payload.bytes);
    conn_say_later(c, 0, &noises, 0);
}

static void note_blocked(void *arg)
{
    struct amqp_conn *c = arg;
    c->blocked_us = sim_now_us();
}

void amqp_tell_blocked(struct amqp_conn *c)
{
    bool is_blocked = c->broker->is_blocked;
    struct amqp_out payload =
        amqp_method_begin(is_blocked ? CONNECTION_BLOCKED : CONNECTION_UNBLOCKED);
    struct amqp_out frame = { 0 };
    if (is_blocked)
        amqp_put_text(&payload, "low on disk");
    else
        c->blocked_us = 0;
    out_frame(&frame, FRAME_METHOD, 0, &payload);
    free(payload.bytes);
    conn_say(c, &(struct speech){ .due_us = sim_now_us(),
                                  .bytes = frame.bytes,
                                  .len = frame.len,
                                  .said = is_blocked ? note_blocked : NULL,
                                  .arg = c });
}

void amqp_block(struct amqp_broker *b, bool is_blocked)
{
    if (b->is_blocked == is_blocked)
        return;
    b->is_blocked = is_blocked;
    for (struct amqp_conn *c = b->conns; c != NULL; c = c->next)
        if (c->is_open)
            amqp_tell_blocked(c);
}

void amqp_sever_all(struct amqp_broker *b)
{
    for (struct amqp_conn *c = b->conns; c != NULL; c = c->next)
        sim_sever(c->sock);
}

int64_t amqp_blocked_since(const struct amqp_conn *c)
{
    return c->blocked_us;
}
