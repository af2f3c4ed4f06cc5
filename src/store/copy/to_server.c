/* SPDX-License-Identifier: Apache-2.0
 *
 * A segment from a file to the database: one transaction. How a delivery stands is a row of its own in a file. In the
 * database one that waits has a row in `waiting`; of one that has ended its newest attempt says so, or, where that does not, a row
 * with number 0 after it.
 */
#include "store/copy/flow_priv.h"

#include "store/copy/keys_priv.h"
#include "store/copy/segment_priv.h"
#include "store/postgres/postgres_priv.h"

#include <inttypes.h>
#include <stdio.h>

enum { TABLE_NAME = 40, SHARD_NONE = -1 };

struct transfer {
    const char *table; /* `#` stands for the segment's number */
    const char *columns, *kinds, *select;
    int shard_at, app_at; /* of the column that is made of another; SHARD_NONE: none is */
};

/* Is `a` the newest attempt of `d`, and says how it ended? */
#define ENDED \
    "d.due IS NULL AND d.state = a.state_after AND a.ak = (SELECT max(b.ak) FROM attempt b" \
    " WHERE b.msg = a.msg AND b.endpoint = a.endpoint)"

#define NEWEST(what, otherwise) \
    "coalesce((SELECT " what " FROM attempt a WHERE a.msg = d.msg AND a.endpoint = d.endpoint" \
    " ORDER BY a.ak DESC LIMIT 1), " otherwise ")"

/* A time near the row's key: of the last attempt, or of the message. */
#define STARTED "CASE WHEN d.last_at > 0 THEN d.last_at ELSE m.created END"

_Static_assert(STORE_SUCCESS == 3, "a statement has the number");

static const struct transfer transfers[] = {
    { "message_#",
      "k, app, org, created, deliver_at, expires, shard, tail, event_type, event_id, channels, tags, content_type,"
      " headers, endpoints, payload, source, received, status, method, url, peer, request_headers, body_bytes,"
      " request_type, dedupe_id",
      "llllllhbtbttbbbbllibbbblbb",
      "SELECT k, app, org, created, deliver_at, expires, app, tail, event_type, event_id, channels, tags, content_type,"
      " headers, endpoints, payload, source, received, status, method, url, peer, request_headers, body_bytes,"
      " request_type, dedupe_id FROM message ORDER BY k",
      6, 1 },
    { "attempt_#",
      "msg, endpoint, ak, started, next_due, took, task, http_status, number, state_after, reason, trigger, success,"
      " tail, error, detail, url, response, response_headers, request_headers",
      "llllllliihhhobbbbbbb",
      "SELECT a.msg, a.endpoint, a.ak, a.started, a.next_due, a.took, CASE WHEN " ENDED
      " THEN d.task ELSE 0 END,"
      " a.http_status, a.number, a.state_after, CASE WHEN " ENDED
      " THEN d.reason ELSE 0 END, a.trigger, a.success,"
      " a.tail, a.error, a.detail, a.url, a.response, a.response_headers, a.request_headers FROM attempt a"
      " LEFT JOIN message m ON m.k = a.msg"
      " LEFT JOIN delivery d ON d.stretch = m.stretch AND d.endpoint = a.endpoint AND d.msg = a.msg"
      " ORDER BY a.msg, a.endpoint, a.ak",
      SHARD_NONE, 0 },
    { "attempt_#",
      "msg, endpoint, ak, started, next_due, took, task, http_status, number, state_after, reason, trigger, success,"
      " tail",
      "llllllliihhhob",
      "SELECT d.msg, d.endpoint, " NEWEST(
          "a.ak",
          "d.msg") " + 1, " STARTED ", 0, 0, d.task, 0, 0, d.state, d.reason,"
                   " d.trigger, d.state = 3, m.tail FROM delivery d JOIN message m ON m.k = d.msg"
                   " WHERE d.due IS NULL AND d.state <> " NEWEST("a.state_after", "0"),
      SHARD_NONE, 0 },
    { "waiting",
      "shard, state, trigger, attempts, ahead, endpoint, msg, app, due, retry_at, asked, task, last_at, tip, tail",
      "hhhiilllllllllb",
      "SELECT d.app, d.state, d.trigger, d.attempts, d.ahead, d.endpoint, d.msg, d.app, d.due, d.retry_at, d.asked,"
      " d.task, d.last_at, " NEWEST("a.ak",
                                    "0") ", m.tail FROM delivery d JOIN message m ON m.k = d.msg"
                                         " WHERE d.due IS NOT NULL",
      0, 7 },
    { "request_#",
      "k, source, app, at, body_bytes, status, outcome, has_message, tail, reason, method, url, peer, headers, body,"
      " event_type, dedupe_id, original, items",
      "lllllihobbbbbbbbbbt",
      "SELECT k, source, app, at, body_bytes, status, outcome, has_message, tail, reason, method, url, peer, headers,"
      " body, event_type, dedupe_id, original, items FROM request ORDER BY k",
      SHARD_NONE, 0 },
    { "filter_run_#",
      "k, app, started, took, halted, has_data, tail, event, filters, summary, detail",
      "llllohbbbbb",
      "SELECT k, app, started, took, halted, has_data, tail, event, filters, summary, detail FROM filter_run ORDER BY k",
      SHARD_NONE, 0 },
};

