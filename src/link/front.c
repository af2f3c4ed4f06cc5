/* SPDX-License-Identifier: Apache-2.0
 *
 * Where calls go, and when. Everybody waits in one list: it is short, because what it holds are connections of clients.
 */
#include "link/front_priv.h"

#include "http/router.h"
#include "metrics/metrics.h"

#include <stdio.h>

/* At once while a node cannot be reached: a thousand clients must not knock as one. */
enum { TRIES_MAX = 8 };

enum {
    AGAIN_US = 50000,   /* between tries */
    IDLE_MAX = 1024,    /* connections kept on a loop */
    IDLE_US = 30000000, /* less than the other end keeps them */
    AGE_US = 600000000
};

static bool is_under_way(const struct link_call *c)
{
    return c->state != LINK_WAITS;
}

/* Answering frees a call, so that each look begins at the list's head. */
static struct link_call *find_call(struct link_front *f, bool (*is_it)(const struct link_call *c))
{
    struct link_call *c = f->calls;
    while (c != NULL && !is_it(c))
        c = c->next;
    return c;
}

/* --- waiting ---------------------------------------------------------------------------------- */

static bool may_send(const struct link_front *f)
{
    return f->has_aim && (!f->is_failing || f->tries < TRIES_MAX);
}

static bool is_ready(const struct link_call *c)
{
    return c->state == LINK_WAITS && may_send(c->front);
}

static bool is_out_of_time(const struct link_call *c)
{
    return c->state == LINK_WAITS &&
           (c->front->is_closed || loop_now_us(c->front->o.loop) >= c->until_us);
}

static void refuse_late(struct link_call *c)
{
    if (c->words[0] != '\0')
        link_call_refuse(c, "node_unreachable", c->words);
    else if (c->front->o.to_cell != NULL)
        link_call_refuse(
            c, "no_node_at_work",
            "the organisation lives in another cell, and no node at work there can be reached; try "
            "again");
    else
        link_call_refuse(
            c, "no_node_at_work",
            "this node stands by, and knows of no node at work that it can reach; try again");
}

/* A try that fails at once puts its call back: each gets one try a turn. */
static void send_waiting(struct link_front *f)
{
    struct link_call *next;
    for (struct link_call *c = f->calls; c != NULL; c = next) {
        next = c->next; /* stays: a try ends no call but its own */
        if (is_ready(c))
            link_call_send(c);
    }
}

static bool is_waiting(const struct link_call *c)
{
    return c->state == LINK_WAITS;
}

/* It would have failed by now, had it not been connected: its answer takes its time. */
static bool is_connected_try(const struct link_call *c)
{
    return c->is_try && loop_now_us(c->front->o.loop) >= c->sent_us + 2 * LINK_CONNECT_US;
}

static void front_turn(void *arg)
{
    struct link_front *f = arg;
    struct link_call *c;
    while ((c = find_call(f, is_connected_try)) != NULL)
        link_call_reached(c);
    while ((c = find_call(f, is_out_of_time)) != NULL)
        refuse_late(c);
    send_waiting(f);
    if (find_call(f, is_waiting) != NULL)
        link_front_later(f);
}

void link_front_later(struct link_front *f)
{
    if (!loop_timer_is_set(&f->again))
        loop_timer_set(f->o.loop, &f->again, loop_now_us(f->o.loop) + AGAIN_US);
}

void link_front_note(struct link_front *f, const char *why)
{
    if (why == NULL) {
        f->is_failing = false; /* the others go with the next turn */
        return;
    }
    metrics_add(METRIC_LINK_FAILED, 1);
    if (!f->is_failing)
        LOG(LINK_FAILED, F_TEXT("address", f->address), F_TEXT("why", why));
    f->is_failing = true;
}

/* --- where to --------------------------------------------------------------------------------- */

static bool is_of_old_node(const struct link_call *c)
{
    return is_under_way(c) && c->aim != c->front->aim;
}

