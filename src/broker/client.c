/* SPDX-License-Identifier: Apache-2.0
 *
 * A loop's end: copies the message into a job, keeps the deadline, and takes the verdict back. The
 * job outlives the call when that times out or is canceled; its verdict then falls away.
 */
#include "broker/job_priv.h"
#include "broker/link_priv.h"
#include "broker/links_priv.h"
#include "broker/pool_priv.h"
#include "metrics/metrics.h"

#include <stdio.h>

const char *broker_verdict_name(enum broker_verdict v)
{
    static const char *const names[] = {
        [BROKER_CONFIRMED] = "",      [BROKER_NACKED] = "nacked", [BROKER_RETURNED] = "unroutable",
        [BROKER_REFUSED] = "refused", [BROKER_DNS] = "dns",       [BROKER_ADDRESS] = "address",
        [BROKER_CONNECT] = "connect", [BROKER_TLS] = "tls",       [BROKER_CLOSED] = "closed",
        [BROKER_TIMEOUT] = "timeout", [BROKER_BUSY] = "busy",     [BROKER_CANCELED] = "canceled",
    };
    return names[v];
}

struct broker_client *broker_client_new(struct broker_pool *pool, struct loop *loop)
{
    struct broker_client *client = XNEW(struct broker_client);
    client->pool = pool;
    client->loop = loop;
    return client;
}

void broker_client_free(struct broker_client *client)
{
    xfree(client);
}

static void client_finish(struct broker_call *call, const struct broker_result *result)
{
    static const enum metric by_verdict[] = { [BROKER_CONFIRMED] = METRIC_BROKER_CONFIRMED,
                                              [BROKER_NACKED] = METRIC_BROKER_NACKED,
                                              [BROKER_RETURNED] = METRIC_BROKER_RETURNED };
    call->_job = NULL;
    call->verdict = result->verdict;
    call->code = result->code;
    call->took_us = loop_now_us(call->_client->loop) - call->_started_us;
    (void)snprintf(call->detail, sizeof(call->detail), "%s", result->detail);
    if (result->verdict <= BROKER_RETURNED)
        metrics_add(by_verdict[result->verdict], 1);
    else if (result->verdict != BROKER_CANCELED)
        metrics_add(METRIC_BROKER_FAILED, 1);
    call->done(call);
}

static void on_answered(void *arg)
{
    struct broker_job *job = arg;
    struct broker_call *call = job->call;
    struct broker_result result = job->result;
    broker_pool_give_back(job->link);
    if (call != NULL)
        loop_timer_stop(call->_client->loop, &call->_timer);
    xfree(job);
    if (call != NULL)
        client_finish(call, &result);
}

/* --- making a job --------------------------------------------------------------------------------- */

static struct str client_put(char **at, struct str s)
{
    struct str copy = { *at, s.len };
    if (s.len > 0)
        memcpy(*at, s.ptr, s.len);
    *at += s.len;
    return copy;
}

static size_t size_of(const struct broker_message *m)
{
    size_t size = m->exchange.len + m->exchange_type.len + m->routing_key.len +
                  m->content_type.len + m->message_id.len + m->event_type.len + m->body.len;
    for (size_t i = 0; i < m->header_count; i++)
        size += m->headers[i].name.len + m->headers[i].value.len;
    return size;
}

static struct broker_job *job_new(struct broker_client *client, const struct broker_message *m)
{
    MUST(m->header_count <= BROKER_HEADERS_MAX);
    struct broker_job *job = xmalloc(sizeof(*job) + size_of(m));
    memset(job, 0, sizeof(*job));
    char *at = job->bytes;
    job->client = client;
    job->on_answered = on_answered;
    atomic_init(&job->is_given_up, false);
    job->message = *m;
    job->message.exchange = client_put(&at, m->exchange);
    job->message.exchange_type = client_put(&at, m->exchange_type);
    job->message.routing_key = client_put(&at, m->routing_key);
    job->message.content_type = client_put(&at, m->content_type);
    job->message.message_id = client_put(&at, m->message_id);
    job->message.event_type = client_put(&at, m->event_type);
    job->message.body = client_put(&at, m->body);
    for (size_t i = 0; i < m->header_count; i++)
        job->headers[i] = (struct broker_header){ client_put(&at, m->headers[i].name),
                                                  client_put(&at, m->headers[i].value) };
    job->message.headers = job->headers;
    return job;
}

/* --- calls ----------------------------------------------------------------------------------------- */

static void give_up(struct broker_call *call, const struct broker_result *result)
{
    struct broker_job *job = call->_job;
    job->call = NULL;
    atomic_store(&job->is_given_up, true);
    loop_timer_stop(call->_client->loop, &call->_timer);
    client_finish(call, result);
}

static void on_timeout(void *arg)
{
    struct broker_call *call = arg;
    struct broker_result result;
    switch ((enum broker_state)atomic_load(&call->_job->link->state)) {
    case BROKER_BLOCKED:
        broker_result_say(&result, BROKER_TIMEOUT, 0,
                          "the broker accepts no messages: it is short of memory or disk");
        break;
    case BROKER_DOWN:
        broker_result_say(&result, BROKER_TIMEOUT, 0, "no connection to the broker in time");
        break;
    case BROKER_UP:
    default: broker_result_say(&result, BROKER_TIMEOUT, 0, "no confirm from the broker in time");
    }
    broker_links_cut_if_dead(call->_job->link, call->_started_us);
    give_up(call, &result);
}

void broker_start(struct broker_client *client, struct broker_call *call)
{
    struct broker_result busy;
    call->_client = client;
    call->_started_us = loop_now_us(client->loop);
    struct broker_link *link = broker_pool_take(client->pool, call->url, &busy);
    if (link == NULL) {
        client_finish(call, &busy);
        return;
    }
    struct broker_job *job = job_new(client, call->message);
    job->link = link;
    job->call = call;
    job->task = (struct loop_task){ .fn = broker_link_take_job, .arg = job };
    call->_job = job;
    call->_timer = (struct loop_timer){ .fn = on_timeout, .arg = call };
    loop_timer_set(client->loop, &call->_timer, call->_started_us + call->deadline_us);
    loop_post(link->loop, &job->task);
}

void broker_cancel(struct broker_call *call)
{
    give_up(call, &(struct broker_result){ .verdict = BROKER_CANCELED });
}
