/* SPDX-License-Identifier: Apache-2.0
 *
 * The brokers: what arrives is written down as an attempt, in the terms in which the server's history speaks of it
 * (200 confirmed, 503 nacked, 404 returned, 0 no verdict), and is answered as the plan says.
 */
#include "workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world_amqp.h"

enum { WAITING_MAX = 4096, LATE_US = 5000, FAR_AHEAD = 1000 };

static struct amqp_broker *brokers[WORKLOAD_BROKERS + 1];

/* Messages that were not confirmed yet, by connection, channel and tag. */
static struct waiting {
    uint64_t conn, tag;
    unsigned channel;
    struct model_attempt *attempt; /* NULL: free */
} waiting[WAITING_MAX];

const char *workload_broker_address(int broker, char out[static 32])
{
    (void)snprintf(out, 32, "93.184.216.%d:%d", 200 + broker, WORKLOAD_BROKER_PORT);
    return out;
}

static bool broker_does(enum plan_word word, int broker)
{
    return workload_line_that_hits(word, "broker", broker) != NULL;
}

/* --- verdicts ------------------------------------------------------------------------------------------------ */

struct verdict {
    uint64_t conn;
    struct amqp_confirm confirm;
    int status;
};

static void waiting_add(uint64_t conn, const struct amqp_message *m, struct model_attempt *attempt)
{
    for (struct waiting *w = waiting; w < waiting + WAITING_MAX; w++)
        if (w->attempt == NULL) {
            *w = (struct waiting){ conn, m->tag, m->channel, attempt };
            return;
        }
    sim_fail(SIM_BROKEN, 0, "more than %d messages wait for confirms", WAITING_MAX);
}

/* The channel begins again, with its tags. */
static void waiting_forget(uint64_t conn, unsigned channel)
{
    for (struct waiting *w = waiting; w < waiting + WAITING_MAX; w++)
        if (w->conn == conn && w->channel == channel)
            w->attempt = NULL;
}

/* The frame has left: what it says holds from now on. */
static void verdict_is_said(void *arg)
{
    struct verdict *v = arg;
    for (struct waiting *w = waiting; w < waiting + WAITING_MAX; w++) {
        bool is_meant =
            v->confirm.is_multiple ? w->tag <= v->confirm.tag : w->tag == v->confirm.tag;
        if (w->attempt == NULL || w->conn != v->conn || w->channel != v->confirm.channel ||
            !is_meant)
            continue;
        w->attempt->end_us = sim_now_us();
        w->attempt->status = v->status;
        w->attempt = NULL;
    }
    free(v);
}

static void say_verdict(struct amqp_conn *c, const struct amqp_message *m, int status,
                        bool is_multiple, int64_t after_us)
{
    struct verdict *v = malloc(sizeof *v);
    if (v == NULL)
        sim_fail(SIM_BROKEN, 0, "no memory");
    *v = (struct verdict){ .conn = amqp_number(c),
                           .status = status,
                           .confirm = { .channel = m->channel,
                                        .tag = m->tag,
                                        .is_multiple = is_multiple,
                                        .is_nack = status == 503,
                                        .after_us = after_us,
                                        .said = verdict_is_said,
                                        .arg = v } };
    amqp_settle(c, &v->confirm);
}

/* --- lies ----------------------------------------------------------------------------------------------------- */

/* None of them may pass for a confirm of a message that has none, nor take one back. */
static void tell_lie(struct amqp_conn *c, const struct amqp_message *m)
{
    struct amqp_message other = *m;
    struct amqp_confirm confirm = { .channel = m->channel, .tag = m->tag };
    switch (sim_dice(SIM_RECEIVERS, 5)) {
    case 0: /* of what was not published yet; the message itself stays without a word */
        confirm.tag += FAR_AHEAD;
        amqp_settle(c, &confirm);
        break;
    case 1: /* twice */
        say_verdict(c, m, 200, false, 0);
        amqp_settle(c, &confirm);
        break;
    case 2: /* both ways, and the first one counts */
        say_verdict(c, m, 200, false, 0);
        confirm.is_nack = true;
        amqp_settle(c, &confirm);
        break;
    case 3: /* a message that nobody has sent comes back */
        (void)snprintf(other.id, sizeof other.id, "msg_never_published");
        other.properties = "\0\0";
        other.properties_len = 2;
        amqp_return(c, &other, 0);
        say_verdict(c, m, 200, false, 0);
        break;
    default: /* no tag at all */
        confirm.tag = 0;
        amqp_settle(c, &confirm);
        say_verdict(c, m, 503, false, 0);
        break;
    }
}

