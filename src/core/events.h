/* SPDX-License-Identifier: Apache-2.0
 *
 * Operational webhooks: what happens to an organisation's endpoints and deliveries, told to it as
 * webhooks. They are messages like any other: each organisation that has operational endpoints owns
 * an internal application (its uid is the organisation's id, in an organisation of our own), so they are
 * signed, retried, listed and bounded by the same engine. Organisations without one cost a lookup in memory.
 */
#pragma once

#include "core/publish.h"
#include "json/json.h"

struct core_events;

struct core_events_options {
    struct store *store;
    struct core_directory *directory;
    struct core_publisher *publisher;
    struct work_pool *pool;
    const struct clock *clock;
};
struct core_events *core_events_new(const struct core_events_options *o);
void core_events_free(struct core_events *e); /* NULL is fine */

/* The organisation that owns the internal applications; made when first asked for. Worker. */
MUST_USE enum rc core_events_org(struct core_events *e, int64_t *num);
/* The internal application of an organisation, made if `make`. RC_NOT_FOUND. Worker. */
MUST_USE enum rc core_events_app(struct core_events *e, int64_t org, bool make, int64_t *num);

/* Worker. Publishes {"type":type,"data":data} to the organisation's operational endpoints; takes `data` over.
 * Never fails the caller: what cannot be published is logged. */
void core_events_emit(struct core_events *e, int64_t org, const char *type, json_t *data);

/* Is that the organisation whose applications are told, as Svix has it, what happens to the organisations that their uids
 * name? Its event types are made with it. */
bool core_events_is_management(struct str org_id);
MUST_USE enum rc core_events_seed(struct store_tx *tx, int64_t org, struct id_source *ids, int64_t now_us);

/* What there is to be told (core/events.def). */
struct core_event_kind {
    const char *name;    /* "endpoint.created" */
    const char *words;   /* when it comes */
    const char *example; /* JSON text of its `data` */
};
const struct core_event_kind *core_events_kinds(size_t *count);
/* Is it the name of an operational event? */
bool core_events_known(struct str type);
/* A whole message of it, as JSON text; ptr NULL: there is no such event. */
struct str core_events_example(struct str type, struct arena *a);

/* The data of endpoint.* events. */
json_t *core_events_endpoint_data(struct str app_id, struct str app_uid, struct str endpoint_id, struct str endpoint_uid);

/* The same of a source's endpoint: for ingest.endpoint.disabled. */
json_t *core_events_source_data(struct str source_id, struct str endpoint_id, struct str endpoint_uid);

/* deliver's notice(): copies what it needs and goes on on a worker. `what`: "message.attempt.failing",
 * "message.attempt.exhausted", "message.attempt.recovered" or "endpoint.disabled"; those of a source's endpoints are
 * told as "ingest.message.attempt.failing" and so on. ctx: the core_events. */
void core_events_notice(void *ctx, const char *what, const struct store_outcome *o);