static bool set_address(struct link_front *f, struct str address)
{
    char text[LINK_ADDRESS_MAX];
    int len = snprintf(text, sizeof text, "https://%.*s/", STR_ARGS(address));
    struct http_url url;
    if (len < 0 || (size_t)len >= sizeof text ||
        http_url_parse(str_of(text, (size_t)len), &url, NULL) != RC_OK)
        return false;
    memcpy(f->address, text, (size_t)len + 1);
    return http_url_parse(str_of(f->address, (size_t)len), &f->url, NULL) == RC_OK;
}

static bool is_at(const struct link_front *f, struct str address)
{
    struct str at = str_from(f->address);
    return str_skip_prefix(&at, STR("https://")) && str_ends(at, STR("/")) &&
           str_eq(str_sub(at, 0, at.len - 1), address);
}

void link_front_aim(struct link_front *f, struct str address)
{
    struct link_call *c;
    if (address.len == 0) {
        f->has_aim = false; /* what is under way may be answered yet */
        return;
    }
    if (!is_at(f, address)) {
        f->aim++;
        f->is_failing = false;
        f->has_aim = set_address(f, address);
        while ((c = find_call(f, is_of_old_node)) != NULL)
            link_call_recall(c);
    } else {
        f->has_aim = true;
    }
    send_waiting(f);
}

/* --- life ------------------------------------------------------------------------------------- */

struct link_front *link_front_new(const struct link_front_options *o)
{
    struct link_front *f = XNEW(struct link_front);
    const struct fetch_options fetch = { .policy = o->policy,
                                         .tls = o->tls,
                                         .idle_max = IDLE_MAX,
                                         .idle_per_host = IDLE_MAX,
                                         .idle_us = IDLE_US,
                                         .age_us = AGE_US };
    f->o = *o;
    f->fetch = fetch_own_new(o->loop, &fetch);
    f->again = (struct loop_timer){ .fn = front_turn, .arg = f };
    return f;
}

void link_front_close(struct link_front *f)
{
    struct link_call *c;
    f->is_closed = true;
    while ((c = find_call(f, is_waiting)) != NULL)
        refuse_late(c);
}

void link_front_free(struct link_front *f)
{
    struct link_call *c;
    if (f == NULL)
        return;
    link_front_close(f);
    while ((c = find_call(f, is_under_way)) != NULL) {
        MUST(!c->is_cut); /* the turn has ended */
        link_call_recall(c);
    }
    loop_timer_stop(f->o.loop, &f->again);
    fetch_free(f->fetch);
    xfree(f);
}

/* --- taking calls ------------------------------------------------------------------------------ */

void link_front_pass(struct link_front *f, struct http_call *call, struct link_return back)
{
    metrics_add(METRIC_LINK_PASSED, 1);
    struct link_call *c = link_call_new(f, call);
    c->back = back;
    if (f->is_closed)
        refuse_late(c);
    else if (may_send(f))
        link_call_send(c);
    else
        link_front_later(f);
}

/* --- handlers --------------------------------------------------------------------------------- */

static void refuse_method(struct http_call *call)
{
    struct http_request req = { .call = call, .arena = call->arena };
    http_error(&req, 405, "method_not_allowed", "nothing here knows the method %.*s",
               STR_ARGS(call->head->method_text));
    http_call_reply(call, &req.reply);
}

void link_front_handle(void *front, struct http_call *call)
{
    struct link_front *f = front;
    if (f->o.local != NULL && f->o.local(f->o.local_arg, call))
        return;
    if (call->head->method == HTTP_OTHER) {
        refuse_method(call);
        return;
    }
    link_front_pass(f, call, (struct link_return){ 0 });
}

void link_front_admit(void *front, struct http_call *call)
{
    (void)front;
    /* The node at work knows what may be sent where; this one only bounds what it has to keep. */
    http_call_admit(
        call, &(struct http_admission){ .owner = http_call_stranger(call), .takes_any = true });
}