/* --- messages -------------------------------------------------------------------------------------------------- */

/* The endpoint that the routing key names, "t1.e7"; 0: none. */
static int endpoint_meant(const struct amqp_message *m)
{
    int tenant = 0, endpoint = 0;
    bool is_key = sscanf(m->routing_key, "t%d.e%d", &tenant, &endpoint) == 2;
    bool is_known = is_key && endpoint >= 1 && endpoint <= MODEL_ENDPOINTS;
    return is_known && workload->model.endpoints[endpoint].tenant == tenant ? endpoint : 0;
}

static void judge_message(const struct amqp_conn *c, int broker, int endpoint,
                          const struct amqp_message *m)
{
    char exchange[16];
    struct check_broken broken;
    const struct model_endpoint *e = &workload->model.endpoints[endpoint];
    bool is_meant = endpoint != 0 && e->broker == broker &&
                    strcmp(m->exchange, workload_exchange(e->exchange, exchange)) == 0;
    workload_judge(
        is_meant && m->is_mandatory == e->is_mandatory && m->is_persistent &&
                strcmp(m->type, "simulated.event") == 0
            ? true
            : check_break(&broken, 3,
                          "%s came to broker %d, exchange '%s', with the routing key '%s',"
                          " and no endpoint wants it so",
                          m->id, broker, m->exchange, m->routing_key),
        &broken);
    workload_judge(check_leak(&workload->model, e->tenant, m->body, m->len, "a message", &broken),
                   &broken);
    workload_judge(
        check_blocked(&workload->model, broker, amqp_blocked_since(c), sim_now_us(), &broken),
        &broken);
}

static void refuse_message(struct amqp_conn *c, const struct amqp_message *m)
{
    waiting_forget(amqp_number(c), m->channel);
    if (sim_once_in(SIM_RECEIVERS, 2))
        amqp_close_channel(c, m->channel, 404, "NOT_FOUND - no exchange");
    else
        amqp_close(c, 320, "CONNECTION_FORCED - closed by an operator");
}

/* True: nothing is left to be said about the message. */
static bool broker_misbehaves(int broker, struct amqp_conn *c, const struct amqp_message *m)
{
    if (broker_does(PLAN_BROKER_SILENT, broker))
        return true;
    if (broker_does(PLAN_BROKER_BABBLE, broker))
        amqp_babble(c, (enum amqp_noise)sim_dice(SIM_RECEIVERS, AMQP_NOISES));
    if (broker_does(PLAN_BROKER_CUT, broker))
        amqp_break_off(c);
    else if (broker_does(PLAN_BROKER_REFUSE, broker))
        refuse_message(c, m);
    else if (broker_does(PLAN_BROKER_LIE, broker))
        tell_lie(c, m);
    else
        return false;
    return true;
}

static void take_message(void *ctx, struct amqp_conn *c, const struct amqp_message *m)
{
    int broker = (int)(intptr_t)ctx, endpoint = endpoint_meant(m);
    judge_message(c, broker, endpoint, m);
    struct model_attempt *a = workload_note_attempt(endpoint, m->id, m->body, m->len);
    a->is_signed = true; /* the connection says who publishes */
    waiting_add(amqp_number(c), m, a);
    if (broker_misbehaves(broker, c, m))
        return;
    const struct plan_line *slow = workload_line_that_hits(PLAN_BROKER_SLOW, "broker", broker);
    int64_t after_us =
        (int64_t)sim_dice(SIM_RECEIVERS, LATE_US) + (slow != NULL ? plan_us(slow, "by", 0) : 0);
    bool comes_back = broker_does(PLAN_BROKER_UNROUTABLE, broker) && m->is_mandatory;
    if (comes_back)
        amqp_return(c, m, after_us);
    int status = comes_back ? 404 : broker_does(PLAN_BROKER_NACK, broker) ? 503 : 200;
    say_verdict(c, m, status, status != 404 && sim_once_in(SIM_RECEIVERS, 4), after_us);
}

