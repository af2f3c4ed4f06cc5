/* SPDX-License-Identifier: Apache-2.0
 *
 * The filters of lists of messages and attempts, as SQLite compares them; and one message, loaded whole.
 */
#pragma once

#include "store/rows_priv.h"

/* Conditions for the filter parameters ?5 event types, ?6 channel, ?7 tag, ?8 after, ?9 before. */
#define MESSAGE_FILTER(m) \
    " AND (?5 IS NULL OR " m "event_type IN (SELECT value FROM json_each(?5)))" \
    " AND (?6 IS NULL OR EXISTS (SELECT 1 FROM json_each(" m "channels) WHERE value = ?6))" \
    " AND (?7 IS NULL OR EXISTS (SELECT 1 FROM json_each(" m "tags) WHERE value = ?7))"
void store_bind_filter(struct db_stmt *s, struct arena *a, const struct str *event_types,
                       size_t count, struct str channel, struct str tag);
/* Loads the message, counted. */
MUST_USE enum rc store_load_message(struct db *db, const struct id *id, int64_t now_us,
                                    struct store_message **out);
