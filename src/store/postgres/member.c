/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/member_priv.h.
 */
#include "store/postgres/member_priv.h"

#include "base/file.h"
#include "store/key_time_priv.h"
#include "store/postgres/clock_priv.h"
#include "store/postgres/confirmed_priv.h"
#include "store/postgres/health_priv.h"
#include "store/postgres/nodes_priv.h"
#include "store/postgres/schema_priv.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

enum {
    BEAT_US = 1000000,
    JOIN_TRIES = 10,
    LEFT_US = 2000000, /* the cursor stays so far behind what is written now */
    STATE_UP = 1,
    STATE_LEFT = 2,
    NODE_ID_TEXT = 16
};

/* --- the fence -------------------------------------------------------------------------------------- */

void store_postgres_fence_send(struct store_postgres *s, struct postgres_conn *c, bool with_keys)
{
    struct postgres_params p;
    store_postgres_params_init(&p);
    store_postgres_params_int(&p, s->slot);
    store_postgres_params_int(&p, s->epoch);
    store_postgres_pipe_send(c, "BEGIN ISOLATION LEVEL READ COMMITTED", NULL);
    store_postgres_pipe_send(c, with_keys ? s->lock_both : s->lock_slot, NULL);
    if (!with_keys) {
        store_postgres_pipe_send(
            c, "SELECT 1 / count(*) FROM node_fence WHERE slot = $1 AND epoch = $2", &p);
        return;
    }
    store_postgres_params_int(&p, atomic_load(&s->key_bucket));
    store_postgres_pipe_send(c,
                             "SELECT 1 / count(*) FROM node_fence f, cluster c"
                             " WHERE f.slot = $1 AND f.epoch = $2 AND c.key_bucket = $3",
                             &p);
}

void store_postgres_fence_take(struct postgres_conn *c)
{
    for (int i = 0; i < 3; i++)
        store_postgres_pipe_skip(c);
}

bool store_postgres_fence_refused(const struct postgres_conn *c)
{
    return c->rc != RC_OK && strcmp(c->state, "22012") == 0; /* division by zero */
}

static void note_fenced(struct store_postgres *s)
{
    if (atomic_exchange(&s->is_fenced, true))
        return;
    LOG(STORE_FENCED, F_INT("slot", s->slot));
}

void store_postgres_fence_look(struct store_postgres *s, struct postgres_conn *c)
{
    PGresult *r;
    struct postgres_params p;
    store_postgres_params_init(&p);
    store_postgres_params_int(&p, s->slot);
    if (store_postgres_query(
            c, "SELECT f.epoch, c.key_bucket FROM node_fence f, cluster c WHERE f.slot = $1", &p,
            &r) != RC_OK)
        return;
    if (PQntuples(r) == 0 || store_postgres_int(r, 0, 0) != s->epoch)
        note_fenced(s);
    else
        atomic_store(&s->key_bucket, (int)store_postgres_int(r, 0, 1));
    PQclear(r);
}

/* --- joining ---------------------------------------------------------------------------------------- */

/* May the slot be taken from whoever has it? Its own predecessor in this node's folder is dead: the folder's lock tells. A node
 * whose lease is over may only have been cut off together with the database: it keeps its place until whoever wants it has
 * seen the database without a gap for a whole lease. */
static bool is_free(const struct store_postgres *s, const PGresult *r, struct buf *why)
{
    int64_t left_ms = store_postgres_int(r, 0, 2);
    struct str name = store_postgres_bytes(r, 0, 1);
    if (store_postgres_int(r, 0, 5) == STATE_LEFT || str_eq(name, str_from(s->name)))
        return true;
    if (left_ms > 0)
        buf_say(
            why,
            "another node has this database: %.*s; its lease ends in %lld ms unless it is renewed",
            STR_ARGS(name), (long long)left_ms);
    else if (s->base.o.seen_us < POSTGRES_LEASE_US)
        buf_say(
            why,
            "another node had this database: %.*s; its lease is over, and it is waited for %d s "
            "whether it comes back",
            STR_ARGS(name), POSTGRES_LEASE_US / 1000000);
    return left_ms <= 0 && s->base.o.seen_us >= POSTGRES_LEASE_US;
}

