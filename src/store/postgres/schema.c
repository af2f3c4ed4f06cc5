/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of what flows. They are written once and hardly ever changed: no triggers, no foreign keys, no functions.
 * Texts are COLLATE "C", because ids and names are paged through in the order of bytes. What a client or a receiver sizes and
 * may hold a NUL or bytes that are not UTF-8 is bytea: PostgreSQL's text refuses both.
 *
 * An index on (k >> 44) begins with a stretch of 68 minutes: what is written now goes to a few of its pages, however many
 * applications or endpoints there are.
 */
#include "store/postgres/schema_priv.h"

#include "store/postgres/shown_priv.h"

#include <stdio.h>

enum { TRIES = 30 };

/* The rows whose time to be shown is far from the one in their key: there are none unless a clock was set. */
#define SHOWN_INDEX(table, key, time) \
    "CREATE INDEX " table "_shown ON " table \
    "(" POSTGRES_OFF(key, time) ") WHERE " POSTGRES_IS_OFF(key, time) ";"
#define MESSAGE_SHOWN SHOWN_INDEX("message", "k", "created")
#define ATTEMPT_SHOWN SHOWN_INDEX("attempt", "ak", "started")
#define REQUEST_SHOWN SHOWN_INDEX("request", "k", "at")
#define FILTER_RUN_SHOWN SHOWN_INDEX("filter_run", "k", "started")

/* Marks of versions. One that only adds (a table, a column that may be NULL) leaves reads_from as it is: programs of the
 * version before go on beside it. */
struct schema_step {
    int version, reads_from;
    const char *sql[3]; /* one transaction */
};

