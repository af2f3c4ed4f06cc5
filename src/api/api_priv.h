/* SPDX-License-Identifier: Apache-2.0
 *
 * What the API's resource files share: who asks, what for, and how to answer. A worker handler reads
 * top to bottom; every helper that returns false has already put the answer into the request.
 *
 *   struct api_ctx c;
 *   struct store_tx *tx;
 *   if (!api_begin(req, &c) || !api_read(&c, &tx)) return;
 *   struct store_application app;
 *   if (api_find_app(&c, tx, &app)) ... answer ...
 *   store_end(tx);
 */
#pragma once

#include "api/api.h"
#include "api/out.h"
#include "api/schema.h"
#include "store/application.h"
#include "store/config.h"
#include "store/endpoint.h"
#include "store/event_type.h"
#include "store/flow.h"

enum {
    API_LIMIT_DEFAULT = 50,
    API_LIMIT_MAX = 250,
    API_REPLY_MAX = 64 * 1024 * 1024, /* bytes of one answer */
    API_CAPABILITY_SHIFT = 8,
    API_ACCESS_MASK = 15
};
/* In http_route.access: an application's token needs this capability too. */
#define API_CAN(capability) ((unsigned)(capability) << API_CAPABILITY_SHIFT)

struct api_tasks;
struct api_proof;

struct api {
    struct api_options o;
    struct http_router *router;
    struct api_tasks *tasks;
    void *dialects;     /* see api_dialects() */
    atomic_size_t turn; /* of the loops */
};

struct api_ctx {
    struct api *api;
    struct http_request *req;
    struct arena *arena;
    struct core_identity *who;
    int64_t now_us;            /* wall clock at the start */
    json_t *body;              /* after api_body(): an object */
    bool operational;          /* the route is about operational webhooks: their application, not one of the path */
    bool ingest;      /* the route is about a source's endpoints: its hidden application, not one of the path */
    bool has_key;              /* an Idempotency-Key was given */
    uint8_t key[16], body_hash[16];
    struct api_proof *proof;   /* of a handshake that was passed in this request; NULL: none */
};

/* Authorizes; false: answered. */
bool api_begin(struct http_request *req, struct api_ctx *c);
/* The same check without a database, for inline handlers: RC_NOT_FOUND: not cached. RC_DENIED: answered. */
MUST_USE enum rc api_authorize_cached(struct http_request *req, struct core_identity **out);
/* Does the identity suffice for the route? false: answered. */
bool api_allowed(struct http_request *req, const struct core_identity *who);

/* A snapshot to read from; false: answered. */
bool api_read(struct api_ctx *c, struct store_tx **tx);
/* The write transaction. A POST that repeats an Idempotency-Key is answered as the first time (false). */
bool api_write(struct api_ctx *c, struct store_tx **tx);
/* Commits with the answer remembered under the key; ends the transaction in any case. False: answered with the failure. */
bool api_commit(struct api_ctx *c, struct store_tx *tx);
/* For POSTs whose effect is not a change of the configuration (a message sent, a token made): false: this
 * Idempotency-Key was answered before, and is again. Call api_remember() when the answer stands: a crash in between
 * is the one case in which a repeated request acts twice. */
bool api_first(struct api_ctx *c);
void api_remember(struct api_ctx *c);
/* Ends tx and answers with what `rc` means. */
void api_abort(struct api_ctx *c, struct store_tx *tx, enum rc rc);

/* What an answer says when something failed. */
struct api_refusal {
    int status;
    const char *code, *words;
};
extern const struct api_refusal api_key_reused, api_event_id_taken;
/* Of a failure: 404, 409, 400, 507, 503; 500 for the others. */
struct api_refusal api_refusal_of(enum rc rc);
void api_refuse(struct http_request *req, struct api_refusal why);
/* api_refuse() with what `rc` means. */
void api_fail(struct api_ctx *c, enum rc rc);
void api_not_found(struct api_ctx *c);

/* Parses and checks the body; `schema` may be NULL. An empty body counts as {} when `optional`. */
bool api_body(struct api_ctx *c, const struct api_schema *schema, bool optional);
/* A member that is there and not null, else NULL. */
const json_t *api_get(const struct api_ctx *c, const char *name);
/* The first of the two that is there (null included); for a name and its older spelling. */
const json_t *api_either(const struct api_ctx *c, const char *name, const char *older);
bool api_has(const struct api_ctx *c, const char *name);          /* there, maybe null */
struct str api_get_str(const struct api_ctx *c, const char *name); /* ptr NULL: absent or null */
int64_t api_get_int(const struct api_ctx *c, const char *name, int64_t absent);
bool api_get_bool(const struct api_ctx *c, const char *name, bool absent);
int64_t api_get_date(const struct api_ctx *c, const char *name, int64_t absent);
struct str api_get_json(const struct api_ctx *c, const char *name); /* text; ptr NULL: absent or null */
struct str api_json_str(const json_t *v);                           /* of a string value; ptr NULL otherwise */

/* The application the request is about: of the path (id or uid), or the internal one of operational
 * webhooks. Another application's token gets 404. */
bool api_find_app(struct api_ctx *c, struct store_tx *tx, struct store_application *out);
/* The endpoint named by the path's last "{endpoint_id}". */
bool api_find_endpoint(struct api_ctx *c, struct store_tx *tx, int64_t app, struct store_endpoint *out);
/* The value of the path parameter of that name; empty if the route has none. */
struct str api_param(const struct api_ctx *c, const char *name);

