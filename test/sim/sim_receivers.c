/* SPDX-License-Identifier: Apache-2.0
 *
 * Scripted receivers behind the fetch interface. Each request is checked as it comes: signed, of a
 * delivery that is pending and due, not sent twice at a time, within the endpoint's window and
 * throttle.
 */
#include "sim.h"

#include "http/wire.h"

static struct sim *sim_of(struct fetch *f)
{
    return CONTAINER_OF(f, struct sim, fetch);
}

static struct str header_of(const struct fetch_call *c, struct str wanted)
{
    struct str rest = c->headers, line;
    while (str_split(&rest, '\n', &line))
        if (str_skip_prefix(&line, wanted))
            return str_sub(line, 0, line.len - 1);
    return STR_NONE;
}

static int64_t endpoint_of(struct sim *sim, const struct fetch_call *c)
{
    int64_t num = 0;
    SIM_CHECK(sim, str_to_i64(str_sub(c->url->target, 1, c->url->target.len), &num) == RC_OK,
              "%.*s", STR_ARGS(c->url->target));
    return num;
}

static struct sim_delivery *delivery_of(struct sim *sim, const struct fetch_call *c)
{
    struct id id;
    SIM_CHECK(sim, id_parse(STR("msg_"), header_of(c, STR("webhook-id: ")), &id) == RC_OK,
              "webhook-id");
    SIM_CHECK(sim, str_starts(header_of(c, STR("webhook-signature: ")), STR("v1,")), "signature");
    SIM_CHECK(
        sim,
        str_eq(header_of(c, STR("svix-signature: ")), header_of(c, STR("webhook-signature: "))),
        "svix-signature");
    struct sim_delivery *d = sim_store_find(sim, &id, endpoint_of(sim, c));
    SIM_CHECK(sim, d != NULL, "no such delivery");
    return d;
}

/* No second holds more starts than the throttle and its burst of 10 ms allow. */
static void check_rate(struct sim *sim, struct sim_endpoint *ep)
{
    size_t many = (size_t)ep->throttle + 1 + (size_t)ep->throttle / 100;
    int64_t now_us = sim->clock.now_us;
    if (ep->throttle > 0 && ep->start_count > many) {
        int64_t before_us = ep->starts[(ep->start_count - many - 1) % SIM_RATE_RING];
        SIM_CHECK(sim, now_us - before_us >= SIM_SECOND, "%zu starts in %lld us", many + 1,
                  (long long)(now_us - before_us));
    }
    ep->starts[ep->start_count++ % SIM_RATE_RING] = now_us;
}

static void check_start(struct sim *sim, struct sim_delivery *d)
{
    struct sim_endpoint *ep = &sim->endpoints[d->endpoint];
    SIM_CHECK(sim, !d->is_flying, "sent twice at a time");
    SIM_CHECK(sim, !sim->messages[d->message].is_erased, "it was erased");
    bool was_erased = sim->messages[d->message].is_expired; /* and the shard does not know yet */
    SIM_CHECK(sim,
              d->may_repeat || was_erased || d->state == STORE_PENDING || d->state == STORE_SENDING,
              "already in state %d", (int)d->state);
    SIM_CHECK(sim, d->may_repeat || sim->clock.now_us >= d->due_us, "%lld us too soon",
              (long long)(d->due_us - sim->clock.now_us));
    SIM_CHECK(sim, d->may_repeat || d->sent == d->attempt_count, "sent %d times, %d recorded",
              d->sent, d->attempt_count);
    SIM_CHECK(sim, !sim->o.is_punctual || sim->clock.now_us <= d->due_us + 100 * SIM_MS,
              "%lld us late", (long long)(sim->clock.now_us - d->due_us));
    SIM_CHECK(sim, was_erased || !ep->is_ordered || d == sim_store_first(sim, d->endpoint),
              "message %zu is sent while an earlier one is pending", d->message);
    SIM_CHECK(sim, !ep->is_ordered || ep->in_flight == 0, "two at a time on an ordered endpoint");
    d->is_flying = true;
    d->sent++;
    sim->attempts++;
    ep->in_flight++;
    if (ep->in_flight > ep->most_in_flight)
        ep->most_in_flight = ep->in_flight;
    SIM_CHECK(sim, sim->clock.now_us >= ep->asked_until_us, "%lld us before it asked for",
              (long long)(ep->asked_until_us - sim->clock.now_us));
    SIM_CHECK(sim, ep->in_flight <= sim->o.limits.window_max, "window of endpoint %lld",
              (long long)d->endpoint);
    check_rate(sim, ep);
}

