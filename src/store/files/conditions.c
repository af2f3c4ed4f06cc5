/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/files/conditions_priv.h.
 */
#include "store/files/conditions_priv.h"

enum rc store_load_message(struct db *db, const struct id *id, int64_t now_us,
                           struct store_message **out)
{
    struct db_stmt *s = db_prepare(
        db, "SELECT " MESSAGE_COLUMNS("", "payload") " FROM message WHERE k = ? AND tail = ?");
    db_bind_int(s, 1, id_key(id));
    db_bind_blob(s, 2, store_id_tail(id));
    return store_take_message(s, now_us, out);
}

void store_bind_filter(struct db_stmt *s, struct arena *a, const struct str *event_types,
                       size_t count, struct str channel, struct str tag)
{
    if (count > 0)
        db_bind_text(s, 5, arena_json_list(a, event_types, count));
    if (channel.len > 0)
        db_bind_text(s, 6, channel);
    if (tag.len > 0)
        db_bind_text(s, 7, tag);
}
