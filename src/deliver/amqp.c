/* SPDX-License-Identifier: Apache-2.0
 *
 * The destination kind "amqp": a message published to RabbitMQ, done when the broker confirmed it.
 * History shows it in HTTP's terms, so that retries, filters and health work alike: 200 confirmed, 404
 * unroutable (mandatory), 503 nacked, and the broker's own reply code when that is one of 4xx or 5xx
 * (404 no such exchange, 403 access refused). The body of such a "response" is the broker's words.
 */
#include "deliver/attempt_priv.h"

#include "core/broker.h"
#include "json/json.h"

static void refuse(struct deliver_attempt *a, struct str error, struct str detail)
{
    deliver_attempt_finish(
        a, &(struct deliver_result){ .is_permanent = true, .error = error, .detail = detail });
}

/* --- the result ------------------------------------------------------------------------------- */

static int status_of(const struct broker_call *call)
{
    switch (call->verdict) {
    case BROKER_CONFIRMED: return 200;
    case BROKER_RETURNED: return 404;
    case BROKER_NACKED: return 503;
    case BROKER_REFUSED: return call->code >= 400 && call->code <= 599 ? call->code : 0;
    case BROKER_DNS:
    case BROKER_ADDRESS:
    case BROKER_CONNECT:
    case BROKER_TLS:
    case BROKER_CLOSED:
    case BROKER_TIMEOUT:
    case BROKER_BUSY:
    case BROKER_CANCELED:
    default: return 0;
    }
}

static void on_done(struct broker_call *call)
{
    struct deliver_attempt *a = call->owner;
    int status = status_of(call);
    struct str words = str_from(call->detail);
    deliver_attempt_finish(
        a, &(struct deliver_result){ .is_canceled = call->verdict == BROKER_CANCELED,
                                     .got_response = status != 0,
                                     .status = status,
                                     .is_permanent = call->verdict == BROKER_ADDRESS,
                                     .took_us = call->took_us,
                                     .error = str_from(broker_verdict_name(call->verdict)),
                                     .detail = words,
                                     .response = status != 0 ? words : STR("") });
}

/* --- the message ------------------------------------------------------------------------------ */

/* The first of a JSON array of strings. */
static struct str first_channel(struct arena *a, struct str channels)
{
    json_t *list = NULL;
    struct str first = STR_NONE;
    if (channels.ptr == NULL || json_parse(channels, &list, NULL) != RC_OK)
        return first;
    const json_t *v = json_array_get(list, 0);
    if (json_is_string(v))
        first = arena_str(a, str_of(json_string_value(v), json_string_length(v)));
    json_decref(list);
    return first;
}

static struct broker_facts facts_of(struct deliver_attempt *a)
{
    const struct store_message *m = a->item->payload;
    return (struct broker_facts){ .event_type = m->event_type,
                                  .channel = first_channel(&a->scratch, m->channels),
                                  .app_id = a->view->id,
                                  .app_uid = a->view->uid,
                                  .source = a->view->uid.len > 0 ? a->view->uid : a->view->id,
                                  .headers = a->lines,
                                  .payload = a->payload };
}

static enum rc expand(struct deliver_attempt *a, const struct broker_template *t,
                      const struct broker_facts *facts, size_t max, struct str *out)
{
    struct buf text;
    buf_init(&text, max);
    enum rc rc = broker_template_expand(t, facts, &a->scratch, &text);
    if (rc == RC_OK)
        *out = arena_str(&a->scratch, buf_str(&text));
    buf_fini(&text);
    return rc;
}

static enum rc fill(struct deliver_attempt *a, struct broker_message *m)
{
    const struct broker_route *route = &a->ep->broker->route;
    const struct broker_facts facts = facts_of(a);
    struct broker_header *headers =
        arena_array(&a->scratch, route->header_count + 1, sizeof(*headers));
    enum rc rc = expand(a, route->routing_key, &facts, BROKER_NAME_MAX, &m->routing_key);
    for (size_t i = 0; i < route->header_count && rc == RC_OK; i++) {
        headers[i].name = route->headers[i].name;
        rc = expand(a, route->headers[i].value, &facts, BROKER_EXPANDED_MAX, &headers[i].value);
    }
    m->headers = headers;
    m->header_count = route->header_count;
    return rc;
}

/* What history shows as the request's headers. */
static enum rc describe(struct deliver_attempt *a, const struct broker_message *m)
{
    buf_reset(&a->head);
    enum rc rc = buf_addf(&a->head, "exchange: %.*s\r\nrouting-key: %.*s\r\nmessage-id: %.*s\r\n",
                          STR_ARGS(m->exchange), STR_ARGS(m->routing_key), STR_ARGS(m->message_id));
    for (size_t i = 0; i < m->header_count && rc == RC_OK; i++)
        rc = buf_addf(&a->head, "%.*s: %.*s\r\n", STR_ARGS(m->headers[i].name),
                      STR_ARGS(m->headers[i].value));
    a->outcome.request_headers = buf_str(&a->head);
    return rc;
}

static void start(struct deliver_attempt *a)
{
    a->outcome.url = a->ep->url;
    if (a->ep->broker == NULL || a->shard->broker == NULL) {
        refuse(a, STR("bad_url"),
               a->ep->broker == NULL
                   ? STR("the endpoint's settings cannot be read; see the server's log")
                   : STR("this server speaks to no brokers"));
        return;
    }
    const struct store_message *stored = a->item->payload;
    const struct broker_route *route = &a->ep->broker->route;
    char id_text[ID_TEXT_MAX + 1];
    struct broker_message m = { .exchange = route->exchange,
                                .exchange_type = route->exchange_type,
                                .declare = route->declare,
                                .persistent = route->persistent,
                                .mandatory = route->mandatory,
                                .content_type =
                                    stored->content_type.ptr == NULL
                                        ? STR("application/json")
                                        : str_sub(stored->content_type, 0, BROKER_NAME_MAX),
                                .message_id = id_format(STR("msg_"), &stored->id, id_text),
                                .event_type = stored->event_type,
                                .timestamp_s = stored->created_us / DELIVER_SECOND_US,
                                .body = a->payload };
    if (fill(a, &m) != RC_OK || describe(a, &m) != RC_OK) {
        refuse(a, STR("headers"),
               STR("the routing key would be longer than 255 bytes, a header than "
                   "64 KiB, or all of them together"));
        return;
    }
    a->broker =
        (struct broker_call){ .url = &a->ep->broker->url,
                              .message = &m,
                              .deadline_us = route->confirm_us > 0   ? route->confirm_us
                                             : a->ep->timeout_us > 0 ? a->ep->timeout_us
                                                                     : a->shard->limits.attempt_us,
                              .done = on_done,
                              .owner = a };
    broker_start(a->shard->broker, &a->broker);
}

static void cancel(struct deliver_attempt *a)
{
    broker_cancel(&a->broker);
}

const struct deliver_destination deliver_destination_amqp = { "amqp", start, cancel };
