/* SPDX-License-Identifier: Apache-2.0
 *
 * Webfilters: what an application asks before something happens, and the settings of a chain (all
 * filters of one event). See store/config.h for the rules.
 */
#pragma once

#include "store/config.h"

struct store_filter {
    int64_t num;
    int64_t app;
    struct str id; /* "flt_..." */
    struct str event;
    struct str url;         /* without credentials */
    struct str credentials; /* the URL's user part, sealed; ptr NULL: none */
    struct str description;
    int64_t position;    /* the order in the chain; equal ones go by age */
    struct str settings; /* JSON object text: everything else; never secrets */
    struct str secret;   /* sealed signing key */
    bool enabled;
    int64_t created_us;
    int64_t updated_us;
};
MUST_USE enum rc store_filter_insert(struct store_tx *tx, struct store_filter *f); /* fills num */
MUST_USE enum rc store_filter_update(struct store_tx *tx,
                                     const struct store_filter *f); /* by num */
MUST_USE enum rc store_filter_delete(struct store_tx *tx, int64_t num);
/* Of all applications, by number after `after`: those whose URL may hold credentials, as builds before kept them.
 * At most `max`. */
MUST_USE enum rc store_filter_unsealed(struct store_tx *tx, int64_t after, int64_t max,
                                       struct arena *a, struct store_filter **out, size_t *count);
/* RC_NOT_FOUND. */
MUST_USE enum rc store_filter_find(struct store_tx *tx, int64_t app, struct str id, struct arena *a,
                                   struct store_filter *out);
/* `event` empty: of all events. */
MUST_USE enum rc store_filter_list(struct store_tx *tx, int64_t app, struct str event,
                                   const struct store_page *page, struct arena *a,
                                   struct store_filter *out, struct store_page_end *end);
/* All of an application in chain order: event, position, number. */
MUST_USE enum rc store_filter_all(struct store_tx *tx, int64_t app, struct arena *a,
                                  struct store_filter **out, size_t *count);

enum { STORE_FILTER_TOKEN_HASH = 32 };

/* One event's chain. A chain without a row has the defaults. */
struct store_filter_chain {
    int64_t app;
    struct str event;
    int64_t deadline_ms;
    struct str keep;       /* of runs: "none", "headers" or "all" */
    struct str redact;     /* JSON array text of JSON pointers */
    struct str token;      /* sealed; ptr NULL: the chain has no URL */
    struct str token_hash; /* SHA-256; ptr NULL when there is no token */
    struct str old_hash;   /* of the token before, good until old_until_us; ptr NULL: none */
    int64_t old_until_us;
    int64_t created_us;
    int64_t updated_us;
};
/* RC_NOT_FOUND. */
MUST_USE enum rc store_filter_chain_get(struct store_tx *tx, int64_t app, struct str event,
                                        struct arena *a, struct store_filter_chain *out);
MUST_USE enum rc store_filter_chain_put(struct store_tx *tx,
                                        const struct store_filter_chain *chain);
/* Live applications that have a chain with a token, at most `max`; *out in the arena. */
MUST_USE enum rc store_filter_chain_apps(struct store_tx *tx, int64_t max, struct arena *a,
                                         int64_t **out, size_t *count);
MUST_USE enum rc store_filter_chain_all(struct store_tx *tx, int64_t app, struct arena *a,
                                        struct store_filter_chain **out, size_t *count);
/* The chain whose current token, or whose old one at that time, has the hash; of live applications only. */
MUST_USE enum rc store_filter_chain_by_token(struct store_tx *tx, struct str hash, int64_t now_us,
                                             struct arena *a, struct store_filter_chain *out);
