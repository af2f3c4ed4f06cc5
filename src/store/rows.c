/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of what flows, read alike in every backend; small packings.
 */
#include "store/rows_priv.h"

#include <stdlib.h>

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

enum rc store_take_message(struct db_stmt *s, int64_t now_us, struct store_message **out)
{
    enum rc rc;
    struct arena scratch;
    struct store_message m;
    if (!db_step(s, &rc))
        return rc == RC_OK ? RC_NOT_FOUND : rc;
    arena_init(&scratch);
    store_read_message(s, 0, now_us, &scratch, &m);
    db_reset(s);
    *out = store_message_new(&m);
    arena_fini(&scratch);
    return RC_OK;
}

void store_read_attempt(struct db_stmt *s, struct arena *a, struct store_attempt_row *row)
{
    *row = (struct store_attempt_row){
        .id = store_id_of(db_int(s, 0), db_borrow(s, 1)),
        .message = store_id_of(db_int(s, 2), db_borrow(s, 3)),
        .endpoint = db_int(s, 4),
        .number = (int)db_int(s, 5),
        .success = db_int(s, 6) != 0,
        .state_after = (enum store_state)db_int(s, 7),
        .trigger = (enum store_trigger)db_int(s, 8),
        .http_status = (int)db_int(s, 9),
        .started_us = db_int(s, 10),
        .took_us = db_int(s, 11),
        .next_due_us = db_int(s, 12),
        .error = db_text(s, 13, a),
        .detail = db_text(s, 14, a),
        .url = db_text(s, 15, a),
        .response = db_text(s, 16, a),
        .response_headers = db_text(s, 17, a),
        .request_headers = db_text(s, 18, a),
        .reason = (enum store_reason)db_int(s, 19),
    };
}

/* --- runs of filters ------------------------------------------------------------------------------------- */

enum { HAS_DATA = 1, HAS_REDACTED_DATA = 2 }; /* in the column has_data */

int store_filter_run_data(const struct store_filter_run *r)
{
    return !r->has_data ? 0 : r->is_redacted ? HAS_REDACTED_DATA : HAS_DATA;
}

void store_read_filter_run(struct db_stmt *s, struct arena *a, struct store_filter_run *out)
{
    *out = (struct store_filter_run){
        .id = store_id_of(db_int(s, 0), db_borrow(s, 1)),
        .app = db_int(s, 2),
        .started_us = db_int(s, 3),
        .took_us = db_int(s, 4),
        .event = db_text(s, 5, a),
        .halted = db_int(s, 6) != 0,
        .has_data = db_int(s, 7) != 0,
        .is_redacted = db_int(s, 7) == HAS_REDACTED_DATA,
        .filters = db_text(s, 8, a),
        .summary = db_text(s, 9, a),
        .detail = db_text(s, 10, a),
    };
}

/* --- what is found by its id ------------------------------------------------------------------------------ */

void store_read_flowing(struct db_stmt *s, struct arena *a, struct store_flowing_row *out)
{
    out->app = db_int(s, 0);
    out->source = db_int(s, 1);
    out->at_us = db_int(s, 2);
    out->status = (int)db_int(s, 3);
    out->title = db_text(s, 4, a);
    out->event_id = db_text(s, 5, a);
    if (out->kind == STORE_FLOW_ATTEMPT)
        out->message = store_id_of(db_int(s, 6), db_borrow(s, 7));
    out->endpoint = db_int(s, 8);
}

/* --- endpoints -------------------------------------------------------------------------------------------- */

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

static int endpoints_by_number(const void *left, const void *right)
{
    const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

const int64_t *store_endpoints_list(struct str packed, struct arena *a, size_t *count)
{
    size_t all = 0, kept = 0;
    int64_t *numbers = arena_array(a, packed.len + 1, sizeof(*numbers));
    while (store_endpoints_next(&packed, &numbers[all]))
        all++;
    if (all > 1)
        qsort(numbers, all, sizeof(*numbers), endpoints_by_number);
    for (size_t i = 0; i < all; i++)
        if (kept == 0 || numbers[i] != numbers[kept - 1])
            numbers[kept++] = numbers[i];
    *count = kept;
    return numbers;
}

bool store_endpoints_has(struct str packed, int64_t number)
{
    int64_t next;
    while (store_endpoints_next(&packed, &next))
        if (next == number)
            return true;
    return false;
}