/* --- the protocol ------------------------------------------------------------------------------------------------ */

static enum amqp_way broker_way(void *ctx, struct amqp_conn *c, enum amqp_step step)
{
    int broker = (int)(intptr_t)ctx;
    if (broker_does(PLAN_BROKER_SILENT, broker))
        return AMQP_IS_SILENT;
    if (step == AMQP_HEARTBEAT)
        return AMQP_ANSWERS;
    if (broker_does(PLAN_BROKER_CUT, broker))
        return AMQP_BREAKS_OFF;
    if (broker_does(PLAN_BROKER_BABBLE, broker))
        amqp_babble(c, (enum amqp_noise)sim_dice(SIM_RECEIVERS, AMQP_NOISES));
    return broker_does(PLAN_BROKER_REFUSE, broker) ? AMQP_REFUSES : AMQP_ANSWERS;
}

static bool broker_is_deaf(void *ctx)
{
    return broker_does(PLAN_BROKER_DEAF, (int)(intptr_t)ctx);
}

static void broker_missed(void *ctx, int64_t since_us)
{
    struct check_broken broken;
    workload_judge(
        check_heartbeats(&workload->model, (int)(intptr_t)ctx, since_us, sim_now_us(), &broken),
        &broken);
}

/* --- weather ------------------------------------------------------------------------------------------------------ */

static bool word_holds_for(enum plan_word word, int broker)
{
    const struct plan_line *end = workload_plan.lines + workload_plan.count;
    for (const struct plan_line *l = workload_plan.lines; l < end; l++)
        if (l->word == word && plan_int(l, "broker", 0) == broker && l->at_us <= sim_now_us() &&
            l->at_us + plan_us(l, "for", 0) > sim_now_us())
            return workload->model.quiet_us == 0;
    return false;
}

static void set_weather(int broker)
{
    char address[32];
    if (brokers[broker] == NULL)
        return;
    bool is_down = word_holds_for(PLAN_BROKER_RESTART, broker);
    amqp_block(brokers[broker], word_holds_for(PLAN_BROKER_BLOCK, broker));
    sim_reach(workload_broker_address(broker, address), is_down ? SIM_REFUSED : SIM_REACHED);
    if (is_down)
        amqp_sever_all(brokers[broker]);
}

static void end_weather(void *arg)
{
    const struct plan_line *l = arg;
    sim_sleep(l->at_us + plan_us(l, "for", 0) - sim_now_us());
    set_weather((int)plan_int(l, "broker", 0));
}

void workload_broker_weather(struct plan_line *l)
{
    int broker = (int)plan_int(l, "broker", 0);
    if (broker < 1 || broker > WORKLOAD_BROKERS)
        return;
    set_weather(broker);
    sim_spawn("weather", end_weather, l);
}

void workload_heal_brokers(void)
{
    for (int n = 1; n <= WORKLOAD_BROKERS; n++)
        set_weather(n);
}

void workload_start_brokers(void)
{
    char address[32];
    for (size_t i = 0; i < workload_plan.count; i++) {
        const struct plan_line *l = &workload_plan.lines[i];
        int64_t n = l->word == PLAN_ENDPOINT ? plan_int(l, "broker", 0) : 0;
        if (n < 1 || n > WORKLOAD_BROKERS || brokers[n] != NULL)
            continue;
        struct amqp_rules rules = { .way = broker_way,
                                    .take = take_message,
                                    .is_deaf = broker_is_deaf,
                                    .missed = broker_missed,
                                    .ctx = (void *)(intptr_t)n };
        brokers[n] = amqp_broker_start(workload_broker_address((int)n, address), &rules);
        set_weather((int)n);
    }
}