struct transferring {
    const struct transfer *what;
    struct copy_sink sink;
};

static enum rc transfer_row(void *ctx, struct copy_row *row)
{
    struct transferring *t = ctx;
    if (t->what->shard_at != SHARD_NONE)
        row->at[t->what->shard_at].number =
            store_postgres_shard_of(row->at[t->what->app_at].number);
    return store_copy_sink_put(&t->sink, row);
}

static enum rc transfer_run(const struct copy_side *from, const struct copy_side *to,
                            const struct transfer *what, int64_t n)
{
    static const struct copy_segment none = { 0 };
    struct transferring t = { .what = what };
    char *table = store_copy_sql(what->table, n, &none);
    store_copy_sink_init(&t.sink, to, table, what->columns, what->kinds);
    enum rc rc = store_copy_each(from, what->select, what->kinds, transfer_row, &t);
    if (rc == RC_OK)
        rc = store_copy_sink_end(&t.sink);
    store_copy_sink_fini(&t.sink);
    xfree(table);
    return rc;
}

/* Compared with what is there now, before it is committed. */
static enum rc partitions_compare(const struct copy_side *from, const struct copy_side *to,
                                  const struct copy_segment *seg, int64_t n,
                                  struct store_copy_counts *out)
{
    struct copy_digest source, target;
    enum rc rc = store_copy_file_digest(from, &source);
    if (rc == RC_OK)
        rc = store_copy_partitions_digest(to, n, seg, &target);
    if (rc == RC_OK && !store_copy_digest_eq(&source, &target)) {
        buf_say(to->why, "%s differs from its copy (which is not kept): ", from->name);
        store_copy_digest_say(&source, &target, to->why);
        rc = RC_CORRUPT;
    }
    if (rc == RC_OK)
        store_copy_count(&source, out);
    return rc;
}

static enum rc partitions_fill(struct copy_server *to, const struct copy_side *file,
                               const struct copy_segment *seg, int64_t n,
                               struct store_copy_counts *out)
{
    struct copy_side server = store_copy_server_side(to);
    enum rc rc = store_copy_server_tables(to, n);
    for (size_t i = 0; rc == RC_OK && i < COUNT_OF(transfers); i++)
        rc = transfer_run(file, &server, &transfers[i], n);
    if (rc == RC_OK)
        rc = store_copy_server_attach(to, n, seg);
    if (rc == RC_OK)
        rc = store_copy_keys_to_server(to, file, &out->keys);
    if (rc == RC_OK)
        rc = partitions_compare(file, &server, seg, n, out);
    return rc == RC_OK ? store_copy_server_done(to, n) : rc;
}

enum rc store_copy_to_server(struct copy_folder *from, struct copy_server *to,
                             const struct copy_segment *seg, int64_t n,
                             struct store_copy_counts *out)
{
    char name[TABLE_NAME];
    struct copy_side file = { .name = name, .why = from->why };
    (void)snprintf(name, sizeof name, "segment %016" PRIx64, (uint64_t)seg->start);
    enum rc rc = store_copy_server_has(to, n);
    if (rc == RC_OK)
        rc = store_copy_folder_segment(from, seg->start, &file.file);
    if (rc != RC_OK)
        return rc;
    rc = store_copy_server_begin(to, true);
    if (rc == RC_OK)
        rc = partitions_fill(to, &file, seg, n, out);
    if (rc == RC_OK)
        rc = store_copy_server_commit(to);
    db_close(file.file);
    return rc; /* what is open of a transaction ends with the connection */
}
