/* SPDX-License-Identifier: Apache-2.0
 *
 * Dialects: APIs of other webhook services, served on the same listeners so that their clients need
 * not change. What is made through one is an ordinary application, endpoint or message. Each is
 * switched on by its options; a dialect that is off has no routes.
 */
#pragma once

#include "api/api.h"
#include "fetch/fetch.h"

struct dialect_set; /* all that are switched on */

struct dialect_gaia_options {
    bool enabled;
    const char *auth_server;   /* of the tenant service: "host", "host:port" or a URL */
    const char *amqp_url;      /* where events go */
    const char *ca_file;       /* for an https auth_server; NULL: the system's */
    bool answer_after_broker;  /* else after our own durable write */
};

struct dialect_preservica_options {
    bool enabled;
    bool https_only;           /* of subscriptions' URLs */
    bool totp_reuse;           /* a one-time code is taken again within its time */
    int logins_at_once;        /* passwords checked at a time */
    int64_t token_lifetime_us;
    const char *version;       /* what is answered as the product's: "7.5.0" */
};

struct dialect_ckan_options {
    bool enabled;
    const char *site_url;      /* of the CKAN site, as subscribers are told */
    const char *api_url;       /* where we reach it; empty: site_url */
    const char *public_url;    /* ours, for links */
    const char *token;         /* of a sysadmin at the site, to ask who may see private datasets; empty: none */
    const char *ca_file;       /* for an https site; NULL: the system's */
    const char *minimum_auth;  /* "none", "editor", "admin", "sysadmin"; anything else refuses everyone */
    int64_t auth_cache_us;     /* how long the site's word is taken */
    int64_t site_timeout_us;
    int64_t site_at_once;      /* questions to the site at a time; each holds a worker */
    int64_t timeout_us;        /* of a delivery */
    int64_t stale_delete_us;   /* a webhook that was disabled for failing is deleted after this */
    int64_t webhooks_max;      /* of one user */
};

struct dialect_options {
    struct api *api;           /* what the router's handlers get */
    struct store *store;
    struct core_directory *directory;
    struct core_publisher *publisher;
    struct deliver *deliver;
    struct work_pool *pool;
    const struct sign_vault *vault;
    const struct clock *clock;
    const struct rng *rng;
    int64_t org;               /* whose applications are made */
    int64_t retention_us;      /* of payloads */
    struct deliver_handshaker *handshaker;
    struct core_events *events;
    struct dialect_gaia_options gaia;
    struct dialect_preservica_options preservica;
    struct dialect_ckan_options ckan;
};

/* RC_INVALID: an option is wrong, `why` says which. Strings in the options are borrowed for good. */
MUST_USE enum rc dialect_set_new(const struct dialect_options *o, struct dialect_set **out, struct buf *why);
void dialect_set_free(struct dialect_set *d); /* NULL is fine */
void dialect_set_add_routes(struct dialect_set *d, struct http_router *router);
