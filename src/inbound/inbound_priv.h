/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the files of this module.
 */
#pragma once

#include <stdatomic.h>

#include "filter/language.h"
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
    struct grapnel_key *keys[GRAPNEL_SECRETS_MAX]; /* of secrets that are public keys; owned */
    struct inbound_settings settings;
    struct store_source_token tokens[STORE_SOURCE_TOKENS_MAX];
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

/* --- secrets.c ---------------------------------------------------------------------------------------- */
/* The token in plain text; empty if it does not open. */
struct str inbound_token_open(struct inbound *in, struct str source_id,
                              const struct store_source_token *token, struct arena *a);

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
/* The token ended: it is not looked for any more. */
void inbound_cache_drop(struct inbound_cache *c, const uint8_t hash[static 32]);

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
struct str inbound_event_type(const struct inbound_view *v, struct str type, struct arena *a);

/* --- record.c ----------------------------------------------------------------------------------------- */
/* Fills what the row says of the request itself: method, URL, headers; secrets are taken out. `forwarded`: as
 * inbound_forwarded() made it, borrowed; STR_NONE. */
void inbound_describe(const struct inbound_view *v, const struct inbound_request *r,
                      struct str peer, struct str forwarded, struct arena *a,
                      struct store_request *out);
/* Header lines that are delivered with the message. */
struct str inbound_forwarded(const struct inbound_view *v, const struct inbound_request *r,
                             struct arena *a);

/* --- events.c ----------------------------------------------------------------------------------------- */
/* What becomes a message of the source: the request, or one of several events in it. Texts are borrowed from the
 * request or live in the arena. */
struct inbound_event {
    struct id id; /* of its message, and of the first one the request's */
    struct str body, type;
    struct str event_id; /* ptr NULL: none */
    bool has_key;
    uint8_t key[16];
    struct inbound_destination *destinations; /* applications of routes; a list in order */
};
/* *split: they were parted, and *total says how many there were (one that comes twice is one). RC_INVALID,
 * RC_LIMIT: the events cannot be told apart; r->verdict.status says why. */
MUST_USE enum rc inbound_events(struct inbound *in, const struct inbound_view *v,
                                struct inbound_request *r, struct arena *a,
                                struct inbound_event **out, size_t *count, bool *split,
                                size_t *total);
/* Are its requests parted as a rule? Then it is work for a worker. */
bool inbound_parts_events(const struct inbound_view *v);

/* --- route.c ------------------------------------------------------------------------------------------ */
enum { INBOUND_MESSAGES_MAX = 10000 }; /* of one request, in all applications */

struct inbound_destination {
    struct inbound_destination *next;
    struct core_app *app;
    struct str body;    /* transformed; ptr NULL: as it came */
    struct str headers; /* lines; ptr NULL: those of the rest */
};
/* Where the events of a request go, with references. */
struct inbound_plan {
    struct core_app *own; /* the source's application */
    struct inbound_event *events;
    size_t event_count;
    size_t message_count; /* in all */
    bool is_split;
    size_t total;         /* events in the request, if it was split */
    struct str forwarded; /* header lines that go on */
    struct arena *arena;
    bool is_worker; /* may load, filter and transform */
};
/* Fills `own` and the destinations of all events. RC_NOT_FOUND: something is not cached, or has to be transformed,
 * or an endpoint has a filter: ask again on a worker. RC_LIMIT: more than INBOUND_MESSAGES_MAX. The plan's
 * references are given back with its arena. */
MUST_USE enum rc inbound_plan(struct inbound *in, const struct inbound_view *v,
                              const struct inbound_request *r, struct inbound_plan *plan);
/* What filters and transforms see of the request; body and event type are the event's. */
struct filter_input inbound_filter_input(const struct inbound_request *r, struct arena *a);
/* `input`: with the event's body and type. */
bool inbound_route_takes(const struct inbound_route *route, const struct filter_input *input,
                         struct str *reason);
/* The publish job of the whole; `m`: what all its messages have. On a worker if the plan was made on one. */
struct core_publish *inbound_publish(struct inbound *in, const struct inbound_view *v,
                                     const struct inbound_plan *plan,
                                     const struct store_message *m);
/* What the row says of its events. */
void inbound_describe_events(const struct inbound_plan *plan, struct store_request *out);
