/* SPDX-License-Identifier: Apache-2.0
 *
 * What a segment of each kind of store comes to, and how its deliveries stand. A delivery is a row in a file; in the
 * database it stands as its row in `waiting` says, else as its newest row in `attempt`, else nothing has become of it yet.
 */
#include "store/copy/segment_priv.h"

#include "store/flow.h"

#include <inttypes.h>

enum { SQL_MAX = 16384 };

/* Numbers of a state that waits: STORE_PENDING and STORE_SENDING. */
_Static_assert(STORE_PENDING == 1 && STORE_SENDING == 2, "statements have the numbers");
#define WAITS(state) state " IN (1, 2)"

/* What is 0 when no attempt was made. */
#define LAST(column) \
    "CASE WHEN n.number > 0 THEN n." column " ELSE coalesce((SELECT t." column \
    " FROM attempt_# t WHERE t.msg = n.msg AND t.endpoint = n.endpoint AND t.number > 0" \
    " ORDER BY t.ak DESC LIMIT 1), 0) END"

#define ALL_WAITING \
    "(SELECT msg, endpoint, app, state, due, attempts, last_at, trigger, retry_at, asked, ahead, task FROM waiting" \
    " WHERE msg >= [ AND msg < ] UNION ALL SELECT msg, endpoint, app, 1, due, 0, 0, 0, 0, 0, 0, 0 FROM unresolved" \
    " WHERE msg >= [ AND msg < ])"

#define DELIVERIES \
    "SELECT w.msg, w.endpoint, w.app, CAST(w.state AS bigint) AS state, w.due, CAST(w.attempts AS bigint) AS attempts," \
    " w.last_at, CAST(w.trigger AS bigint) AS trigger, CAST(0 AS bigint) AS reason, w.retry_at, w.asked," \
    " CAST(w.ahead AS bigint) AS ahead, w.task FROM " ALL_WAITING " w" \
    " UNION ALL SELECT n.msg, n.endpoint, m.app, n.state_after, CASE WHEN " WAITS("n.state_after") " THEN n.next_due END, " LAST( \
        "number") ", " LAST("started") ", n.trigger, n.reason, 0, 0, 0, n.task" \
                                       " FROM (SELECT DISTINCT ON (msg, endpoint) msg, endpoint, number, started, state_after, next_due, trigger, reason," \
                                       " task FROM attempt_# ORDER BY msg, endpoint, ak DESC) n JOIN message_# m ON m.k = n.msg" \
                                       " WHERE NOT EXISTS (SELECT 1 FROM " ALL_WAITING \
                                       " w WHERE w.endpoint = n.endpoint AND w.msg = n.msg)"

const char store_copy_partitions_deliveries[] = DELIVERIES;

static const struct copy_digest_sql of_file = { {
    [COPY_MESSAGES] =
        "SELECT k, tail, app, created, coalesce(length(payload), -1), endpoints FROM message",
    [COPY_DELIVERIES] =
        "SELECT msg, endpoint, state, due, CASE WHEN due IS NULL THEN coalesce((SELECT a.number FROM attempt a"
        " WHERE a.msg = d.msg AND a.endpoint = d.endpoint ORDER BY a.ak DESC LIMIT 1), 0) ELSE attempts END,"
        " CASE WHEN due IS NULL THEN reason ELSE 0 END FROM delivery d",
    [COPY_ATTEMPTS] = "SELECT msg, endpoint, ak, tail, number, state_after, started FROM attempt",
    [COPY_REQUESTS] = "SELECT k, tail, source, at FROM request",
    [COPY_RUNS] = "SELECT k, tail, app, started FROM filter_run",
} };

static const struct copy_digest_sql of_partitions = { {
    [COPY_DELIVERIES] =
        "SELECT msg, endpoint, state, due, attempts, reason FROM (" DELIVERIES ") d",
    [COPY_MESSAGES] =
        "SELECT k, tail, app, created, coalesce(octet_length(payload), -1), endpoints FROM message_#",
    [COPY_ATTEMPTS] =
        "SELECT msg, endpoint, ak, tail, number, state_after, started FROM attempt_# WHERE number > 0",
    [COPY_REQUESTS] = "SELECT k, tail, source, at FROM request_#",
    [COPY_RUNS] = "SELECT k, tail, app, started FROM filter_run_#",
} };

char *store_copy_sql(const char *text, int64_t n, const struct copy_segment *seg)
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '#')
            buf_say(&sql, "%" PRId64, n);
        else if (*at == '[' || *at == ']')
            buf_say(&sql, "%" PRId64, *at == '[' ? seg->first_k : seg->end_k);
        else
            buf_say(&sql, "%c", *at);
    }
    char *out = xstrdup(sql.ptr);
    buf_fini(&sql);
    return out;
}

enum rc store_copy_file_digest(const struct copy_side *file, struct copy_digest *out)
{
    return store_copy_digest(file, &of_file, out);
}

enum rc store_copy_partitions_digest(const struct copy_side *server, int64_t n,
                                     const struct copy_segment *seg, struct copy_digest *out)
{
    struct copy_digest_sql sql;
    char *texts[COPY_SORTS];
    for (size_t i = 0; i < COPY_SORTS; i++)
        sql.of[i] = texts[i] = store_copy_sql(of_partitions.of[i], n, seg);
    enum rc rc = store_copy_digest(server, &sql, out);
    for (size_t i = 0; i < COPY_SORTS; i++)
        xfree(texts[i]);
    return rc;
}

void store_copy_count(const struct copy_digest *d, struct store_copy_counts *out)
{
    out->segments++;
    out->messages += d->rows[COPY_MESSAGES];
    out->deliveries += d->rows[COPY_DELIVERIES];
    out->waiting += d->waiting;
    out->attempts += d->rows[COPY_ATTEMPTS];
    out->requests += d->rows[COPY_REQUESTS];
    out->filter_runs += d->rows[COPY_RUNS];
}
