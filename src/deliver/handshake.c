/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a handshake: limits, one request on a worker's private loop, the verdict.
 */
#include "deliver/handshake_priv.h"

#include "core/meter.h"
#include "metrics/metrics.h"

enum { METER_PLACES = 4096, URL_MORE = 4096 };

static const int64_t minute_us = 60000000;

struct deliver_handshaker {
    struct deliver_handshaker_options o;
    struct core_meter *meter;
    struct share *running;
};

struct deliver_handshaker *deliver_handshaker_new(const struct deliver_handshaker_options *o)
{
    struct deliver_handshaker *h = XNEW(struct deliver_handshaker);
    h->o = *o;
    h->o.fetch.policy = fetch_policy_ref(o->fetch.policy);
    if (o->fetch.tls != NULL)
        SSL_CTX_up_ref(o->fetch.tls);
    h->meter = core_meter_new(METER_PLACES, minute_us / o->per_minute, o->per_minute);
    h->running = share_new((size_t)o->at_once, ((size_t)o->at_once * 2 + 2) / 3);
    return h;
}

void deliver_handshaker_free(struct deliver_handshaker *h)
{
    if (h == NULL)
        return;
    core_meter_free(h->meter);
    share_free(h->running);
    fetch_policy_unref(h->o.fetch.policy);
    SSL_CTX_free(h->o.fetch.tls);
    xfree(h);
}

static void open_ask(struct deliver_handshaker *h, struct deliver_handshake_ask *ask)
{
    uint8_t random[DELIVER_HANDSHAKE_CHALLENGE_LEN / 2];
    rng_fill(h->o.rng, random, sizeof(random));
    hex_encode(random, sizeof(random), ask->challenge);
    ask->now_us = clock_wall_us(h->o.clock);
    ask->user_agent = h->o.user_agent;
    buf_init(&ask->url, HTTP_URL_MAX + URL_MORE);
    buf_init(&ask->headers, HANDSHAKE_HEADERS_MAX);
    buf_init(&ask->body, HANDSHAKE_BODY_MAX);
}

static void close_ask(struct deliver_handshake_ask *ask)
{
    buf_fini(&ask->url);
    buf_fini(&ask->headers);
    buf_fini(&ask->body);
}

static enum rc ask_and_judge(struct deliver_handshaker *h, struct deliver_handshake *s,
                             const struct deliver_handshake_ask *ask, struct buf *why)
{
    struct http_url url;
    struct fetch_call call;
    if (http_url_parse(buf_str(&ask->url), &url, why) != RC_OK)
        return RC_INVALID;
    fetch_call_init(&call);
    call.method = ask->method;
    call.url = &url;
    call.headers = buf_str(&ask->headers);
    call.body = buf_str(&ask->body);
    call.deadline_us = call.connect_us = h->o.timeout_us;
    call.response_keep = DELIVER_HANDSHAKE_ANSWER_MAX;
    call.response_read = DELIVER_HANDSHAKE_ANSWER_MAX;
    fetch_run(&h->o.fetch, &call);
    enum rc rc = deliver_handshake_judge(s, ask, &call, why);
    fetch_call_fini(&call);
    return rc;
}

static enum rc handshake_ask_receiver(struct deliver_handshaker *h, struct deliver_handshake *s,
                                      struct buf *why)
{
    struct deliver_handshake_ask ask = { .method = HTTP_POST };
    open_ask(h, &ask);
    enum rc rc = deliver_handshake_build(s, &ask);
    if (rc == RC_OK)
        rc = ask_and_judge(h, s, &ask, why);
    else
        buf_say(why, "the URL or the headers are too long");
    close_ask(&ask);
    if (rc == RC_OK)
        metrics_add(METRIC_DELIVER_HANDSHAKES_AGREED, 1);
    else
        metrics_add(METRIC_DELIVER_HANDSHAKES_REFUSED, 1);
    return rc == RC_LIMIT ? RC_INVALID : rc;
}

enum rc deliver_handshake_run(struct deliver_handshaker *h, struct deliver_handshake *s,
                              struct buf *why)
{
    enum rc rc = RC_LIMIT;
    s->allowed_per_minute = 0;
    if (share_take(h->running, (uint64_t)s->org, 1) != RC_OK) {
        buf_say(why, "too many handshakes are running; try again in a moment");
        return RC_BUSY;
    }
    if (!core_meter_take(h->meter, (uint64_t)s->app * UINT64_C(0x9e3779b97f4a7c15) >> 32,
                         clock_mono_us(h->o.clock))) {
        buf_say(why, "this application has asked for too many handshakes; try again in a minute");
    } else {
        rc = handshake_ask_receiver(h, s, why);
    }
    share_give(h->running, (uint64_t)s->org, 1);
    return rc;
}