/* RC_CONFLICT: a node lives, or may. Else *slot is the one to take: the first that there is, or a new one. */
static enum rc find_slot(struct store_postgres *s, int *slot, struct postgres_left *left,
                         struct buf *why)
{
    PGresult *r;
    enum rc rc = store_postgres_query(
        &s->beat_conn,
        "SELECT slot, name, CAST(ceil(1000 * extract(epoch FROM lease_until - clock_timestamp())) AS BIGINT),"
        " cursor_k, last_k, state FROM node_beat ORDER BY lease_until > clock_timestamp() DESC, slot LIMIT 1",
        NULL, &r);
    if (rc != RC_OK)
        return rc;
    *slot = 1 + s->base.o.cell % STORE_CELLS_APART; /* else two cells would make the same keys */
    *left = (struct postgres_left){ 0 };
    if (PQntuples(r) > 0) {
        *slot = (int)store_postgres_int(r, 0, 0);
        *left = (struct postgres_left){ store_postgres_int(r, 0, 3), store_postgres_int(r, 0, 4) };
        rc = is_free(s, r, why) ? RC_OK : RC_CONFLICT;
    }
    PQclear(r);
    return rc;
}

/* Whoever holds the slot's lock is a group of a node whose lease is over: it hangs, and its connection goes. */
static void end_holders(struct store_postgres *s, int slot)
{
    char sql[400];
    (void)snprintf(
        sql, sizeof sql,
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = %d"
        " AND objid = %d AND objsubid = 2 AND pid <> pg_backend_pid() AND database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())",
        (int)POSTGRES_LOCK_SLOT, slot);
    enum rc rc = store_postgres_exec(&s->beat_conn, sql);
    (void)rc; /* the lock is tried again, and tells */
}

static enum rc take_slot(struct store_postgres *s, int slot, const struct postgres_left *left)
{
    char lock[96];
    PGresult *r;
    struct postgres_params p;
    (void)snprintf(lock, sizeof lock,
                   "SET LOCAL lock_timeout = '500ms'; SELECT pg_advisory_xact_lock(%d, %d)",
                   (int)POSTGRES_LOCK_SLOT, slot);
    enum rc rc = store_postgres_exec(&s->beat_conn, lock);
    if (rc != RC_OK)
        return rc;
    store_postgres_params_init(&p);
    store_postgres_params_int(&p, slot);
    rc = store_postgres_query(
        &s->beat_conn,
        "INSERT INTO node_fence(slot, epoch) VALUES($1, 1)"
        " ON CONFLICT (slot) DO UPDATE SET epoch = node_fence.epoch + 1 RETURNING epoch",
        &p, &r);
    if (rc != RC_OK)
        return rc;
    s->epoch = store_postgres_int(r, 0, 0);
    PQclear(r);
    store_postgres_params_int(&p, left->cursor_k);
    store_postgres_params_int(&p, left->last_k);
    store_postgres_params_bytes(&p, DB_TYPE_TEXT, str_from(s->name));
    store_postgres_params_int(&p, POSTGRES_SCHEMA_VERSION);
    rc = store_postgres_query(
        &s->beat_conn,
        "INSERT INTO node_beat(slot, name, address, version, state, lease_until, floor_k, cursor_k, last_k, config_version)"
        " VALUES($1, $4, '', $5, 1, clock_timestamp() + interval '5 s', $2, $2, $3, 0)"
        " ON CONFLICT (slot) DO UPDATE SET name = $4, address = '', version = $5, state = 1,"
        " lease_until = clock_timestamp() + interval '5 s'",
        &p, &r);
    if (rc != RC_OK)
        return rc;
    PQclear(r);
    /* Of machines that are no more: where they come and go, each has a name of its own. */
    return store_postgres_exec(
        &s->beat_conn, "DELETE FROM standby WHERE seen < clock_timestamp() - interval '1 day'");
}

static enum rc join_once(struct store_postgres *s, int *slot, struct postgres_left *left,
                         struct buf *why)
{
    char lock[96];
    (void)snprintf(lock, sizeof lock, "BEGIN; SELECT pg_advisory_xact_lock(%d, 0)",
                   (int)POSTGRES_LOCK_MEMBERS);
    enum rc rc = store_postgres_exec(&s->beat_conn, lock);
    if (rc == RC_OK)
        rc = find_slot(s, slot, left, why);
    return rc == RC_OK ? take_slot(s, *slot, left) : rc;
}

