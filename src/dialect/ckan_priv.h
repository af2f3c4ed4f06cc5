/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the CKAN dialect share. A CKAN webhook is an endpoint of the application with the
 * uid "ckan"; what is CKAN's about it stands in the member "ckan" of its options:
 *
 *   {"id": "ep_...", "topic": "dataset/create", "user": "<creator's id>", "sysadmin": false,
 *    "site": "https://ckan.example.org"}
 *
 * A topic is an event type: "dataset/create" is "dataset.create". Who may receive an event is said with
 * channels, so that resending and replaying keep to it: an endpoint listens on "public" and on
 * "user.<creator>" (with ".<entity>" behind each if it is about one entity only), an event goes out
 * on "public", or, when the entity is private, on the channels of the users who may see it.
 */
#pragma once

#include "dialect/dialect_priv.h"
#include "store/application.h"
#include "store/endpoint.h"
#include "json/json.h"

#include <stdatomic.h>

enum {
    CKAN_CREDENTIAL_MAX = 4096,
    CKAN_USER_MAX = 40,   /* CKAN's ids have 36 */
    CKAN_ENTITY_MAX = 80, /* id or name to filter by */
    CKAN_TOPIC_MAX = 100,
    CKAN_HOOKS_MAX = 10000 /* of the application: as many destinations as a message may have */
};

enum ckan_auth {
    CKAN_AUTH_NONE,
    CKAN_AUTH_EDITOR,
    CKAN_AUTH_ADMIN,
    CKAN_AUTH_SYSADMIN,
    CKAN_AUTH_UNKNOWN
};

struct ckan_cache;

struct dialect_ckan {
    const struct conf *conf;
    const char *public_url;
    const char *api_url;   /* where the site is reached */
    enum ckan_auth minimum;
    struct fetch_policy *policy;
    SSL_CTX *tls;
    struct ckan_cache *cache;
    atomic_int asking;     /* workers that wait for the site */
    atomic_llong swept_us; /* wall clock: the last look for stale webhooks */
};

/* Who asks, as the site says. */
struct ckan_user {
    struct str id;
    bool is_sysadmin;
    bool is_editor, is_admin; /* in any organisation; admins are editors */
};

/* One call of an action. */
struct ckan_call {
    struct dialect_set *set;
    struct dialect_ckan *ckan;
    struct http_request *req;
    struct arena *arena;
    int64_t now_us;
    const char *action;
    json_t *in;            /* an object */
    struct ckan_user user; /* of actions for CKAN's users */
};