/* What will be answered, and when. */
static int64_t decide(struct sim *sim, struct sim_endpoint *ep, struct fetch_call *c)
{
    int64_t quick_us = sim_dice(sim, 5 * SIM_MS, 50 * SIM_MS);
    int64_t age_us = sim->clock.now_us - sim->started_us;
    bool is_down = ep->kind == SIM_DEAD ||
                   (ep->kind == SIM_FLAPPING && age_us / (10 * SIM_MINUTE) % 2 == 1) ||
                   (ep->kind == SIM_REVIVING && age_us < 2 * SIM_HOUR);
    c->error = FETCH_OK;
    c->status = 200;
    c->detail[0] = '\0';
    c->response_headers = STR_NONE;
    c->response = STR("ok");
    if (is_down) {
        c->error = FETCH_CONNECT;
        return sim_dice(sim, 1, SIM_MS);
    }
    if (ep->kind == SIM_HANGING) {
        c->error = FETCH_TIMEOUT;
        return c->deadline_us;
    }
    if (ep->kind == SIM_BUSY && sim_dice(sim, 1, 10) <= 3) {
        c->status = 429;
        c->response_headers = STR("Retry-After: 20\r\n");
    }
    if (ep->kind == SIM_BUSY_TILL && sim_dice(sim, 1, 10) <= 3) {
        char date[HTTP_DATE_LEN + 1];
        http_date(sim->clock.now_us + 20 * SIM_SECOND, date);
        (void)snprintf(ep->date, sizeof(ep->date), "Retry-After: %s\r\n", date);
        c->status = 429;
        c->response_headers = str_from(ep->date);
    }
    if (ep->kind == SIM_GONE)
        c->status = 410;
    if (ep->kind == SIM_ERRATIC && sim_dice(sim, 0, 1) == 0)
        c->status = 500;
    return ep->kind == SIM_SLOW ? sim_dice(sim, 2 * SIM_SECOND, 8 * SIM_SECOND) : quick_us;
}

static void start(struct fetch *f, struct fetch_call *c)
{
    struct sim *sim = sim_of(f);
    struct sim_delivery *d = delivery_of(sim, c);
    check_start(sim, d);
    int64_t after_us = decide(sim, &sim->endpoints[d->endpoint], c);
    c->took_us = after_us;
    struct sim_event *e = sim_event(sim, SIM_EVENT_ANSWER, after_us);
    e->call = c;
    e->delivery = d;
}

void sim_receivers_answer(struct sim *sim, struct fetch_call *c)
{
    struct sim_delivery *d = delivery_of(sim, c);
    d->is_flying = false;
    struct sim_endpoint *ep = &sim->endpoints[d->endpoint];
    ep->in_flight--;
    if (c->error == FETCH_OK &&
        c->status == 429) /* a date is to the second, and was made earlier */
        ep->asked_until_us = sim->clock.now_us + (ep->kind == SIM_BUSY_TILL ? 18 : 20) * SIM_SECOND;
    c->done(c);
}

static void cancel(struct fetch *f, struct fetch_call *c)
{
    struct sim *sim = sim_of(f);
    sim_event_drop(sim, c);
    delivery_of(sim, c)->may_repeat = true;
    c->error = FETCH_CANCELED;
    sim_receivers_answer(sim, c);
}

static void free_nothing(struct fetch *f)
{
    (void)f;
}

void sim_receivers_init(struct sim *sim)
{
    static const struct fetch_ops ops = { start, cancel, free_nothing };
    sim->fetch.ops = &ops;
}
