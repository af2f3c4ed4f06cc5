/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/recover_priv.h. From the cursor on each message is looked at: a delivery of which there is neither an
 * attempt nor a row in `waiting` was in the memory of the one who died.
 */
#include "store/postgres/recover_priv.h"

#include "store/key_time_priv.h"
#include "store/postgres/waiting_priv.h"
#include "store/rows_priv.h"

enum { PAGE_ROWS = 2000, WRITE_ROWS = 10000 };

static enum rc recover_refuse(struct store_postgres *s, struct buf *why)
{
    buf_say(why, "cannot take over what waits to be delivered: %s", s->keeper_conn.words);
    return s->keeper_conn.rc;
}

enum rc store_postgres_recover_last(struct store_postgres *s, struct postgres_left *left,
                                    struct buf *why)
{
    PGresult *r;
    enum rc rc = store_postgres_conn_open(&s->keeper_conn);
    if (rc == RC_OK)
        rc = store_postgres_query(
            &s->keeper_conn,
            "SELECT greatest((SELECT max(k) FROM message), (SELECT max(k) FROM request),"
            " (SELECT max(k) FROM filter_run)), (SELECT count(*) FROM waiting)",
            NULL, &r);
    if (rc != RC_OK)
        return recover_refuse(s, why);
    if (store_postgres_int(r, 0, 0) > left->last_k)
        left->last_k = store_postgres_int(r, 0, 0);
    atomic_store(&s->waiting, store_postgres_int(r, 0, 1));
    PQclear(r);
    return RC_OK;
}

/* --- deliveries that are known ------------------------------------------------------------------------ */

struct known_pair {
    int64_t k, endpoint;
};

static struct str pair_text(const struct known_pair *pair)
{
    return str_of((const char *)pair, sizeof *pair);
}

static enum rc note_pairs(struct store_postgres *s, const char *sql, int64_t after_k,
                          int64_t last_k, struct map *known)
{
    PGresult *r;
    struct postgres_params p;
    store_postgres_params_init(&p);
    store_postgres_params_int(&p, after_k);
    store_postgres_params_int(&p, last_k);
    enum rc rc = store_postgres_query(&s->keeper_conn, sql, &p, &r);
    if (rc != RC_OK)
        return rc;
    for (int i = 0; i < PQntuples(r); i++) {
        const struct known_pair pair = { store_postgres_int(r, i, 0), store_postgres_int(r, i, 1) };
        (void)map_set(known, pair_text(&pair), known);
    }
    PQclear(r);
    return RC_OK;
}

/* --- pages ------------------------------------------------------------------------------------------- */

/* When its first attempts were due is in no column: as long after its id was made as it was to wait. */
static int64_t first_due_us(const PGresult *r, int row)
{
    int64_t made_us = store_key_time_us(store_postgres_int(r, row, 0));
    int64_t created_us = store_postgres_int(r, row, 3),
            deliver_at_us = store_postgres_int(r, row, 4);
    return deliver_at_us > created_us ? made_us + deliver_at_us - created_us : made_us;
}

static void recover_message(const PGresult *r, int row, const struct map *known,
                            struct postgres_columns *rows)
{
    int64_t endpoint;
    int64_t k = store_postgres_int(r, row, 0);
    struct str rest = store_postgres_bytes(r, row, 5);
    while (store_endpoints_next(&rest, &endpoint)) {
        const struct known_pair pair = { k, endpoint };
        if (map_get(known, pair_text(&pair)) != NULL)
            continue;
        const struct store_stand stand = { .due = { .message = store_id_of(
                                                        k, store_postgres_bytes(r, row, 1)),
                                                    .app = store_postgres_int(r, row, 2),
                                                    .endpoint = endpoint,
                                                    .due_us = first_due_us(r, row),
                                                    .state = STORE_PENDING } };
        store_postgres_waiting_add(rows, &stand, 0, 0);
    }
}

static enum rc write_recovered(struct store_postgres *s, struct postgres_columns *rows)
{
    struct postgres_conn *c = &s->keeper_conn;
    if (rows->rows == 0)
        return RC_OK;
    store_postgres_pipe_begin(c);
    store_postgres_fence_send(s, c, false);
    store_postgres_waiting_send_new(c, rows);
    store_postgres_pipe_send(c, "COMMIT", NULL);
    enum rc rc = store_postgres_pipe_end(c);
    if (rc == RC_OK)
        atomic_fetch_add(&s->waiting, (int64_t)rows->rows);
    return rc;
}

