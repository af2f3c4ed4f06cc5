/* SPDX-License-Identifier: Apache-2.0
 *
 * What the server asks others with: the clients deliveries go through, and handshakes.
 */
#include "server/server_priv.h"

static struct fetch_options options_of(const struct server *s)
{
    const struct conf *c = s->conf;

    return (struct fetch_options){ .policy = s->policy,
                                   .tls = s->client_tls,
                                   .idle_max = (size_t)c->fetch_idle_max,
                                   .idle_per_host = (size_t)c->fetch_idle_per_host,
                                   .idle_us = c->fetch_idle_timeout,
                                   .proxy = server_text(c->fetch_proxy),
                                   .no_proxy = server_text(c->fetch_no_proxy),
                                   .http2 = c->fetch_http2,
                                   .resolve = server_text(c->fetch_resolve) };
}

enum rc server_fetch_start(struct server *s)
{
    const struct conf *c = s->conf;
    struct tls_client_options tls = { .ca_file = server_text(c->fetch_ca_file),
                                      .cert_file = server_text(c->fetch_cert),
                                      .key_file = server_text(c->fetch_key),
                                      .verify = true };
    enum rc rc = fetch_policy_new(str_from(c->fetch_allow), str_from(c->fetch_deny),
                                  c->fetch_https_only, &s->policy, &s->why);

    if (rc == RC_OK)
        rc = tls_client_context(&tls, &s->client_tls, &s->why);
    if (rc != RC_OK)
        return rc;
    s->fetch_options = options_of(s);
    bool curl = str_eq(str_from(c->fetch_client), STR("curl"));
    for (size_t i = 0; i < s->loop_count; i++) {
        struct loop *loop = s->loops[i].loop;
        s->loops[i].fetch =
            curl ? fetch_curl_new(loop, &s->fetch_options) : fetch_own_new(loop, &s->fetch_options);
        s->fetch_list[i] = s->loops[i].fetch;
    }
    return RC_OK;
}

void server_fetch_stop(struct server *s)
{
    for (size_t i = 0; i < s->loop_count; i++)
        fetch_free(s->loops[i].fetch);
    server_drain_loops(s);
    SSL_CTX_free(s->client_tls);
    fetch_policy_unref(s->policy);
}

enum rc server_brokers_start(struct server *s)
{
    const struct conf *c = s->conf;

    s->brokers = broker_pool_new(
        &(struct broker_options){ .policy = s->policy,
                                  .ca_file = server_text(c->fetch_ca_file),
                                  .cert_file = server_text(c->fetch_cert),
                                  .key_file = server_text(c->fetch_key),
                                  .product_version = GRAPNEL_VERSION,
                                  .connections_max = (size_t)c->amqp_connections_max,
                                  .connect_us = c->deliver_connect_timeout,
                                  .idle_us = c->amqp_idle_timeout });
    for (size_t i = 0; i < s->loop_count; i++)
        s->broker_list[i] = broker_client_new(s->brokers, s->loops[i].loop);
    return RC_OK;
}

void server_brokers_stop(struct server *s)
{
    broker_pool_free(s->brokers);
    server_drain_loops(s);
    for (size_t i = 0; i < s->loop_count; i++)
        broker_client_free(s->broker_list[i]);
}

enum rc server_handshaker_start(struct server *s)
{
    struct deliver_handshaker_options o = { .fetch = s->fetch_options,
                                            .clock = clock_system(),
                                            .rng = rng_system(),
                                            .user_agent = server_text(s->conf->user_agent),
                                            .timeout_us = s->conf->handshake_timeout,
                                            .at_once = (int)s->conf->handshake_at_once,
                                            .per_minute = (int)s->conf->handshake_per_minute };

    if (o.user_agent == NULL)
        o.user_agent = SERVER_USER_AGENT;
    s->handshaker = deliver_handshaker_new(&o);
    return RC_OK;
}

void server_handshaker_stop(struct server *s)
{
    deliver_handshaker_free(s->handshaker);
}
