/* SPDX-License-Identifier: Apache-2.0
 *
 * What is packed into the row of a request, in its own table or its message's.
 */
#pragma once

#include "db/db.h"
#include "store/request.h"
#include "store/trouble.h"

/* `body` is an expression: what is shown as the request's body. */
#define REQUEST_COLUMNS(body) \
    "r.k, r.tail, r.source, r.app, r.at, r.outcome, r.has_message, r.status, r.reason, r.method, r.url, r.peer," \
    " r.headers, r.lines, r.body_bytes, r.event_type, r.dedupe_id, r.original, r.items, " body
void store_read_request(struct db_stmt *s, struct arena *a, struct store_request *out);

/* Adds one that a source refused: its key, the rest of its id, at, reason, status. The newest comes first. */
void store_read_refused(struct db_stmt *s, struct arena *a, struct store_refused *out);

/* The column "items" of a request with several events; `p`: what made its messages, NULL: it has none. Into *out, which
 * the caller buf_fini()s. */
struct str store_request_items(const struct store_request *r, const struct store_publish *p, struct buf *out);
/* The whole of a request's headers, in *out, which the caller buf_fini()s. */
struct str store_request_headers(struct str headers, struct str lines, struct buf *out);
/* Is p->request kept in the row of its message, and not in one of its own? */
bool store_request_is_in_message(const struct store_publish *p);
/* Is anything of it new? */
bool store_publish_is_new(const struct store_publish *p);