/* --- queries ---------------------------------------------------------------------------------------- */
/* limit, iterator, order. `prefix` of the ids that page ("" : any text). */
bool api_page(struct api_ctx *c, const char *prefix, bool descending, struct store_page *page);
bool api_query_bool(struct api_ctx *c, const char *name, bool absent);
/* RFC 3339; 0 when absent. False: answered. */
bool api_query_date(struct api_ctx *c, const char *name, int64_t *us);
/* One of min..max, `absent` when it is not there. False: answered. */
bool api_query_int(struct api_ctx *c, const char *name, int64_t min, int64_t max, int64_t absent, int64_t *out);
/* Text of those characters; empty when absent. False: answered. */
bool api_query_chars(struct api_ctx *c, const char *name, enum api_chars chars, struct str *out);
/* event_types in every spelling: a,b; repeated; event_types[]=; event_types[0]=. False: answered. */
bool api_query_types(struct api_ctx *c, const struct str **types, size_t *count);
/* channel, tag, before, after, event_types, with_content. */
bool api_message_filter(struct api_ctx *c, struct store_message_filter *f);

/* --- answers ----------------------------------------------------------------------------------------- */
/* A buffer, and a writer into one, that live as long as the request. */
struct buf *api_buf(struct api_ctx *c, size_t max);
void api_out_open(struct api_ctx *c, struct api_out *o);
void api_reply(struct api_ctx *c, int status, struct api_out *o);
void api_reply_empty(struct api_ctx *c, int status); /* 204, 202 */
void api_reply_access(struct api_ctx *c, const char *token); /* a token and a link with it */
/* {"data":[ ... then ],"iterator":...,"prevIterator":...,"done":...} */
void api_list_open(struct api_ctx *c, struct api_out *o);
void api_list_reply(struct api_ctx *c, struct api_out *o, const struct store_page_end *end, struct str first, struct str last);
/* A page that came back short goes on where the search was left, which is no row's place. */
void api_list_resume(struct api_ctx *c, const char *prefix, const struct store_page *page,
                     const struct store_page_end *end, struct str *first, struct str *last);
struct str api_id_text(struct api_ctx *c, const char *prefix, const struct id *id);
struct id api_new_id(struct api_ctx *c);
struct str api_new_id_text(struct api_ctx *c, const char *prefix);

/* A loop for work that belongs on one, in turn. */
struct loop *api_loop(struct api *api);

/* SHA-256 of scope, method and path, and key: what an Idempotency-Key stands for. False: the header is not there.
 * A key above 256 bytes counts by its hash as any other. */
bool api_idempotency_key(const struct http_call *call, const struct core_identity *who, uint8_t key[static 16], uint8_t body_hash[static 16]);

/* --- what resource files offer each other ------------------------------------------------------------- */
void api_application_write(struct api_out *o, const struct store_application *app);
/* Fills a new application from an ApplicationIn object that was checked. */
void api_application_fill(struct api_ctx *c, const json_t *in, struct store_application *app);
/* MessageIn and AppPortalAccessIn may carry an application to be made when the path's is not known: finds or makes
 * it in its own transaction. False: answered. */
bool api_application_ensure(struct api_ctx *c, const json_t *in, struct store_application *app);

void api_endpoint_write(struct api_ctx *c, struct api_out *o, const struct store_endpoint *ep);
/* The members of EndpointOut without the braces. */
void api_endpoint_write_members(struct api_ctx *c, struct api_out *o, const struct store_endpoint *ep);
/* Seals a key (its text, or a generated one when `text` is empty) as the current one. False: answered. */
bool api_endpoint_new_key(struct api_ctx *c, struct store_endpoint *ep, struct str text, const char *where);
/* Checks and seals an object of header values. False: answered. */
bool api_headers_set(struct api_ctx *c, struct store_endpoint *ep, const json_t *headers, const char *where);
const char *api_header_fault(struct str name, struct str value); /* NULL: fine */

/* The members of MessageOut without the braces. */
void api_message_write_members(struct api_out *o, const struct store_message *m, bool with_content);
/* The message named by the path's {msg_id}: id or event id. */
bool api_find_message(struct api_ctx *c, int64_t app, bool with_payload, struct store_message_row *out);
/* 0 success ... 4 canceled; canceled counts as success unless expanded. `reason`: of an end without success. */
void api_status_write(struct api_out *o, enum store_state state, enum store_reason reason,
                      bool expanded);

/* The path's application by itself, where nothing else of the configuration is needed. False: answered. */
bool api_only_app(struct api_ctx *c, struct store_application *app);

/* Tells operational endpoints, after the commit. */
void api_endpoint_event(struct api_ctx *c, const char *type, const struct store_application *app, const struct store_endpoint *ep);

/* Requeues one delivery and hands it over; blocks until it is durable. */
MUST_USE enum rc api_requeue(struct api *api, const struct id *message, int64_t app, int64_t endpoint, bool create_missing);
MUST_USE enum rc api_expunge(struct api *api, const struct id *message, int64_t app, const struct id *attempt);

/* --- route tables: each resource's, joined by routes.c -------------------------------------------------- */
struct api_route_table {
    const struct http_route *routes;
    size_t count;
};
#define API_ROUTES(name, rows) const struct api_route_table api_##name##_routes = { (rows), COUNT_OF(rows) }
extern const struct api_route_table api_application_routes, api_endpoint_routes, api_endpoint_secret_routes,
    api_endpoint_headers_routes, api_event_type_routes, api_message_routes, api_message_batch_routes, api_message_read_routes,
    api_attempt_routes, api_attempt_list_routes, api_replay_routes, api_stats_routes, api_task_routes, api_auth_routes,
    api_environment_routes, api_example_routes, api_transform_routes, api_meta_routes, api_webfilter_routes, api_webfilter_chain_routes, api_webfilter_run_routes, api_ingest_routes, api_ingest_request_routes;
