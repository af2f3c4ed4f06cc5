/* SPDX-License-Identifier: Apache-2.0
 *
 * The directory: for each application in use, one immutable, counted view with everything the hot
 * path needs (endpoints with compiled filters and keyrings). Views are cached, bounded, and swapped
 * when something changes: whoever changes configuration calls core_directory_changed() after the
 * commit and before it answers, so that within the node nobody sees an old view afterwards.
 *
 * Lookups that find a cached view never block and may be made from any thread.
 */
#pragma once

#include <stdatomic.h>

#include "base/base.h"
#include "sign/sign.h"
#include "store/endpoint.h"
#include "store/flow.h"
#include "work/work.h"

struct filter_program; /* filter/language.h */
struct core_broker;    /* core/broker.h */

/* How a delivery is signed. The preservica one has a body and a header of its own (deliver/preservica.c). */
enum core_scheme { CORE_SCHEME_STANDARD, CORE_SCHEME_PRESERVICA };

/* What a delivery needs of its endpoint. Part of a view; borrowed while the view is held. */
struct core_endpoint {
    int64_t num, app;
    struct str id, uid, url, kind;
    struct str options;              /* JSON object text, or ptr NULL */
    struct str options_sealed;       /* opened JSON of secret options, or ptr NULL */
    struct str headers;              /* ready lines "Name: value\r\n" of the configured headers */
    const struct sign_keyring *keyring; /* NULL: there is no key, or it cannot be opened; never send unsigned */
    const struct str *event_types;   /* sorted; NULL: all. "a.b.*" style patterns are not expanded: exact names */
    size_t event_type_count;
    const struct str *channels;      /* NULL: all */
    size_t channel_count;
    bool has_filter;
    const struct filter_program *filter; /* NULL with has_filter: it is broken, nothing passes */
    struct str transform;            /* a jq program, or ptr NULL */
    int64_t throttle;                /* messages a second; 0: none */
    int64_t timeout_us;              /* total deadline of an attempt; 0: the server's default */
    const int64_t *retry_us;         /* delays; NULL: the server's default schedule */
    size_t retry_count;
    const struct core_broker *broker; /* of kind "amqp"; NULL with that kind: cannot be read, never send */
    bool ordered;                    /* one attempt at a time, and a failed one holds back those behind it */
    bool disabled;                   /* also while a handshake it must pass has not been passed */
    int64_t failing_since_us;
    bool is_form;                    /* the payload goes out as a flattened form */
    enum core_scheme scheme;
    struct str scheme_key;           /* of a scheme other than standard; empty: none, never send */
    bool includes_identifiers;       /* preservica: events keep their "identifiers" */
    struct str ckan;                 /* the option of that name, JSON: the body is CKAN's envelope; or ptr NULL */
    int64_t gap_us;                  /* between deliveries, as a receiver allowed; 0: none */
};

/* Who asks for a name (an event type or a channel): sorted by name, then by place in `endpoints`. Disabled
 * endpoints are not listed. */
struct core_interest {
    struct str name;
    uint32_t place;
};
struct core_interests {
    const struct core_interest *list;
    size_t count;
};

struct core_app {
    atomic_int _refs;
    atomic_llong _paced_until_us;  /* deliver's: where the application's own throttle stands */
    int64_t fresh_until_us;        /* wall clock: an old key ends then, the view has to be loaded again */
    int64_t num, org;
    struct str id, uid;
    struct str org_id;
    struct str org_name;
    int64_t throttle;
    bool has_filters;              /* some endpoint has one: see core/filters.h */
    const struct core_endpoint *endpoints; /* by num, ascending */
    size_t endpoint_count;
    struct core_interests _types;    /* of endpoints with event types */
    struct core_interests _channels; /* of endpoints with channels and no event types */
    const uint32_t *_open;           /* places of the endpoints with neither */
    size_t _open_count;
    struct arena _arena;
};

struct core_directory;

struct core_directory_options {
    struct store *store;
    const struct sign_vault *vault;
    const struct clock *clock;
    size_t apps_max; /* cached views */
};
struct core_directory *core_directory_new(const struct core_directory_options *o);
void core_directory_free(struct core_directory *d);

/* Cached view by number, or by id or uid within an org; NULL: not cached (load it on a worker). With a reference. */
struct core_app *core_directory_get(struct core_directory *d, int64_t app);
struct core_app *core_directory_find(struct core_directory *d, int64_t org, struct str id_or_uid);
/* Worker: the same, loading it if need be. RC_NOT_FOUND, RC_IO. */
MUST_USE enum rc core_directory_load(struct core_directory *d, int64_t app, struct core_app **out);
MUST_USE enum rc core_directory_load_named(struct core_directory *d, int64_t org, struct str id_or_uid, struct core_app **out);
struct core_app *core_app_ref(struct core_app *app);
void core_app_unref(struct core_app *app); /* NULL is fine */

/* The endpoint in this view, or NULL (deleted or never there). */
const struct core_endpoint *core_app_endpoint(const struct core_app *app, int64_t num);

/* Worker, after the commit: reloads the view if it is cached, and tells the listeners. */
void core_directory_changed(struct core_directory *d, int64_t app);
/* fn(ctx, app) runs on the changing worker thread, after the swap. Register before threads start; at most 8. */
void core_directory_on_change(struct core_directory *d, void (*fn)(void *ctx, int64_t app), void *ctx);

/* Which endpoints of the view want this message: appends their numbers to out[max]; returns how many. Disabled ones never.
 * `channels`: of the message; an endpoint with channels wants a message that shares one. Costs by the number of endpoints
 * that ask for the type or a channel, not by the number there are. */
size_t core_match(const struct core_app *app, struct str event_type, const struct str *channels, size_t channel_count, int64_t *out, size_t max);

/* At most so many endpoints can match. */
size_t core_match_bound(const struct core_app *app, struct str event_type, const struct str *channels, size_t channel_count);

/* --- an endpoint's secrets at rest: what the store keeps is made and read by these only ----------- */
/* Context "endpoint:<id>", of the key's whole text form. Appends to out. RC_LIMIT. */
MUST_USE enum rc core_seal_key(const struct sign_vault *v, struct str endpoint_id, const struct sign_key *key, struct buf *out);
/* RC_CORRUPT. Wipe *out when done. */
MUST_USE enum rc core_open_key(const struct sign_vault *v, struct str endpoint_id, struct str sealed, struct sign_key *out);
/* A JSON object under the context "headers:<id>" (configured headers) or "options:<id>" (secret options).
 * open: into the arena, wiped with it. RC_CORRUPT. */
enum core_secret { CORE_SECRET_HEADERS, CORE_SECRET_OPTIONS };
MUST_USE enum rc core_seal_json(const struct sign_vault *v, enum core_secret what, struct str endpoint_id, struct str json, struct buf *out);
MUST_USE enum rc core_open_json(const struct sign_vault *v, enum core_secret what, struct str endpoint_id, struct str sealed, struct arena *a, struct str *out);
