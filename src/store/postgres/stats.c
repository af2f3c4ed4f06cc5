/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/stats_priv.h. Rows are counted as they are written; what was there before is as vacuum last counted it.
 */
#include "store/postgres/stats_priv.h"

#include "store/postgres/queue_priv.h"
#include "store/postgres/segments_priv.h"

#include <stdio.h>

void store_postgres_stats(struct store *store, struct store_stats *out)
{
    struct store_postgres *s = store_postgres_of(store);
    struct postgres_segments list = store_postgres_segments_get(s);
    *out = (struct store_stats){ .segments = (int64_t)list.count };
    for (size_t i = 0; i < list.count; i++) {
        out->messages += atomic_load(&list.at[i]->messages);
        out->attempts += atomic_load(&list.at[i]->attempts);
        out->bytes += atomic_load(&list.at[i]->disk_bytes);
    }
    store_postgres_segments_free(&list);
    out->pending = atomic_load(&s->waiting) + (int64_t)store_postgres_young_count(&s->young);
    out->queued =
        store_postgres_queue_count(&s->accepts) + store_postgres_queue_count(&s->outcomes);
}

static void note_sizes(struct store_postgres *s, const PGresult *r)
{
    struct postgres_segments list = store_postgres_segments_get(s);
    for (int row = 0; row < PQntuples(r); row++) {
        for (size_t i = 0; i < list.count; i++) {
            struct postgres_segment *seg = list.at[i];
            if (seg->n != (int)store_postgres_int(r, row, 0))
                continue;
            atomic_store(&seg->disk_bytes, store_postgres_int(r, row, 1));
            if (atomic_load(&seg->messages) < store_postgres_int(r, row, 2))
                atomic_store(&seg->messages, store_postgres_int(r, row, 2));
            if (atomic_load(&seg->attempts) < store_postgres_int(r, row, 3))
                atomic_store(&seg->attempts, store_postgres_int(r, row, 3));
        }
    }
    store_postgres_segments_free(&list);
}

enum rc store_postgres_stats_read(struct store_postgres *s)
{
    PGresult *r;
    enum rc rc = store_postgres_conn_open(&s->keeper_conn);
    if (rc == RC_OK)
        rc = store_postgres_query(
            &s->keeper_conn,
            "SELECT s.n, CAST(coalesce(pg_total_relation_size(to_regclass('message_' || s.n)), 0)"
            " + coalesce(pg_total_relation_size(to_regclass('attempt_' || s.n)), 0)"
            " + coalesce(pg_total_relation_size(to_regclass('request_' || s.n)), 0)"
            " + coalesce(pg_total_relation_size(to_regclass('filter_run_' || s.n)), 0) AS BIGINT),"
            " CAST((SELECT reltuples FROM pg_class WHERE oid = to_regclass('message_' || s.n)) AS BIGINT),"
            " CAST((SELECT reltuples FROM pg_class WHERE oid = to_regclass('attempt_' || s.n)) AS BIGINT) FROM segment s WHERE s.state = 1",
            NULL, &r);
    if (rc != RC_OK)
        return rc;
    note_sizes(s, r);
    PQclear(r);
    return RC_OK;
}

/* One that vacuum has not counted yet, because it is small or new. */
static enum rc count_rows(struct store_postgres *s, struct postgres_segment *seg)
{
    char sql[160];
    PGresult *r;
    (void)snprintf(sql, sizeof sql,
                   "SELECT (SELECT count(*) FROM %s), (SELECT count(*) FROM %s WHERE number > 0)",
                   seg->message, seg->attempt);
    enum rc rc = store_postgres_query(&s->keeper_conn, sql, NULL, &r);
    if (rc != RC_OK)
        return rc;
    atomic_store(&seg->messages, store_postgres_int(r, 0, 0));
    atomic_store(&seg->attempts, store_postgres_int(r, 0, 1));
    PQclear(r);
    return RC_OK;
}

enum rc store_postgres_stats_count(struct store_postgres *s)
{
    struct postgres_segments list = store_postgres_segments_get(s);
    enum rc rc = store_postgres_stats_read(s);
    for (size_t i = 0; rc == RC_OK && i < list.count; i++)
        if (atomic_load(&list.at[i]->messages) <= 0)
            rc = count_rows(s, list.at[i]);
    store_postgres_segments_free(&list);
    return rc;
}
