/* SPDX-License-Identifier: Apache-2.0
 *
 * What the server asks others with: the clients deliveries go through, and handshakes.
 */
#include "server/clients_priv.h"

#include "server/addresses_priv.h"
#include "server/loops_priv.h"
#include "server/options_priv.h"

#include "base/files.h"

static struct fetch_options clients_options_of(const struct server *s)
{
    const struct conf *c = s->conf;

    return (struct fetch_options){ .policy = s->policy,
                                   .tls = s->client_tls,
                                   .idle_max = server_idle_max(c, files_limit(), s->loop_count),
                                   .idle_per_host = c->fetch_idle_per_host > 0
                                                        ? (size_t)c->fetch_idle_per_host
                                                        : 1,
                                   .idle_us = c->fetch_idle_timeout,
                                   .age_us = c->fetch_connection_age,
                                   .proxy = server_text(c->fetch_proxy),
                                   .no_proxy = server_text(c->fetch_no_proxy),
                                   .http2 = c->fetch_http2,
                                   .resolve = server_text(c->fetch_resolve) };
}

enum rc server_fetch_policy(const struct conf *c, struct fetch_policy **out, struct buf *why)
{
    return fetch_policy_new(str_from(c->fetch_allow), str_from(c->fetch_deny), c->fetch_https_only,
                            out, why);
}

enum rc server_client_tls(const struct conf *c, SSL_CTX **out, struct buf *why)
{
    struct tls_client_options tls = { .ca_file = server_text(c->fetch_ca_file),
                                      .cert_file = server_text(c->fetch_cert),
                                      .key_file = server_text(c->fetch_key),
                                      .verify = true };

    return tls_client_context(&tls, out, why);
}

enum rc server_fetch_start(struct server *s)
{
    const struct conf *c = s->conf;
    enum rc rc = server_fetch_policy(c, &s->policy, &s->why);

    if (rc == RC_OK)
        rc = server_client_tls(c, &s->client_tls, &s->why);
    if (rc != RC_OK)
        return rc;
    server_show_expiry(METRIC_TLS_EXPIRY_CLIENT, s->client_tls);
    if (server_text(c->fetch_ca_file) != NULL)
        metrics_set(METRIC_TLS_EXPIRY_AUTHORITIES,
                    tls_authorities_until_us(s->client_tls) / 1000000);
    s->fetch_options = clients_options_of(s);
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

enum rc server_dest_start(struct server *s)
{
    const struct conf *c = s->conf;

    dest_pools_start(&s->dest_pools,
                     &(struct dest_server){ .conf = c,
                                            .policy = s->policy,
                                            .ca_file = server_text(c->fetch_ca_file),
                                            .cert_file = server_text(c->fetch_cert),
                                            .key_file = server_text(c->fetch_key) });
    for (size_t i = 0; i < s->loop_count; i++) {
        const struct dest_loop on = { s->loops[i].loop, s->fetch_list[i] };
        dest_clients_start(&s->dest_pools, &on, &s->dest_clients[i]);
    }
    return RC_OK;
}

void server_dest_stop(struct server *s)
{
    dest_pools_stop(&s->dest_pools);
    server_drain_loops(s);
    for (size_t i = 0; i < s->loop_count; i++)
        dest_clients_free(&s->dest_clients[i]);
    dest_pools_free(&s->dest_pools);
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
