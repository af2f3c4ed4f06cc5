/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages as rows and as shared objects; small packings.
 */
#include "store/files/rows_priv.h"

struct id store_id_of(int64_t k, struct str tail)
{
    struct id id = { 0 };
    for (int i = 0; i < 8; i++)
        id.bytes[i] = (uint8_t)((uint64_t)k >> (56 - 8 * i));
    memcpy(id.bytes + 8, tail.ptr, tail.len < ID_BYTES - 8 ? tail.len : ID_BYTES - 8);
    return id;
}

struct str store_id_tail(const struct id *id)
{
    return str_of((const char *)id->bytes + 8, ID_BYTES - 8);
}

/* Columns as MESSAGE_COLUMNS names them. A payload past its time is not shown, also before it is erased. */
void store_read_message(struct db_stmt *s, int column, int64_t now_us, struct arena *a,
                        struct store_message *out)
{
    *out = (struct store_message){
        .id = store_id_of(db_int(s, column), db_borrow(s, column + 1)),
        .app = db_int(s, column + 2),
        .org = db_int(s, column + 3),
        .created_us = db_int(s, column + 4),
        .deliver_at_us = db_int(s, column + 5),
        .payload_expires_us = db_int(s, column + 6),
        .event_type = db_text(s, column + 7, a),
        .event_id = db_text(s, column + 8, a),
        .channels = db_text(s, column + 9, a),
        .tags = db_text(s, column + 10, a),
        .content_type = db_text(s, column + 11, a),
        .headers = db_text(s, column + 12, a),
    };
    bool is_expired = out->payload_expires_us != 0 && out->payload_expires_us <= now_us;
    if (!is_expired)
        out->payload = db_text(s, column + 13, a);
}

enum rc store_load_message(struct db *db, const struct id *id, int64_t now_us,
                           struct store_message **out)
{
    enum rc rc;
    struct arena scratch;
    struct store_message m;
    struct db_stmt *s = db_prepare(
        db, "SELECT " MESSAGE_COLUMNS("", "payload") " FROM message WHERE k = ? AND tail = ?");
    db_bind_int(s, 1, id_key(id));
    db_bind_blob(s, 2, store_id_tail(id));
    if (!db_step(s, &rc))
        return rc == RC_OK ? RC_NOT_FOUND : rc;
    arena_init(&scratch);
    store_read_message(s, 0, now_us, &scratch, &m);
    db_reset(s);
    *out = store_message_new(&m);
    arena_fini(&scratch);
    return RC_OK;
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

struct str store_endpoints_pack(const int64_t *numbers, size_t count, struct buf *out)
{
    enum rc rc = buf_reserve(out, count * 9);
    for (size_t i = 0; i < count; i++) {
        uint64_t rest = (uint64_t)numbers[i];
        for (; rest >= 0x80 && rc == RC_OK; rest >>= 7)
            rc = buf_add_char(out, (char)(rest | 0x80));
        if (rc == RC_OK)
            rc = buf_add_char(out, (char)rest);
    }
    MUST(rc == RC_OK);
    return buf_str(out);
}

bool store_endpoints_next(struct str *packed, int64_t *number)
{
    uint64_t value = 0;
    for (unsigned shift = 0; packed->len > 0 && shift < 63; shift += 7) {
        uint8_t byte = (uint8_t)*packed->ptr;
        packed->ptr++;
        packed->len--;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            *number = (int64_t)value;
            return true;
        }
    }
    return false;
}
