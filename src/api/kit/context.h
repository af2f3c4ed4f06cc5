/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may ask, transactions, and how to answer. Every helper that returns false has already put the answer into the
 * request.
 */
#pragma once

#include "api/kit/ctx.h"
#include "api/kit/out.h"
#include "core/refusal.h"
#include "store/config.h"
#include "store/flow.h"

/* Authorizes and looks at the query's names; false: answered. */
bool api_begin(struct http_request *req, struct api_ctx *c);
/* The same check without a database, for inline handlers: RC_NOT_FOUND: not cached. RC_DENIED: answered. */
MUST_USE enum rc api_authorize_cached(struct http_request *req, struct access_identity **out);
#define API_PROOF_NEEDED "proof_needed"         /* the code of a 403: the session's proof is too old; the page asks again */
#define API_INSUFFICIENT "insufficient access" /* the code of a 403: what a token may not do */
/* Does the identity suffice for the route? false: answered. */
bool api_allowed(struct http_request *req, const struct access_identity *who);

/* A snapshot to read from, in c->tx; false: answered. */
bool api_tx_read(struct api_ctx *c);
/* The write transaction. A POST that repeats an Idempotency-Key is answered as the first time (false). */
bool api_tx_write(struct api_ctx *c);
/* Commits, with the answer remembered under the key; ends the transaction in any case. False: answered with the failure.
 * Needed only where something is to be done after the commit: api_run() commits what a handler leaves open. */
bool api_tx_commit(struct api_ctx *c);
void api_tx_end(struct api_ctx *c); /* rolls back; fine when none is open */
/* For POSTs whose effect is not a change of the configuration (a message sent, a token made): false: this
 * Idempotency-Key was answered before, and is again. Call api_remember() when the answer stands: a crash in between
 * is the one case in which a repeated request acts twice. */
bool api_first(struct api_ctx *c);
void api_remember(struct api_ctx *c);
/* Says in the answer that it is an earlier one's. */
void api_mark_replayed(struct http_request *req);

/* What an answer says when something failed. */
struct api_refusal {
    int status;
    const char *code, *words;
    const char *retry_after; /* in seconds; NULL: does not say */
};
extern const struct api_refusal api_key_reused, api_event_id_taken;
/* Of a failure: 404, 409, 400, 507, 503; 500 for the others. RC_IO is 503 where the store is in a database, which comes back, and
 * 500 where it is on a disk. */
struct api_refusal api_refusal_of(const struct api *api, enum rc rc);
void api_refuse(struct http_request *req, struct api_refusal why);
/* api_refuse() with what `rc` means. */
void api_fail(struct api_ctx *c, enum rc rc);
/* False: it was a failure, and is answered. */
bool api_ok(struct api_ctx *c, enum rc rc);

/* --- answers ----------------------------------------------------------------------------------------- */
/* A buffer, and a writer into one, that live as long as the request. */
struct buf *api_buf(struct api_ctx *c, size_t max);
void api_out_open(struct api_ctx *c, struct api_out *o);
void api_reply(struct api_ctx *c, int status, struct api_out *o);
/* {"key":...}: a secret that was asked for; wipes it here. */
void api_reply_key(struct api_ctx *c, struct sign_key *key);
void api_reply_empty(struct api_ctx *c, int status); /* 204, 202 */
/* {"data":[ ... then ],"iterator":...,"prevIterator":...,"done":...} */
void api_list_open(struct api_ctx *c, struct api_out *o);
void api_list_reply(struct api_ctx *c, struct api_out *o, const struct store_page_end *end, struct str first, struct str last);
/* A page that came back short goes on where the search was left, which is no row's place; a page of
 * api_page_from() with what is newer, also when there is nothing newer yet. */
void api_list_resume(struct api_ctx *c, const char *prefix, const struct store_page *page,
                     const struct store_page_end *end, struct str *first, struct str *last);
/* A page of rows: what it is made of, and how one is written. */
struct api_rows {
    const void *rows;
    size_t size;           /* of a row */
    size_t id_at;          /* where in a row its id is: a struct id, or with prefix NULL a struct str */
    const char *prefix;    /* of the id's text; NULL: it is text already */
    void (*write)(struct api_ctx *c, struct api_out *o, const void *row, const void *arg);
    const void *arg;
};
#define API_ROWS(list, id, prefix, write, arg) \
    &(struct api_rows){ (list), sizeof(*(list)), offsetof(__typeof__(*(list)), id), (prefix), (write), (arg) }
/* Room for the rows of a page. */
void *api_page_room(struct api_ctx *c, const struct store_page *page, size_t size);
/* Answers with a page that the store filled with `rc`, or with the failure. */
void api_reply_page(struct api_ctx *c, enum rc rc, const struct store_page *page, const struct store_page_end *end, const struct api_rows *r);
struct str api_id_text(struct api_ctx *c, const char *prefix, const struct id *id);
struct id api_new_id(struct api_ctx *c);
struct str api_new_id_text(struct api_ctx *c, const char *prefix);

/* A loop for work that belongs on one, in turn. */
struct loop *api_loop(struct api *api);

/* SHA-256 of scope, method and path, and key: what an Idempotency-Key stands for. False: the header is not there.
 * A key above 256 bytes counts by its hash as any other. */
bool api_idempotency_key(const struct http_call *call, const struct access_identity *who, uint8_t key[static 16], uint8_t body_hash[static 16]);
/* The same of its parts: the key as given, the request's path, whose token it came with (app 0: the organisation's). */
void api_key_of(struct str given, struct str path, int64_t org, int64_t app, uint8_t key[static 16]);
