/* SPDX-License-Identifier: Apache-2.0
 *
 * Endpoints: where an application's messages go. See store/config.h for the rules.
 */
#pragma once

#include "store/config.h"

enum { STORE_OLD_KEYS_MAX = 10 };

struct store_endpoint_key {
    struct str sealed;  /* sign_seal()ed key material */
    int64_t expires_us; /* 0: the current one */
};

struct store_endpoint {
    int64_t num;
    int64_t app;
    struct str id;   /* "ep_..." */
    struct str uid;  /* ptr NULL: none */
    struct str kind; /* "http"; other destination kinds have their own names */
    struct str url;
    struct str description;
    struct str event_types; /* JSON array text; ptr NULL: all */
    struct str channels;    /* JSON array text; ptr NULL: all */
    struct str metadata;    /* JSON object text */
    struct str headers;     /* sealed JSON object, or ptr NULL */
    struct str options; /* JSON object text: what only some endpoints have (retry schedule, timeout,
                             * transformation, form encoding, ...); never secrets. ptr NULL: none */
    struct str
        options_sealed; /* sealed JSON object for secret options (credentials); ptr NULL: none */
    int64_t throttle;   /* messages a second; 0: none */
    int64_t version;
    bool disabled;
    struct str disabled_reason; /* "", "manual", "failing", "gone", "unverified" */
    int64_t failing_since_us;   /* first failure of an unbroken run; 0: healthy */
    int64_t last_failure_us;    /* its last one, or one not long before it */
    int64_t created_us;
    int64_t updated_us;
    struct store_endpoint_key keys[1 + STORE_OLD_KEYS_MAX]; /* current first */
    size_t key_count;
    bool deleted; /* only from by_num */
};
MUST_USE enum rc store_endpoint_insert(
    struct store_tx *tx, struct store_endpoint *ep); /* fills num; RC_CONFLICT: uid taken */
MUST_USE enum rc store_endpoint_update(struct store_tx *tx,
                                       const struct store_endpoint *ep); /* by num, keys included */
MUST_USE enum rc store_endpoint_delete(struct store_tx *tx, int64_t num, int64_t now_us);
MUST_USE enum rc store_endpoint_find(struct store_tx *tx, int64_t app, struct str id_or_uid,
                                     struct arena *a, struct store_endpoint *out);
/* By its id alone, also when it is deleted: for where a list goes on. */
MUST_USE enum rc store_endpoint_by_id(struct store_tx *tx, int64_t app, struct str id,
                                      struct arena *a, struct store_endpoint *out);
MUST_USE enum rc store_endpoint_by_num(struct store_tx *tx, int64_t num, struct arena *a,
                                       struct store_endpoint *out);
MUST_USE enum rc store_endpoint_list(struct store_tx *tx, int64_t app,
                                     const struct store_page *page, struct arena *a,
                                     struct store_endpoint *out, struct store_page_end *end);
/* All live endpoints of an application, oldest first; *out in the arena. */
MUST_USE enum rc store_endpoint_all(struct store_tx *tx, int64_t app, struct arena *a,
                                    struct store_endpoint **out, size_t *count);
/* Who of an organisation listens to an event type: who names it, or names none. In order of the application's id and
 * the endpoint's. */
struct store_listeners {
    int64_t org;
    struct str event_type;
    struct str after_app, after; /* ids: where to go on; on return, the last that was looked at */
    size_t max;
    int64_t rows_max; /* come back after looking at so many endpoints */
};
/* Their numbers; `nums` has room for l->max. */
MUST_USE enum rc store_endpoint_listeners(struct store_tx *tx, struct store_listeners *l,
                                          struct arena *a, int64_t *nums, size_t *count,
                                          bool *done);
/* How many those are, without reading them. */
MUST_USE enum rc store_endpoint_count(struct store_tx *tx, int64_t app, int64_t *count);
/* Of all applications, by number after `after`, deleted ones too and without keys: those whose URL may hold
 * credentials, as builds before kept them. At most `max`; *out in the arena. */
MUST_USE enum rc store_endpoint_unsealed(struct store_tx *tx, int64_t after, int64_t max,
                                         struct arena *a, struct store_endpoint **out,
                                         size_t *count);
/* Only url, options and options_sealed; of a deleted one, too. */
MUST_USE enum rc store_endpoint_put_url(struct store_tx *tx, const struct store_endpoint *ep);
/* Both 0: it never failed, or there is no such endpoint. */
MUST_USE enum rc store_endpoint_health(struct store_tx *tx, int64_t num, int64_t *failing_since_us,
                                       int64_t *last_failure_us);
/* Health, written often. The endpoint's own row is written only if `disabled` or the reason is another. */
MUST_USE enum rc store_endpoint_set_health(struct store_tx *tx, int64_t num,
                                           int64_t failing_since_us, int64_t last_failure_us,
                                           bool disabled, struct str reason, int64_t now_us);