/* `r`: messages after after_k. */
static enum rc recover_page(struct store_postgres *s, const PGresult *r, int64_t after_k,
                            int64_t *count)
{
    struct postgres_columns rows;
    struct map *known = map_new();
    int64_t last_k = store_postgres_int(r, PQntuples(r) - 1, 0);
    enum rc rc = note_pairs(s, "SELECT msg, endpoint FROM attempt WHERE msg > $1 AND msg <= $2",
                            after_k, last_k, known);
    if (rc == RC_OK)
        rc = note_pairs(s, "SELECT msg, endpoint FROM waiting WHERE msg > $1 AND msg <= $2",
                        after_k, last_k, known);
    store_postgres_waiting_init(&rows);
    for (int i = 0; rc == RC_OK && i < PQntuples(r); i++) {
        recover_message(r, i, known, &rows);
        if (rows.rows < WRITE_ROWS && i + 1 < PQntuples(r))
            continue;
        rc = write_recovered(s, &rows);
        *count += (int64_t)rows.rows;
        store_postgres_columns_reset(&rows);
    }
    store_postgres_columns_fini(&rows);
    map_free(known);
    return rc;
}

enum rc store_postgres_recover(struct store_postgres *s, const struct postgres_left *left,
                               struct buf *why)
{
    int64_t after_k = left->cursor_k - 1, count = 0;
    int found = PAGE_ROWS;
    enum rc rc = RC_OK;
    while (rc == RC_OK && found == PAGE_ROWS) {
        PGresult *r;
        struct postgres_params p;
        store_postgres_params_init(&p);
        store_postgres_params_int(&p, after_k);
        store_postgres_params_int(&p, PAGE_ROWS);
        rc = store_postgres_query(
            &s->keeper_conn,
            "SELECT k, tail, app, created, deliver_at, endpoints FROM message WHERE k > $1"
            " ORDER BY k LIMIT $2",
            &p, &r);
        if (rc != RC_OK)
            break;
        found = PQntuples(r);
        if (found > 0) {
            rc = recover_page(s, r, after_k, &count);
            after_k = store_postgres_int(r, found - 1, 0);
        }
        PQclear(r);
    }
    if (rc != RC_OK)
        return recover_refuse(s, why);
    if (count > 0)
        LOG(STORE_RECOVERED, F_INT("deliveries", count));
    return RC_OK;
}

/* --- after the machine was off ------------------------------------------------------------------------ */

/* Retries that fall into the time that it was off are due at once. First attempts are not: whoever set a time for one
 * wants nothing earlier. */
void store_postgres_recover_due(struct store_postgres *s)
{
    enum { WORTH_US = 1000000 };
    static const char *const changes[] = {
        "UPDATE waiting SET due = $1 WHERE due > $1 AND due <= $2 AND attempts > 0 RETURNING 1",
        "UPDATE waiting SET retry_at = $1 WHERE retry_at > $1 AND retry_at <= $2 AND attempts > 0 RETURNING 1",
    };
    int64_t off_us = store_time_ahead_us(&s->base.time), now_us = store_time_us(&s->base.time),
            count = 0;
    enum rc rc = RC_OK;
    if (!s->base.time.is_new_boot || off_us < WORTH_US)
        return;
    for (size_t i = 0; rc == RC_OK && i < COUNT_OF(changes); i++) {
        PGresult *r;
        struct postgres_params p;
        store_postgres_params_init(&p);
        store_postgres_params_int(&p, now_us);
        store_postgres_params_int(&p, now_us + off_us);
        rc = store_postgres_query(&s->keeper_conn, changes[i], &p, &r);
        if (rc != RC_OK)
            break;
        count += PQntuples(r);
        PQclear(r);
    }
    if (count > 0 || rc != RC_OK)
        LOG(STORE_RETRIES_DUE, F_INT("retries", count), F_INT("off_s", off_us / 1000000),
            F_TEXT("rc", rc_name(rc)));
}