static const struct schema_step steps[] = {
    { 1,
      1,
      { /* Changes only when a slot is taken over: every group reads it, so nothing that is written often is in it. */
        "CREATE TABLE node_fence(slot smallint PRIMARY KEY, epoch bigint NOT NULL);"
        /* One update a second for each node. */
        "CREATE TABLE node_beat(slot smallint PRIMARY KEY, name text NOT NULL, address text NOT NULL,"
        " version int NOT NULL, state smallint NOT NULL, lease_until timestamptz NOT NULL, floor_k bigint NOT NULL,"
        " cursor_k bigint NOT NULL, last_k bigint NOT NULL, config_version bigint NOT NULL)"
        " WITH (fillfactor=10, autovacuum_vacuum_threshold=200, autovacuum_vacuum_scale_factor=0);"
        "CREATE TABLE shard(id smallint PRIMARY KEY, owner smallint NOT NULL, epoch bigint NOT NULL) WITH (fillfactor=50);"
        /* bucket_since: store time. */
        "CREATE TABLE cluster(one boolean PRIMARY KEY DEFAULT true CHECK (one), id uuid NOT NULL,"
        " key_bucket int NOT NULL, bucket_since bigint NOT NULL, config_version bigint NOT NULL,"
        " schema_version int NOT NULL, reads_from int NOT NULL);"
        /* state 1: in use; 2: its tables are being removed. Never a DEFAULT partition: detaching concurrently would be refused. */
        "CREATE TABLE segment(n int PRIMARY KEY, first_k bigint NOT NULL, end_k bigint NOT NULL, state smallint NOT NULL);"

        /* From `source` on: the request it came in, if that is kept here and not in a row of its own. */
        "CREATE TABLE message(k bigint NOT NULL, app bigint NOT NULL, org bigint NOT NULL, created bigint NOT NULL,"
        " deliver_at bigint NOT NULL, expires bigint NOT NULL, shard smallint NOT NULL, tail bytea NOT NULL,"
        " event_type text COLLATE \"C\" NOT NULL, event_id bytea, channels text COLLATE \"C\", tags text COLLATE \"C\","
        " content_type bytea, headers bytea, endpoints bytea NOT NULL, payload bytea,"
        " source bigint, received bigint, status int, method bytea, url bytea, peer bytea, request_headers bytea,"
        " body_bytes bigint, request_type bytea, dedupe_id bytea, PRIMARY KEY(k)) PARTITION BY RANGE(k);"
        "ALTER TABLE message ALTER payload SET STORAGE EXTERNAL;"
        "CREATE INDEX message_app ON message((k >> 44), app, k);"
        "CREATE INDEX message_source ON message((k >> 44), source, k) WHERE source IS NOT NULL;"
        "CREATE INDEX message_event_id ON message(app, event_id) WHERE event_id IS NOT NULL;"
        "CREATE INDEX message_expires ON message(expires) WHERE expires > 0 AND payload IS NOT NULL;" MESSAGE_SHOWN,

        "CREATE TABLE attempt(msg bigint NOT NULL, endpoint bigint NOT NULL, ak bigint NOT NULL, started bigint NOT NULL,"
        " next_due bigint NOT NULL, took bigint NOT NULL, task bigint NOT NULL, http_status int NOT NULL,"
        " number int NOT NULL, state_after smallint NOT NULL, reason smallint NOT NULL, trigger smallint NOT NULL,"
        " success boolean NOT NULL, tail bytea NOT NULL, error bytea, detail bytea, url bytea, response bytea,"
        " response_headers bytea, request_headers bytea, PRIMARY KEY(msg, endpoint, ak)) PARTITION BY RANGE(msg);"
        "CREATE INDEX attempt_endpoint ON attempt((ak >> 44), endpoint, ak);" ATTEMPT_SHOWN

        /* Pending deliveries that are more than a moment old. `tail` is the rest of the message's id; `tip` the greatest ak that
       * the delivery has in `attempt`, 0: none. */
        "CREATE TABLE waiting(shard smallint NOT NULL, state smallint NOT NULL, trigger smallint NOT NULL,"
        " attempts int NOT NULL, ahead int NOT NULL, endpoint bigint NOT NULL, msg bigint NOT NULL, app bigint NOT NULL,"
        " due bigint NOT NULL, retry_at bigint NOT NULL, asked bigint NOT NULL, task bigint NOT NULL, tip bigint NOT NULL DEFAULT 0,"
        " last_at bigint NOT NULL, tail bytea NOT NULL, PRIMARY KEY(endpoint, msg))"
        " WITH (fillfactor=80, autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_cost_delay=0);"
        "CREATE INDEX waiting_due ON waiting(endpoint, due, msg);"

        "CREATE TABLE request(k bigint NOT NULL, source bigint NOT NULL, app bigint NOT NULL, at bigint NOT NULL,"
        " body_bytes bigint NOT NULL, status int NOT NULL, outcome smallint NOT NULL, has_message boolean NOT NULL,"
        " tail bytea NOT NULL, reason bytea, method bytea, url bytea, peer bytea, headers bytea, body bytea,"
        " event_type bytea, dedupe_id bytea, original bytea, items text COLLATE \"C\", PRIMARY KEY(k)) PARTITION BY RANGE(k);"
        "CREATE INDEX request_source ON request((k >> 44), source, k);"
        "CREATE INDEX request_bounded ON request(source, k) WHERE NOT has_message;" REQUEST_SHOWN

        /* has_data 0: none; 1: all of it; 2: some was taken out. */
        "CREATE TABLE filter_run(k bigint NOT NULL, app bigint NOT NULL, started bigint NOT NULL, took bigint NOT NULL,"
        " halted boolean NOT NULL, has_data smallint NOT NULL, tail bytea NOT NULL, event bytea NOT NULL,"
        " filters bytea NOT NULL, summary bytea NOT NULL, detail bytea, PRIMARY KEY(k)) PARTITION BY RANGE(k);"
        "CREATE INDEX filter_run_app ON filter_run((k >> 44), app, k);" FILTER_RUN_SHOWN

        "CREATE TABLE remembered_0(key uuid PRIMARY KEY, k bigint NOT NULL, body_hash uuid NOT NULL);"
        "CREATE TABLE remembered_1(key uuid PRIMARY KEY, k bigint NOT NULL, body_hash uuid NOT NULL);"
        "CREATE TABLE config_change(version bigint PRIMARY KEY, app bigint NOT NULL,"
        " at timestamptz NOT NULL DEFAULT clock_timestamp());"
        "INSERT INTO cluster(id, key_bucket, bucket_since, config_version, schema_version, reads_from)"
        " VALUES(gen_random_uuid(), 1, 0, 0, 0, 0);" } },
    { 2,
      1,
      { /* Nodes that stand by. An older program leaves it alone. */
        "CREATE TABLE standby(name text COLLATE \"C\" PRIMARY KEY, version int NOT NULL, seen timestamptz NOT NULL);" } },
};

