/* SPDX-License-Identifier: Apache-2.0
 *
 * The webfilters of an application as the hot path needs them: an immutable, counted set with
 * settings taken apart, URLs parsed and keys opened; cached and bounded. A commit that touches an
 * application's filters reads its set again before it returns (store/notes.h), so that nobody on this
 * node who has the answer runs an old chain.
 */
#pragma once

#include <stdatomic.h>

#include "base/base.h"
#include "http/url.h"
#include "sign/sign.h"
#include "store/filter.h"
#include "webfilter/rules.h"

enum {
    WEBFILTER_CHAIN_MAX = 32, /* filters of one event */
    WEBFILTER_APP_MAX = 1000, /* filters of one application */
    WEBFILTER_REDACT_MAX = 100,
    WEBFILTER_WARM_MAX = 10000, /* applications read at the start */
    WEBFILTER_TIMEOUT_MS = 5000,  /* defaults */
    WEBFILTER_DEADLINE_MS = 9000, /* below the 10 s that callers commonly wait */
    WEBFILTER_BREAKER_FAILURES = 5,
    WEBFILTER_BREAKER_MS = 30000,
    WEBFILTER_TOKEN_LEN = 43, /* of a chain's URL: base 62, 256 bits */
    WEBFILTER_TOKEN_HASH = STORE_FILTER_TOKEN_HASH
};

enum webfilter_mode {
    WEBFILTER_ORIGINAL, /* gets the original data, after the filters before it have answered */
    WEBFILTER_CHAINED,  /* gets the data as the filters before it have changed it */
    WEBFILTER_PARALLEL, /* gets the original data, at the same time as parallel filters next to it */
    WEBFILTER_SHADOW /* gets the original data at the start; recorded, never applied, never waited for */
};
const char *webfilter_mode_name(enum webfilter_mode m);
MUST_USE enum rc webfilter_mode_find(struct str name, enum webfilter_mode *out); /* RC_NOT_FOUND */

/* What is kept of a run. */
enum webfilter_keep { WEBFILTER_KEEP_NONE, WEBFILTER_KEEP_HEADERS, WEBFILTER_KEEP_ALL };
const char *webfilter_keep_name(enum webfilter_keep k);
MUST_USE enum rc webfilter_keep_find(struct str name, enum webfilter_keep *out); /* RC_NOT_FOUND */

struct webfilter_spec {
    int64_t num;
    int64_t updated_us; /* with num: which version of the filter */
    struct str id;
    struct webfilter_rules rules;
    struct http_url url;
    bool is_url_good;
    bool is_form; /* flattened form encoding instead of JSON */
    enum webfilter_mode mode;
    int64_t timeout_us;
    int64_t cache_us;     /* an answer is good for so long; 0: asked each time */
    int breaker_failures; /* in a row; 0: no breaker */
    int64_t breaker_us;
    const struct sign_keyring *keyring; /* NULL: cannot be opened; never sent unsigned */
};

struct webfilter_chain_spec {
    struct str event;
    int64_t deadline_us;
    enum webfilter_keep keep;
    const struct str *redact; /* JSON pointers; '*' stands for any one step */
    size_t redact_count;
    struct str token_hash, old_hash; /* ptr NULL: none */
    int64_t old_until_us;
};

struct webfilter_set {
    atomic_int _refs;
    int64_t app;
    int64_t org; /* 0: the set is not the store's */
    const struct webfilter_spec *filters; /* enabled ones: by event, position, age */
    size_t filter_count;
    const struct webfilter_chain_spec *chains; /* by event */
    size_t chain_count;
    struct arena _arena;
};
struct webfilter_set *webfilter_set_ref(struct webfilter_set *s);
void webfilter_set_unref(struct webfilter_set *s); /* NULL is fine */
/* A set of rows that need not be in the store (trying a change). With one reference. Worker. */
struct webfilter_set *webfilter_set_build(const struct sign_vault *v, int64_t app,
                                    const struct store_filter *filters, size_t filter_count,
                                    const struct store_filter_chain *chains, size_t chain_count);
