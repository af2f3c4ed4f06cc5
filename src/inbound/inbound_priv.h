/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the files of this module.
 */
#pragma once

#include <stdatomic.h>

#include "inbound/inbound.h"
#include "metrics/metrics.h"

/* A source as receiving needs it: immutable, counted. */
struct inbound_view {
    atomic_int refs;
    int64_t num, org, app;
    struct str id;
    const struct verify_scheme *scheme; /* the book's, or `own` */
    struct verify_scheme *own;          /* owned; NULL: a preset */
    struct inbound_secrets secrets;
    struct inbound_settings settings;
    struct store_source_token tokens[STORE_SOURCE_TOKENS_MAX]; /* `sealed` is not kept */
    size_t token_count;
    bool paused;
    struct arena arena;
};
/* With one reference. RC_NOT_FOUND; RC_CORRUPT: logged. Worker. */
MUST_USE enum rc inbound_view_load(struct inbound *in, const uint8_t *hash, int64_t num,
                                   struct inbound_view **out);
struct inbound_view *inbound_view_ref(struct inbound_view *v);
void inbound_view_unref(struct inbound_view *v); /* NULL is fine */
/* Is one of its tokens with that hash valid now? */
bool inbound_view_has(const struct inbound_view *v, const uint8_t hash[static 32], int64_t now_us);
/* Are there no secrets yet, although the scheme wants one? Then only handshakes are answered. */
bool inbound_view_is_pending(const struct inbound_view *v, int64_t now_us);

/* --- cache.c ------------------------------------------------------------------------------------------ */
struct inbound_cache;
struct inbound_cache *inbound_cache_new(size_t views_max);
void inbound_cache_free(struct inbound_cache *c);
/* With a reference; NULL: not cached. Any thread, never blocks for long. */
struct inbound_view *inbound_cache_find(struct inbound_cache *c, const uint8_t hash[static 32]);
/* A view that was being read while the source changed is not put in: note, read, put. */
uint64_t inbound_cache_note(struct inbound_cache *c);
void inbound_cache_put(struct inbound_cache *c, uint64_t noted, const uint8_t hash[static 32],
                       struct inbound_view *v);
void inbound_cache_forget(struct inbound_cache *c, int64_t source);

/* --- certificate.c ------------------------------------------------------------------------------------ */
struct inbound_certificates;
struct inbound_certificates *inbound_certificates_new(const struct fetch_options *fetch);
void inbound_certificates_free(struct inbound_certificates *c);
/* A grapnel_certificate_fn; ctx is the certificates. Worker. */
bool inbound_certificate(void *ctx, struct grapnel_bytes url, char *pem, size_t cap, size_t *len);
/* Confirms a subscription whose signature was checked: a GET of Amazon's own host. Worker. */
bool inbound_confirm_subscription(struct inbound_certificates *c, struct arena *a, struct str body);

struct inbound {
    struct inbound_options o;
    struct inbound_cache *cache;
    struct inbound_certificates *certificates;
};

/* --- judge.c ------------------------------------------------------------------------------------------ */
/* What came, as the engine and the store see it. Texts are borrowed from the request. */
struct inbound_request {
    struct grapnel_request engine;
    struct grapnel_header *headers;
    struct grapnel_verdict verdict;
    int64_t at_us;
    struct str token; /* of the URL */
};
void inbound_request_fill(struct inbound *in, const struct inbound_view *v, struct arena *a,
                          const struct inbound_trial *from, struct inbound_request *out);
/* Fills r->verdict. `explain` may be NULL. On a worker when the scheme is slow or fetches. */
void inbound_judge(struct inbound *in, const struct inbound_view *v, struct inbound_request *r,
                   char *explain, size_t cap);
bool inbound_is_slow(const struct inbound_view *v);
/* The provider's type as the name of an event type, or the source's own. */
struct str inbound_event_type(const struct inbound_view *v, const struct grapnel_verdict *verdict,
                              struct arena *a);

/* --- record.c ----------------------------------------------------------------------------------------- */
/* Fills what the row says of the request itself: method, URL, headers; secrets are taken out. */
void inbound_describe(const struct inbound_view *v, const struct inbound_request *r,
                      struct str peer, struct arena *a, struct store_request *out);
/* Header lines that are delivered with the message. */
struct str inbound_forwarded(const struct inbound_view *v, const struct inbound_request *r,
                             struct arena *a);

/* --- route.c ------------------------------------------------------------------------------------------ */
/* The applications a request goes to, the source's own first, with references. */
struct inbound_plan {
    struct core_app **apps;
    const struct inbound_route **routes; /* NULL for the source's own */
    struct str *bodies;                  /* transformed; ptr NULL: as it came */
    size_t count;
    struct arena *arena;
    bool is_worker; /* may load and transform */
};
/* RC_NOT_FOUND: something is not cached, or has to be transformed: ask again on a worker. The plan's
 * references are given back with its arena. */
MUST_USE enum rc inbound_plan(struct inbound *in, const struct inbound_view *v,
                              const struct inbound_request *r, struct str event_type,
                              struct inbound_plan *plan);
bool inbound_route_takes(const struct inbound_route *route, const struct inbound_request *r,
                         struct str event_type, struct arena *a, struct str *reason);
/* The publish job of the whole; `m`: id, times and headers. */
struct core_publish *inbound_publish(struct inbound *in, const struct inbound_view *v,
                                     const struct inbound_plan *plan,
                                     const struct store_message *m);
