/* SPDX-License-Identifier: Apache-2.0
 *
 * The webfilters of an application as the hot path needs them: an immutable, counted set with
 * settings taken apart, URLs parsed and keys opened; cached, bounded, and dropped when something
 * changes. Whoever changes filters calls filter_sets_changed() after the commit and before it
 * answers, so that nobody on this node runs an old chain afterwards.
 */
#pragma once

#include <stdatomic.h>

#include "base/base.h"
#include "filter/rules.h"
#include "http/url.h"
#include "sign/sign.h"
#include "store/filter.h"

enum {
    FILTER_CHAIN_MAX = 32, /* filters of one event */
    FILTER_APP_MAX = 1000, /* filters of one application */
    FILTER_REDACT_MAX = 100,
    FILTER_TIMEOUT_MS = 5000,  /* defaults */
    FILTER_DEADLINE_MS = 9000, /* below the 10 s that callers such as Open edX wait */
    FILTER_BREAKER_FAILURES = 5,
    FILTER_BREAKER_MS = 30000,
    FILTER_TOKEN_LEN = 43, /* of a chain's URL: base 62, 256 bits */
    FILTER_TOKEN_HASH = STORE_FILTER_TOKEN_HASH
};

enum filter_mode {
    FILTER_ORIGINAL, /* gets the original data, after the filters before it have answered */
    FILTER_CHAINED,  /* gets the data as the filters before it have changed it */
    FILTER_PARALLEL, /* gets the original data, at the same time as parallel filters next to it */
    FILTER_SHADOW /* gets the original data at the start; recorded, never applied, never waited for */
};
const char *filter_mode_name(enum filter_mode m);
MUST_USE enum rc filter_mode_find(struct str name, enum filter_mode *out); /* RC_NOT_FOUND */

/* What is kept of a run. */
enum filter_keep { FILTER_KEEP_NONE, FILTER_KEEP_HEADERS, FILTER_KEEP_ALL };
const char *filter_keep_name(enum filter_keep k);
MUST_USE enum rc filter_keep_find(struct str name, enum filter_keep *out); /* RC_NOT_FOUND */

struct filter_spec {
    int64_t num;
    int64_t updated_us; /* with num: which version of the filter */
    struct str id;
    struct filter_rules rules;
    struct http_url url;
    bool is_url_good;
    bool is_form; /* flattened form encoding instead of JSON */
    enum filter_mode mode;
    int64_t timeout_us;
    int64_t cache_us;     /* an answer is good for so long; 0: asked each time */
    int breaker_failures; /* in a row; 0: no breaker */
    int64_t breaker_us;
    const struct sign_keyring *keyring; /* NULL: cannot be opened; never sent unsigned */
};

struct filter_chain_spec {
    struct str event;
    int64_t deadline_us;
    enum filter_keep keep;
    const struct str *redact; /* JSON pointers; '*' stands for any one step */
    size_t redact_count;
    struct str token_hash, old_hash; /* ptr NULL: none */
    int64_t old_until_us;
};

struct filter_set {
    atomic_int _refs;
    int64_t app;
    const struct filter_spec *filters; /* enabled ones: by event, position, age */
    size_t filter_count;
    const struct filter_chain_spec *chains; /* by event */
    size_t chain_count;
    struct arena _arena;
};
struct filter_set *filter_set_ref(struct filter_set *s);
void filter_set_unref(struct filter_set *s); /* NULL is fine */
/* A set of rows that need not be in the store (trying a change). With one reference. Worker. */
struct filter_set *filter_set_build(const struct sign_vault *v, int64_t app,
                                    const struct store_filter *filters, size_t filter_count,
                                    const struct store_filter_chain *chains, size_t chain_count);
/* The event's filters, in order; borrowed. */
const struct filter_spec *filter_set_event(const struct filter_set *s, struct str event,
                                           size_t *count);
/* The event's chain settings; one with the defaults if it has none. */
struct filter_chain_spec filter_set_chain(const struct filter_set *s, struct str event);

/* --- the cache ---------------------------------------------------------------------------------------- */
struct filter_sets;
struct filter_sets *filter_sets_new(struct store *store, const struct sign_vault *vault,
                                    const struct clock *clock, size_t apps_max);
void filter_sets_free(struct filter_sets *s); /* NULL is fine */

/* Any thread, never blocks: NULL when it is not cached. With a reference. */
struct filter_set *filter_sets_get(struct filter_sets *s, int64_t app);
/* The same by a chain's token; *chain is borrowed from the set. */
struct filter_set *filter_sets_by_token(struct filter_sets *s, struct str token,
                                        const struct filter_chain_spec **chain);
/* Worker: loads it if need be. RC_NOT_FOUND (token only), RC_IO. */
MUST_USE enum rc filter_sets_load(struct filter_sets *s, int64_t app, struct filter_set **out);
MUST_USE enum rc filter_sets_load_token(struct filter_sets *s, struct str token,
                                        struct filter_set **out,
                                        const struct filter_chain_spec **chain);
/* Any thread. */
void filter_sets_changed(struct filter_sets *s, int64_t app);

/* --- secrets at rest ---------------------------------------------------------------------------------- */
/* A filter's key under the context "filter:<id>". */
MUST_USE enum rc filter_key_seal(const struct sign_vault *v, struct str id,
                                 const struct sign_key *key, struct buf *out);
/* RC_CORRUPT. Wipe *out when done. */
MUST_USE enum rc filter_key_open(const struct sign_vault *v, struct str id, struct str sealed,
                                 struct sign_key *out);
/* A chain's token under "filter-chain:<app>:<event>". */
MUST_USE enum rc filter_token_seal(const struct sign_vault *v, int64_t app, struct str event,
                                   struct str token, struct buf *out);
MUST_USE enum rc filter_token_open(const struct sign_vault *v, int64_t app, struct str event,
                                   struct str sealed, struct buf *out);
void filter_token_make(const struct rng *rng, char out[static FILTER_TOKEN_LEN + 1]);
void filter_token_hash(struct str token, uint8_t out[static FILTER_TOKEN_HASH]);
