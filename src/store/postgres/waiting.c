/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/waiting_priv.h. Sorted, because two transactions that write the same rows in another order would wait for each
 * other; each once, because an endpoint that a message names twice has one delivery.
 */
#include "store/postgres/waiting_priv.h"

#include "store/rows_priv.h"

#define INSERT_ROWS \
    "INSERT INTO waiting(shard, state, trigger, attempts, ahead, endpoint, msg, app, due, retry_at, asked, task," \
    " last_at, tip, tail) SELECT DISTINCT ON (endpoint, msg) * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11," \
    " $12, $13, $14, $15) u(shard, state, trigger, attempts, ahead, endpoint, msg, app, due, retry_at, asked, task," \
    " last_at, tip, tail) ORDER BY endpoint, msg ON CONFLICT (endpoint, msg) DO "

void store_postgres_waiting_init(struct postgres_columns *rows)
{
    static const enum db_type types[] = { DB_TYPE_INT2, DB_TYPE_INT2, DB_TYPE_INT2,  DB_TYPE_INT4,
                                          DB_TYPE_INT4, DB_TYPE_INT8, DB_TYPE_INT8,  DB_TYPE_INT8,
                                          DB_TYPE_INT8, DB_TYPE_INT8, DB_TYPE_INT8,  DB_TYPE_INT8,
                                          DB_TYPE_INT8, DB_TYPE_INT8, DB_TYPE_BYTEA, 0 };
    store_postgres_columns_init(rows, types);
}

void store_postgres_waiting_add(struct postgres_columns *rows, const struct store_stand *stand,
                                int64_t last_at_us, int64_t tip)
{
    const struct store_due *d = &stand->due;
    const int64_t numbers[] = { store_postgres_shard_of(d->app),
                                d->state,
                                d->trigger,
                                d->attempt_count,
                                d->ahead_count,
                                d->endpoint,
                                id_key(&d->message),
                                d->app,
                                d->due_us,
                                d->retry_at_us,
                                d->asked_us,
                                stand->task,
                                last_at_us,
                                tip };
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        db_array_add_int(&rows->at[i], numbers[i]);
    db_array_add_bytes(&rows->at[COUNT_OF(numbers)], store_id_tail(&d->message));
    rows->rows++;
}

static void send_rows(struct postgres_conn *c, struct postgres_columns *rows, const char *sql)
{
    struct postgres_params p;
    store_postgres_params_init(&p);
    store_postgres_columns_params(rows, &p);
    store_postgres_pipe_send(c, sql, &p);
}

void store_postgres_waiting_send(struct postgres_conn *c, struct postgres_columns *rows)
{
    send_rows(
        c, rows,
        INSERT_ROWS
        "UPDATE SET state = excluded.state, trigger = excluded.trigger, attempts = excluded.attempts,"
        " ahead = excluded.ahead, due = excluded.due, retry_at = excluded.retry_at, asked = excluded.asked,"
        " task = excluded.task, last_at = excluded.last_at, tip = excluded.tip");
}

void store_postgres_waiting_send_new(struct postgres_conn *c, struct postgres_columns *rows)
{
    send_rows(c, rows, INSERT_ROWS "NOTHING");
}
