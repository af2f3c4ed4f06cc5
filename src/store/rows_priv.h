/* SPDX-License-Identifier: Apache-2.0
 *
 * The columns of what flows as every backend selects them, and what is packed into one column.
 */
#pragma once

#include "db/db.h"
#include "store/filter_run.h"
#include "store/find.h"

/* `payload` is an expression: "payload", or "NULL" to leave it out. */
#define MESSAGE_COLUMNS(m, payload) \
    m "k, " m "tail, " m "app, " m "org, " m "created, " m "deliver_at, " m "expires, " m \
      "event_type, " m "event_id, " m "channels, " m "tags, " m "content_type, " m \
      "headers, " payload
enum { MESSAGE_COLUMN_COUNT = 14 };
/* `now_us`: a payload past its time is not shown, also before it is erased. */
void store_read_message(struct db_stmt *s, int column, int64_t now_us, struct arena *a,
                        struct store_message *out);
struct id store_id_of(int64_t k, struct str tail);
struct str store_id_tail(const struct id *id); /* borrowed */
/* Steps a bound statement that selects MESSAGE_COLUMNS, and makes a counted message of its row. RC_NOT_FOUND: it has none. */
MUST_USE enum rc store_take_message(struct db_stmt *s, int64_t now_us, struct store_message **out);

/* Attempts are selected as `a` with their messages as `m`; one more column follows, the reason that is shown. */
#define ATTEMPT_COLUMNS \
    "a.ak, a.tail, a.msg, m.tail, a.endpoint, a.number, a.success, a.state_after, a.trigger, a.http_status, a.started," \
    " a.took, a.next_due, a.error, a.detail, a.url, a.response, a.response_headers, a.request_headers"
void store_read_attempt(struct db_stmt *s, struct arena *a, struct store_attempt_row *row);

#define FILTER_RUN_COLUMNS(detail) "k, tail, app, started, took, event, halted, has_data, filters, summary, " detail
void store_read_filter_run(struct db_stmt *s, struct arena *a, struct store_filter_run *out);
int store_filter_run_data(const struct store_filter_run *r); /* the column has_data */

/* Columns: application, source, time, status, title, event id, key and rest of the id of an attempt's message, endpoint. */
void store_read_flowing(struct db_stmt *s, struct arena *a, struct store_flowing_row *out);

/* Numbers as bytes of 7 bits, low first. */
struct str store_endpoints_pack(const int64_t *numbers, size_t count, struct buf *out);
bool store_endpoints_next(struct str *packed, int64_t *number);
/* All of them, ascending, each once, in the arena. */
const int64_t *store_endpoints_list(struct str packed, struct arena *a, size_t *count);
bool store_endpoints_has(struct str packed, int64_t number);