static enum rc schema_refuse(struct postgres_conn *c, struct buf *why)
{
    buf_say(why, "cannot make the tables: %s", c->words);
    return c->rc;
}

/* 0: there are no tables yet. */
static enum rc read_versions(struct postgres_conn *c, int *version, int *reads_from)
{
    PGresult *r;
    *version = *reads_from = 0;
    enum rc rc = store_postgres_query(
        c, "SELECT 1 FROM pg_class WHERE oid = to_regclass('cluster')", NULL, &r);
    if (rc != RC_OK)
        return rc;
    bool is_there = PQntuples(r) > 0;
    PQclear(r);
    if (!is_there)
        return RC_OK;
    rc = store_postgres_query(c, "SELECT schema_version, reads_from FROM cluster", NULL, &r);
    if (rc != RC_OK)
        return rc;
    if (PQntuples(r) > 0) {
        *version = (int)store_postgres_int(r, 0, 0);
        *reads_from = (int)store_postgres_int(r, 0, 1);
    }
    PQclear(r);
    return RC_OK;
}

static enum rc run_step(struct postgres_conn *c, const struct schema_step *step)
{
    char done[160];
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < COUNT_OF(step->sql) && step->sql[i] != NULL; i++)
        rc = store_postgres_exec(c, step->sql[i]);
    (void)snprintf(done, sizeof done, "UPDATE cluster SET schema_version = %d, reads_from = %d",
                   step->version, step->reads_from);
    return rc == RC_OK ? store_postgres_exec(c, done) : rc;
}

/* One transaction: there is all of it or nothing. Another node may have made it while the lock was waited for. */
static enum rc make_step(struct postgres_conn *c, const struct schema_step *step)
{
    char lock[96];
    int version, reads_from;
    (void)snprintf(lock, sizeof lock, "BEGIN; SELECT pg_advisory_xact_lock(%d, 0)",
                   (int)POSTGRES_LOCK_SCHEMA);
    enum rc rc = store_postgres_exec(c, lock);
    if (rc == RC_OK)
        rc = read_versions(c, &version, &reads_from);
    if (rc == RC_OK && version < step->version)
        rc = run_step(c, step);
    if (rc == RC_OK)
        return store_postgres_exec(c, "COMMIT");
    struct postgres_conn was = *c;
    enum rc undone = c->pg == NULL ? RC_OK : store_postgres_exec(c, "ROLLBACK");
    (void)undone; /* it goes with the connection */
    memcpy(c->words, was.words, sizeof c->words);
    c->rc = was.rc;
    return rc;
}

static enum rc make_patiently(struct postgres_conn *c, const struct schema_step *step)
{
    enum rc rc = RC_BUSY;
    for (int i = 0; rc == RC_BUSY && i < TRIES; i++)
        rc = make_step(c, step);
    return rc;
}

enum rc store_postgres_schema_make(struct postgres_conn *c, struct buf *why)
{
    int version, reads_from;
    if (read_versions(c, &version, &reads_from) != RC_OK)
        return schema_refuse(c, why);
    if (reads_from > POSTGRES_SCHEMA_VERSION) {
        buf_say(
            why,
            "the tables were made by a newer program, which needs version %d of them; this one knows %d: upgrade it",
            reads_from, (int)POSTGRES_SCHEMA_VERSION);
        return RC_CORRUPT;
    }
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        if (steps[i].version > version && make_patiently(c, &steps[i]) != RC_OK)
            return schema_refuse(c, why);
    }
    return RC_OK;
}
