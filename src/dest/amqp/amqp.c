/* SPDX-License-Identifier: Apache-2.0
 *
 * The destination kind "amqp": a message published to RabbitMQ, done when the broker confirmed it.
 * History shows it in HTTP's terms, so that retries, filters and health work alike: 200 confirmed, 404
 * unroutable (mandatory), 503 nacked, and the broker's own reply code when that is one of 4xx or 5xx
 * (404 no such exchange, 403 access refused). The body of such a "response" is the broker's words.
 */
#include "dest/dest.h"

#include "broker/broker.h"
#include "broker/route.h"
#include "broker/url.h"

/* Confirms come in bulk, many to a packet. */
enum { PIPELINE = 16, US_PER_S = 1000000 };

struct settings {
    struct broker_url url;
    struct broker_route route;
};

/* --- configuration ---------------------------------------------------------------------------- */

static enum rc read_url(struct str text, struct arena *a, struct dest_url *out, struct buf *why)
{
    struct broker_url url;
    *out = (struct dest_url){ 0 };
    enum rc rc = broker_url_parse(text, a, &url, why);
    if (rc != RC_OK)
        return rc;
    *out =
        (struct dest_url){ .shown = url.shown, .is_tls = url.tls, .has_user = url.has_credentials };
    if (url.has_credentials) {
        json_t *object = json_pack("{s:s%, s:s%}", "user", url.user.ptr, url.user.len, "password",
                                   url.password.ptr, url.password.len);
        out->credentials = json_text(a, object);
        json_decref(object);
    }
    return RC_OK;
}

static enum rc amqp_check(const json_t *settings, struct arena *a, const char **where,
                          struct buf *why)
{
    struct broker_route route;
    return broker_route_compile(settings, a, &route, where, why);
}

