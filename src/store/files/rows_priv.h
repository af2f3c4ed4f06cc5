/* SPDX-License-Identifier: Apache-2.0
 *
 * The columns of messages, and what is packed into one column.
 */
#pragma once

#include "store/files/files_priv.h"

/* `payload` is an expression: "payload", or "NULL" to leave it out. */
#define MESSAGE_COLUMNS(m, payload) \
    m "k, " m "tail, " m "app, " m "org, " m "created, " m "deliver_at, " m "expires, " m \
      "event_type, " m "event_id, " m "channels, " m "tags, " m "content_type, " m \
      "headers, " payload
enum { MESSAGE_COLUMN_COUNT = 14 };
/* Conditions for the filter parameters ?5 event types, ?6 channel, ?7 tag, ?8 after, ?9 before. */
#define MESSAGE_FILTER(m) \
    " AND (?5 IS NULL OR " m "event_type IN (SELECT value FROM json_each(?5)))" \
    " AND (?6 IS NULL OR EXISTS (SELECT 1 FROM json_each(" m "channels) WHERE value = ?6))" \
    " AND (?7 IS NULL OR EXISTS (SELECT 1 FROM json_each(" m "tags) WHERE value = ?7))"
void store_read_message(struct db_stmt *s, int column, int64_t now_us, struct arena *a,
                        struct store_message *out);
void store_bind_filter(struct db_stmt *s, struct arena *a, const struct str *event_types,
                       size_t count, struct str channel, struct str tag);
struct id store_id_of(int64_t k, struct str tail);
struct str store_id_tail(const struct id *id); /* borrowed */
/* Loads the message, counted. */
MUST_USE enum rc store_load_message(struct db *db, const struct id *id, int64_t now_us,
                                    struct store_message **out);
/* Numbers as bytes of 7 bits, low first. */
struct str store_endpoints_pack(const int64_t *numbers, size_t count, struct buf *out);
bool store_endpoints_next(struct str *packed, int64_t *number);