static void note_slot(struct store_postgres *s, int slot, int64_t asked_us)
{
    s->slot = slot;
    (void)snprintf(s->lock_slot, sizeof s->lock_slot, "SELECT pg_advisory_xact_lock_shared(%d, %d)",
                   (int)POSTGRES_LOCK_SLOT, slot);
    (void)snprintf(
        s->lock_both, sizeof s->lock_both,
        "SELECT pg_advisory_xact_lock_shared(%d, %d), pg_advisory_xact_lock_shared(%d, 0)",
        (int)POSTGRES_LOCK_SLOT, slot, (int)POSTGRES_LOCK_SLOT);
    atomic_store(&s->lease_until_us, asked_us + POSTGRES_LEASE_US);
}

/* A node that starts again in the same folder knows its predecessor. */
void store_postgres_node_name(const struct store_options *o, char out[static STORE_NODE_TEXT])
{
    char host[64] = "", path[PATH_MAX], id[NODE_ID_TEXT + 1] = "";
    (void)gethostname(host, sizeof host - 1);
    (void)snprintf(path, sizeof path, "%s/node", o->dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool is_read = fd >= 0 && read(fd, id, NODE_ID_TEXT) == NODE_ID_TEXT;
    if (fd >= 0)
        (void)close(fd); /* only read */
    if (!is_read) {
        (void)snprintf(id, sizeof id, "%016llx", (unsigned long long)rng_u64(o->rng));
        struct str text = str_of(id, NODE_ID_TEXT);
        enum rc rc = file_replace(path, &text, 1, o->no_sync);
        (void)rc; /* without it, the next start here waits for this one's lease */
    }
    (void)snprintf(out, STORE_NODE_TEXT, "%s, node %.*s", host, NODE_ID_TEXT, id);
}

enum rc store_postgres_member_join(struct store_postgres *s, struct postgres_left *left,
                                   struct buf *why)
{
    int slot = 0;
    size_t said = why == NULL ? 0 : why->len;
    store_postgres_node_name(&s->base.o, s->name);
    enum rc rc = RC_BUSY;
    for (int i = 0; rc == RC_BUSY && i < JOIN_TRIES; i++) {
        int64_t asked_us = clock_mono_us(clock_system());
        rc = store_postgres_conn_open(&s->beat_conn);
        if (rc != RC_OK)
            break;
        rc = join_once(s, &slot, left, why);
        bool is_held = rc == RC_BUSY && s->beat_conn.rc == RC_BUSY; /* else somebody lives */
        rc = rc == RC_OK ? store_postgres_exec(&s->beat_conn, "COMMIT") : rc;
        if (rc == RC_OK) {
            note_slot(s, slot, asked_us);
            return RC_OK;
        }
        enum rc undone = store_postgres_exec(&s->beat_conn, "ROLLBACK");
        if (undone != RC_OK || !is_held)
            break;
        end_holders(s, slot);
    }
    if (why != NULL && why->len == said)
        buf_say(why, "cannot join the nodes of this database: %s", s->beat_conn.words);
    return rc;
}

/* --- the beat --------------------------------------------------------------------------------------- */

/* Ids that are not committed yet may be in the hands of submitters: the cursor stays behind them, so that few have to go
 * to `waiting` at once. `last_k` is ahead of what can be made before the lease ends. */
static void beat_params(struct store_postgres *s, struct postgres_params *p, const char *address,
                        bool is_last)
{
    int64_t now_us = store_time_us(&s->base.time);
    int64_t last_k = id_source_last(s->base.ids);
    int64_t ahead_k = store_key_at(now_us + POSTGRES_LEASE_US);
    store_postgres_params_init(p);
    store_postgres_params_int(p, s->slot);
    store_postgres_params_int(p, s->epoch);
    store_postgres_params_int(
        p, store_postgres_young_cursor(&s->young, store_key_at(now_us - LEFT_US)));
    store_postgres_params_int(p, is_last || last_k > ahead_k ? last_k : ahead_k);
    store_postgres_params_int(p, is_last ? STATE_LEFT : STATE_UP);
    store_postgres_params_int(p, is_last ? 0 : POSTGRES_LEASE_US / 1000000);
    store_postgres_params_bytes(p, DB_TYPE_TEXT, str_from(address));
}

/* RC_DENIED: somebody else has the slot, or the database lacks what it had confirmed. */
static enum rc beat_once(struct store_postgres *s, bool is_last)
{
    struct postgres_params p;
    struct postgres_conn *c = &s->beat_conn;
    char address[STORE_NODE_TEXT];
    struct postgres_marks before = store_postgres_confirmed_marks(&s->confirmed);
    int64_t last_k = 0;
    bool is_ours = true;
    enum rc rc = store_postgres_confirmed_open(s, c);
    if (rc != RC_OK)
        return rc;
    store_postgres_announced(s, address);
    beat_params(s, &p, address, is_last);
    store_postgres_pipe_begin(c);
    store_postgres_pipe_send(c, "BEGIN ISOLATION LEVEL READ COMMITTED", NULL);
    store_postgres_pipe_send(c, s->lock_slot, NULL);
    store_postgres_pipe_send(
        c,
        "UPDATE node_beat SET lease_until = clock_timestamp() + $6 * interval '1 s', floor_k = $3, cursor_k = $3,"
        " last_k = greatest(last_k * CAST($5 <> 2 AS INT), $4), state = $5, address = $7"
        " WHERE slot = $1 AND EXISTS (SELECT 1 FROM node_fence WHERE slot = $1 AND epoch = $2) RETURNING last_k, " POSTGRES_NOW_US,
        &p);
    store_postgres_pipe_flush(c); /* the time is to be here before the commit is */
    store_postgres_pipe_send(c, "COMMIT", NULL);
    store_postgres_pipe_flush(c);
    store_postgres_pipe_skip(c);
    store_postgres_pipe_skip(c);
    PGresult *r = store_postgres_pipe_take(c);
    if (r != NULL && (is_ours = PQntuples(r) > 0)) {
        store_postgres_clock_note(s, store_postgres_int(r, 0, 1));
        last_k = store_postgres_int(r, 0, 0);
    }
    PQclear(r);
    rc = store_postgres_pipe_end(c);
    if (rc == RC_OK && is_ours)
        store_postgres_confirmed_beat(&s->confirmed, last_k, &before);
    return rc == RC_OK && !is_ours ? RC_DENIED : rc;
}

enum rc store_postgres_member_beat(struct store_postgres *s)
{
    int64_t asked_us = clock_mono_us(clock_system());
    enum rc rc = atomic_load(&s->is_fenced) ? RC_DENIED : beat_once(s, false);
    if (rc == RC_OK)
        atomic_store(&s->lease_until_us, asked_us + POSTGRES_LEASE_US);
    else if (rc == RC_DENIED)
        note_fenced(s);
    return rc;
}

static bool is_beat_due(const struct store_postgres *s, int64_t next_us)
{
    return s->beat_at_once || clock_mono_us(clock_system()) >= next_us;
}

static void beat_run(void *arg)
{
    struct store_postgres *s = arg;
    int64_t next_us = clock_mono_us(clock_system()) + BEAT_US;
    mutex_lock(&s->beat_lock);
    while (!s->beat_stop) {
        if (!s->beat_at_once)
            (void)cond_wait_until(&s->beat_wake, &s->beat_lock, next_us);
        if (s->beat_stop || !is_beat_due(s, next_us))
            continue;
        s->beat_at_once = false;
        mutex_unlock(&s->beat_lock);
        next_us = clock_mono_us(clock_system()) + BEAT_US;
        activity_begin("renews its lease", STR_NONE);
        enum rc rc = store_postgres_member_beat(s);
        if (rc == RC_OK) /* else the lease tells */
            store_postgres_nodes_read(s);
        activity_end();
        mutex_lock(&s->beat_lock);
    }
    mutex_unlock(&s->beat_lock);
}

bool store_postgres_beat_start(struct store_postgres *s)
{
    s->beat = thread_start("store-beat", THREAD_OTHER, beat_run, s);
    return s->beat != NULL;
}

void store_postgres_beat_stop(struct store_postgres *s)
{
    if (s->beat == NULL)
        return;
    mutex_lock(&s->beat_lock);
    s->beat_stop = true;
    mutex_unlock(&s->beat_lock);
    cond_signal(&s->beat_wake);
    thread_join(s->beat);
    s->beat = NULL;
}

void store_postgres_member_leave(struct store_postgres *s)
{
    if (s->slot == 0 || s->base.ids == NULL || atomic_load(&s->is_fenced))
        return;
    enum rc rc = beat_once(s, true);
    (void)rc; /* the lease ends by itself */
}
