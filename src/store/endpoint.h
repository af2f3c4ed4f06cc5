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
MUST_USE enum rc store_endpoint_by_num(struct store_tx *tx, int64_t num, struct arena *a,
                                       struct store_endpoint *out);
MUST_USE enum rc store_endpoint_list(struct store_tx *tx, int64_t app,
                                     const struct store_page *page, struct arena *a,
                                     struct store_endpoint *out, struct store_page_end *end);
/* All live endpoints of an application, oldest first; *out in the arena. */
MUST_USE enum rc store_endpoint_all(struct store_tx *tx, int64_t app, struct arena *a,
                                    struct store_endpoint **out, size_t *count);
/* Health, written often: only failing_since_us, disabled, disabled_reason. */
MUST_USE enum rc store_endpoint_set_health(struct store_tx *tx, int64_t num,
                                           int64_t failing_since_us, bool disabled,
                                           struct str reason, int64_t now_us);