static const void *amqp_compile(struct arena *a, struct core_endpoint *ep,
                                const struct dest_source *s, const char **where, struct buf *why)
{
    struct settings *to = ARENA_NEW(a, struct settings);
    struct str user = json_str_member(s->credentials, "user");
    enum rc rc = broker_url_parse(ep->url, a, &to->url, why);
    if (rc == RC_OK)
        rc = broker_route_compile(s->settings, a, &to->route, where, why);
    if (rc != RC_OK)
        return NULL;
    if (user.ptr != NULL) {
        to->url.has_credentials = true;
        to->url.user = arena_str(a, user);
        to->url.password = arena_secret(a, json_str_member(s->credentials, "password"));
    }
    return to;
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

static void amqp_on_done(struct broker_call *call)
{
    struct dest_call *c = call->owner;
    int status = status_of(call);
    struct str words = str_from(call->detail);
    c->done(c, &(struct dest_result){ .is_canceled = call->verdict == BROKER_CANCELED,
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
        first = arena_str(a, json_str_of(v));
    json_decref(list);
    return first;
}

static struct broker_facts facts_of(struct dest_call *c)
{
    const struct core_app *app = c->app;
    return (struct broker_facts){ .event_type = c->message->event_type,
                                  .channel = first_channel(c->scratch, c->message->channels),
                                  .app_id = app->id,
                                  .app_uid = app->uid,
                                  .source = app->uid.len > 0 ? app->uid : app->id,
                                  .headers = c->lines,
                                  .payload = c->payload };
}

static enum rc amqp_expand(struct dest_call *c, const struct broker_template *t,
                           const struct broker_facts *facts, size_t max, struct str *out)
{
    struct buf text;
    buf_init(&text, max);
    enum rc rc = broker_template_expand(t, facts, c->scratch, &text);
    if (rc == RC_OK)
        *out = arena_str(c->scratch, buf_str(&text));
    buf_fini(&text);
    return rc;
}

static enum rc amqp_fill(struct dest_call *c, const struct broker_route *route,
                         struct broker_message *m)
{
    const struct broker_facts facts = facts_of(c);
    struct broker_header *headers =
        arena_array(c->scratch, route->header_count + 1, sizeof(*headers));
    enum rc rc = amqp_expand(c, route->routing_key, &facts, BROKER_NAME_MAX, &m->routing_key);
    for (size_t i = 0; i < route->header_count && rc == RC_OK; i++) {
        headers[i].name = route->headers[i].name;
        rc =
            amqp_expand(c, route->headers[i].value, &facts, BROKER_EXPANDED_MAX, &headers[i].value);
    }
    m->headers = headers;
    m->header_count = route->header_count;
    return rc;
}

/* What history shows as the request's headers. */
static enum rc amqp_describe(struct dest_call *c, const struct broker_message *m)
{
    buf_reset(c->head);
    enum rc rc = buf_addf(c->head, "exchange: %.*s\r\nrouting-key: %.*s\r\nmessage-id: %.*s\r\n",
                          STR_ARGS(m->exchange), STR_ARGS(m->routing_key), STR_ARGS(m->message_id));
    for (size_t i = 0; i < m->header_count && rc == RC_OK; i++)
        rc = buf_addf(c->head, "%.*s: %.*s\r\n", STR_ARGS(m->headers[i].name),
                      STR_ARGS(m->headers[i].value));
    c->shown_head = buf_str(c->head);
    return rc;
}

static void amqp_start(struct dest_call *c)
{
    const struct settings *to = c->ep->settings;
    const struct broker_route *route = &to->route;
    const struct store_message *stored = c->message;
    struct broker_call *call = c->state;
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
                                .timestamp_s = stored->created_us / US_PER_S,
                                .body = c->payload };
    c->url = c->ep->shown_url;
    if (c->client == NULL) {
        dest_refuse(c, true, STR("bad_url"), STR("this server speaks to no brokers"));
        return;
    }
    if (amqp_fill(c, route, &m) != RC_OK || amqp_describe(c, &m) != RC_OK) {
        dest_refuse(c, true, STR("headers"),
                    STR("the routing key would be longer than 255 bytes, a header than "
                        "64 KiB, or all of them together"));
        return;
    }
    *call = (struct broker_call){ .url = &to->url,
                                  .message = &m,
                                  .deadline_us =
                                      route->confirm_us > 0 ? route->confirm_us : c->deadline_us,
                                  .done = amqp_on_done,
                                  .owner = c };
    broker_start(c->client, call);
}

static void amqp_cancel(struct dest_call *c)
{
    broker_cancel(c->state);
}

/* --- connections ------------------------------------------------------------------------------ */

static void *pool_new(const struct dest_server *s)
{
    return broker_pool_new(
        &(struct broker_options){ .policy = s->policy,
                                  .ca_file = s->ca_file,
                                  .cert_file = s->cert_file,
                                  .key_file = s->key_file,
                                  .product_version = GRAPNEL_VERSION,
                                  .connections_max = (size_t)s->conf->amqp_connections_max,
                                  .connect_us = s->conf->deliver_connect_timeout,
                                  .idle_us = s->conf->amqp_idle_timeout });
}

static void pool_stop(void *pool)
{
    broker_pool_stop(pool);
}

static void pool_free(void *pool)
{
    broker_pool_free(pool);
}

static void *client_new(void *pool, const struct dest_loop *on)
{
    return broker_client_new(pool, on->loop);
}

static void client_free(void *client)
{
    broker_client_free(client);
}

static const char *const schemes[] = { "amqps", "amqp", NULL };

const struct dest_kind dest_amqp = {
    .name = "amqp",
    .id = DEST_AMQP,
    .schemes = schemes,
    .url_words = "an amqp or amqps URL",
    .pipeline = PIPELINE,
    .state_size = sizeof(struct broker_call),
    .read_url = read_url,
    .check = amqp_check,
    .compile = amqp_compile,
    .start = amqp_start,
    .cancel = amqp_cancel,
    .pool_new = pool_new,
    .pool_stop = pool_stop,
    .pool_free = pool_free,
    .client_new = client_new,
    .client_free = client_free,
};
