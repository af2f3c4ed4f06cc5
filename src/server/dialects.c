/* SPDX-License-Identifier: Apache-2.0
 *
 * From options to dialects: the foreign APIs that are switched on.
 */
#include "server/server_priv.h"

static void fill_ckan(const struct server *s, struct dialect_ckan_options *o)
{
    const struct conf *c = s->conf;

    *o = (struct dialect_ckan_options){ .enabled = c->ckan_enabled,
                                        .site_url = c->ckan_site_url,
                                        .api_url = c->ckan_api_url,
                                        .public_url = s->public_url,
                                        .token = c->ckan_token,
                                        .ca_file = server_text(c->ckan_ca_file),
                                        .minimum_auth = c->ckan_minimum_auth,
                                        .auth_cache_us = c->ckan_auth_cache,
                                        .site_timeout_us = c->ckan_site_timeout,
                                        .site_at_once = c->ckan_site_at_once,
                                        .timeout_us = c->ckan_timeout,
                                        .stale_delete_us = c->ckan_stale_delete,
                                        .webhooks_max = c->ckan_webhooks_max };
}

static void fill_gaia(const struct conf *c, struct dialect_gaia_options *o)
{
    *o = (struct dialect_gaia_options){ .enabled = c->gaia_enabled,
                                        .auth_server = c->gaia_auth_server,
                                        .amqp_url = c->gaia_amqp_url,
                                        .ca_file = server_text(c->fetch_ca_file),
                                        .answer_after_broker =
                                            str_eq(str_from(c->gaia_answer_after), STR("broker")) };
}

static void fill_preservica(const struct conf *c, struct dialect_preservica_options *o)
{
    *o = (struct dialect_preservica_options){ .enabled = c->preservica_enabled,
                                              .https_only = c->fetch_https_only,
                                              .totp_reuse = c->preservica_totp_reuse,
                                              .logins_at_once = (int)c->preservica_logins_at_once,
                                              .token_lifetime_us = c->preservica_token_lifetime,
                                              .version = c->preservica_version };
}

enum rc server_dialects_start(struct server *s)
{
    struct dialect_options o = { .api = s->api,
                                 .store = s->store,
                                 .directory = s->directory,
                                 .publisher = s->publisher,
                                 .deliver = s->deliver,
                                 .pool = s->pool,
                                 .vault = s->vault,
                                 .clock = clock_system(),
                                 .rng = rng_system(),
                                 .org = s->org,
                                 .retention_us = s->conf->store_retention,
                                 .handshaker = s->handshaker,
                                 .events = s->events };

    fill_ckan(s, &o.ckan);
    fill_gaia(s->conf, &o.gaia);
    fill_preservica(s->conf, &o.preservica);
    enum rc rc = dialect_set_new(&o, &s->dialects, &s->why);
    if (rc == RC_OK)
        dialect_set_add_routes(s->dialects, s->router);
    return rc;
}

void server_dialects_stop(struct server *s)
{
    dialect_set_free(s->dialects);
}