/* The event's filters, in order; borrowed. */
const struct webfilter_spec *webfilter_set_event(const struct webfilter_set *s, struct str event,
                                           size_t *count);
/* The event's chain settings; one with the defaults if it has none. */
struct webfilter_chain_spec webfilter_set_chain(const struct webfilter_set *s, struct str event);

/* --- the cache ---------------------------------------------------------------------------------------- */
struct webfilter_sets;
struct webfilter_sets *webfilter_sets_new(struct store *store, const struct sign_vault *vault,
                                    size_t apps_max);
void webfilter_sets_free(struct webfilter_sets *s); /* NULL is fine */

/* Any thread, never blocks: NULL when it is not cached. With a reference. */
struct webfilter_set *webfilter_sets_get(struct webfilter_sets *s, int64_t app);
/* The same by a chain's token; *chain is borrowed from the set. */
struct webfilter_set *webfilter_sets_by_token(struct webfilter_sets *s, struct str token,
                                        const struct webfilter_chain_spec **chain);
/* Worker: loads it if need be. RC_NOT_FOUND, RC_IO. */
MUST_USE enum rc webfilter_sets_load(struct webfilter_sets *s, int64_t app, struct webfilter_set **out);
MUST_USE enum rc webfilter_sets_load_token(struct webfilter_sets *s, struct str token,
                                        struct webfilter_set **out,
                                        const struct webfilter_chain_spec **chain);
/* The same as by_token, but also what was there before a change, as long as what came of that cannot be read: for
 * those who must not refuse. */
struct webfilter_set *webfilter_sets_last(struct webfilter_sets *s, struct str token,
                                    const struct webfilter_chain_spec **chain);
/* Is its organisation held (store/held.h)? Any thread. */
bool webfilter_sets_is_held(const struct webfilter_sets *s, const struct webfilter_set *set);
/* At the start, before there are loops: reads the sets of applications whose chains have URLs, WEBFILTER_WARM_MAX of
 * them and as many as there is room for. RC_IO, RC_CORRUPT: not all of them. */
MUST_USE enum rc webfilter_sets_warm(struct webfilter_sets *s);
/* --- secrets at rest ---------------------------------------------------------------------------------- */
/* A filter's key under the context "filter:<id>". */
MUST_USE enum rc webfilter_key_seal(const struct sign_vault *v, struct str id,
                                 const struct sign_key *key, struct buf *out);
/* RC_CORRUPT. Wipe *out when done. */
MUST_USE enum rc webfilter_key_open(const struct sign_vault *v, struct str id, struct str sealed,
                                 struct sign_key *out);
/* Gives the row this URL, whose credentials are sealed under "filter-url:<id>". A URL without any keeps those it has;
 * an empty user part ("https://@host/") and another URL drop them. */
MUST_USE enum rc webfilter_url_set(const struct sign_vault *v, struct arena *a, struct str url,
                                struct store_filter *row);
/* The URL that requests go to, wiped with the arena. RC_CORRUPT. */
MUST_USE enum rc webfilter_url_open(const struct sign_vault *v, struct arena *a,
                                 const struct store_filter *row, struct str *out);
/* A chain's token under "filter-chain:<app>:<event>". */
MUST_USE enum rc webfilter_token_seal(const struct sign_vault *v, int64_t app, struct str event,
                                   struct str token, struct buf *out);
MUST_USE enum rc webfilter_token_open(const struct sign_vault *v, int64_t app, struct str event,
                                   struct str sealed, struct buf *out);
void webfilter_token_make(const struct rng *rng, char out[static WEBFILTER_TOKEN_LEN + 1]);
void webfilter_token_hash(struct str token, uint8_t out[static WEBFILTER_TOKEN_HASH]);
