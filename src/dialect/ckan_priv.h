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
    struct dialect_ckan_options o;
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

/* --- ckan.c: answers. Each fills the reply. --- */
void ckan_succeed(struct ckan_call *c, json_t *result); /* takes the reference */
void ckan_not_authorized(struct ckan_call *c, const char *message);
void ckan_not_found(struct ckan_call *c);
/* Adds a message to a field's list in `errors`. */
void ckan_complain(json_t *errors, const char *field, const char *message);
/* 409 with the fields of `errors`, or, when there are none, nothing; says whether it did. Takes the reference. */
bool ckan_refused(struct ckan_call *c, json_t *errors);
void ckan_unavailable(struct ckan_call *c, const char *message); /* 503 */
/* By rc: not found, not authorized, or unavailable. */
void ckan_fail(struct ckan_call *c, enum rc rc);
/* A string of the input; ptr NULL: not there, or no string, or empty. */
struct str ckan_input(const struct ckan_call *c, const char *name);

/* --- ckan_cache.c: facts about the site's users for a short time. Any thread. --- */
struct ckan_cache *ckan_cache_new(const struct clock *clock, int64_t keep_us);
void ckan_cache_free(struct ckan_cache *cache); /* NULL is fine */
/* False: not known (any more). The text is copied into the arena. */
bool ckan_cache_get(struct ckan_cache *cache, struct str key, struct arena *a, struct str *out);
void ckan_cache_put(struct ckan_cache *cache, struct str key, struct str text);

/* --- ckan_site.c: asking the site. Workers; they block. --- */
/* RC_DENIED: the site knows no such user; RC_IO: it does not answer; RC_BUSY: too many ask. */
MUST_USE enum rc ckan_site_user(struct dialect_ckan *ckan, struct str credential, struct arena *a,
                                struct ckan_user *out);
/* The ids of an organisation's members, as a JSON array the caller releases. The same rcs. */
MUST_USE enum rc ckan_site_members(struct dialect_ckan *ckan, struct str organisation,
                                   struct arena *a, json_t **out);
/* Is the user (still) a sysadmin? */
MUST_USE enum rc ckan_site_is_sysadmin(struct dialect_ckan *ckan, struct str user, struct arena *a,
                                       bool *out);

/* --- ckan_hook.c: webhooks as rows. Each is an action. --- */
void ckan_webhook_create(struct ckan_call *c);
void ckan_webhook_show(struct ckan_call *c);
void ckan_webhook_list(struct ckan_call *c);
void ckan_webhook_delete(struct ckan_call *c);
void ckan_webhook_secret(struct ckan_call *c);
void ckan_webhook_import(struct ckan_call *c);

/* --- ckan_app.c: the application and its event types. --- */
/* Finds the application, or makes it if tx is one that writes. */
MUST_USE enum rc ckan_app(struct ckan_call *c, struct store_tx *tx, bool make,
                          struct store_application *out);
/* Registers a topic's event type; RC_CONFLICT never. */
MUST_USE enum rc ckan_topic_register(struct ckan_call *c, struct store_tx *tx, struct str topic);
/* One of CKAN's own, or one that the site has sent. */
MUST_USE enum rc ckan_topic_known(struct ckan_call *c, struct store_tx *tx, struct str topic,
                                  bool *out);
/* "dataset/create" to "dataset.create"; ptr NULL: no topic. */
struct str ckan_event_type(struct arena *a, struct str topic);
/* Letters, digits, '-' and '_', 1 to max. */
bool ckan_is_plain(struct str s, size_t max);
/* Tells operational endpoints. */
void ckan_tell(struct ckan_call *c, const char *what, const struct store_application *app,
               const struct store_endpoint *ep);
/* Deletes webhooks that were disabled for failing long ago; looks at most every hour. */
void ckan_sweep(struct ckan_call *c);

/* --- ckan_event.c: events of the site. --- */
void ckan_webhook_event(struct ckan_call *c);
