/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/state_priv.h.
 */
#include "store/postgres/state_priv.h"

#include "store/key_time_priv.h"

/* ?3 text. Of the last attempt all is NULL when there was none, and of the newest row when there is none. A row with
 * number 0 is no attempt. */
#define TEXT_IN(column) "position(CAST(?3 AS BYTEA) IN " column ") > 0"
#define STATES \
    "SELECT w.state, w.due, w.attempts, w.last_at, w.retry_at, w.trigger, w.task," \
    " n.state_after, n.reason, n.next_due, n.trigger, n.task, l.number, l.started, l.ak, l.http_status," \
    " " TEXT_IN("l.response") ", " TEXT_IN("l.error") " OR " TEXT_IN( \
        "l.detail") " FROM " POSTGRES_KEYS \
                    " LEFT JOIN LATERAL (SELECT t.state, t.due, t.attempts, t.last_at, t.retry_at, t.trigger, t.task FROM waiting t" \
                    " WHERE t.endpoint = e.of AND t.msg = e.key LIMIT 1) w ON true" \
                    " LEFT JOIN LATERAL (SELECT t.state_after, t.reason, t.next_due, t.trigger, t.task FROM attempt_# t" \
                    " WHERE t.msg = e.key AND t.endpoint = e.of ORDER BY t.ak DESC LIMIT 1) n ON true" \
                    " LEFT JOIN LATERAL (SELECT t.number, t.started, t.ak, t.http_status, t.response, t.error, t.detail FROM attempt_# t" \
                    " WHERE t.msg = e.key AND t.endpoint = e.of AND t.number > 0 ORDER BY t.ak DESC LIMIT 1) l ON true" \
                    " ORDER BY e.at"

static bool state_is_pending(enum store_state state)
{
    return state == STORE_PENDING || state == STORE_SENDING;
}

static void state_read_waiting(struct db_stmt *s, struct store_delivery_row *row)
{
    row->state = (enum store_state)db_int(s, 0);
    row->due_us = db_int(s, 1);
    row->attempt_count = (int)db_int(s, 2);
    row->last_at_us = db_int(s, 3);
    row->retry_at_us = db_int(s, 4);
    row->trigger = (enum store_trigger)db_int(s, 5);
    row->task = db_int(s, 6);
}

static void state_read_newest(struct db_stmt *s, struct store_delivery_row *row)
{
    row->state = (enum store_state)db_int(s, 7);
    row->reason = (enum store_reason)db_int(s, 8);
    row->due_us = state_is_pending(row->state) ? db_int(s, 9) : 0;
    row->trigger = (enum store_trigger)db_int(s, 10);
    row->task = db_int(s, 11);
    row->attempt_count = (int)db_int(s, 12);
    row->last_at_us = db_int(s, 13);
}

static void state_read(struct db_stmt *s, const struct postgres_pair *pair,
                       struct postgres_state *out)
{
    *out = (struct postgres_state){ .row = { .endpoint = pair->endpoint } };
    if (!db_is_null(s, 0)) {
        state_read_waiting(s, &out->row);
    } else if (!db_is_null(s, 7)) {
        state_read_newest(s, &out->row);
    } else {
        out->row.state = STORE_PENDING;
        out->row.due_us = pair->first_due_us;
        out->is_untouched = true;
    }
    out->last_k = db_int(s, 14);
    out->http_status = (int)db_int(s, 15);
    out->has_text = db_int(s, 16) != 0 ? "response" : db_int(s, 17) != 0 ? "error" : NULL;
}

enum rc store_postgres_states(struct db *db, const struct postgres_segment *seg,
                              const struct postgres_pair *pairs, size_t count, struct str text,
                              struct arena *a, struct postgres_state *out)
{
    enum rc rc = RC_OK;
    size_t done = 0;
    MUST(count <= POSTGRES_STATES_MAX);
    struct postgres_key *keys = arena_array(a, count, sizeof(*keys));
    for (size_t i = 0; i < count; i++)
        keys[i] = (struct postgres_key){ pairs[i].msg, pairs[i].endpoint };
    struct db_stmt *s = store_postgres_prepare(db, seg, STATES);
    store_postgres_bind_keys(s, keys, count, a);
    if (text.len > 0)
        db_bind_blob(s, 3, text);
    while (done < count && db_step(s, &rc)) {
        state_read(s, &pairs[done], &out[done]);
        done++;
    }
    db_release(s);
    return done == count ? RC_OK : rc == RC_OK ? RC_CORRUPT : rc;
}

/* As store_stamp() has it. */
int64_t store_postgres_first_due_us(int64_t k, int64_t created_us, int64_t deliver_at_us)
{
    int64_t wait_us = deliver_at_us > created_us ? deliver_at_us - created_us : 0;
    return store_key_time_us(k) + wait_us;
}
