/* SPDX-License-Identifier: Apache-2.0
 *
 * What the doctor finds in the database of store.url: whether it can be had, and which of its settings break a promise.
 */
#include "server/doctor_postgres_priv.h"

#include "db/db.h"

#include <string.h>

enum {
    SLOW_US = 5000,
    CLOCK_OFF_US = 1000000,
    OPEN_LONG_S = 300,
    ROUNDS = 11,
    POOL_PATIENCE_US = 500000,
    NODE_CONNECTIONS = 20
};

static enum server_verdict with_database(const struct conf *c, struct buf *text,
                                         enum server_verdict (*look)(struct db *db,
                                                                     struct buf *text))
{
    struct db *db;
    if (db_connect(c->store_url, NULL, &db, text) != RC_OK)
        return SERVER_CHECK_FAIL;
    enum server_verdict verdict = look(db, text);
    db_close(db);
    return verdict;
}

/* One number; -1 where it cannot be had. */
static int64_t ask_number(struct db *db, const char *sql)
{
    enum rc rc;
    int64_t value = -1;
    struct db_stmt *s = db_prepare(db, sql);
    if (db_step(s, &rc))
        value = db_int(s, 0);
    db_reset(s);
    return value;
}

static bool is_setting(struct db *db, const char *name, const char *value)
{
    enum rc rc;
    struct db_stmt *s = db_prepare(db, "SELECT current_setting(?) = ?");
    db_bind_text(s, 1, str_from(name));
    db_bind_text(s, 2, str_from(value));
    bool is = db_step(s, &rc) && db_int(s, 0) != 0;
    db_reset(s);
    return is;
}

/* --- can it be had, and how far is it ----------------------------------------------------------------- */

static enum server_verdict look_at_distance(struct db *db, struct buf *text)
{
    int64_t best_us = INT64_MAX;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t start_us = clock_mono_us(clock_system());
        if (ask_number(db, "SELECT 1") != 1) {
            buf_say(text, "it does not answer: %s", db_error(db));
            return SERVER_CHECK_FAIL;
        }
        int64_t took_us = clock_mono_us(clock_system()) - start_us;
        best_us = took_us < best_us ? took_us : best_us;
    }
    int64_t version = ask_number(db, "SELECT current_setting('server_version_num')");
    buf_say(text, "PostgreSQL %d.%d, %.2f ms away", (int)(version / 10000), (int)(version % 10000),
            (double)best_us / 1000);
    if (best_us < SLOW_US)
        return SERVER_CHECK_OK;
    buf_say(text, "; every message waits for some of those: run Grapnel near its database");
    return SERVER_CHECK_WARN;
}

enum server_verdict server_doctor_database(const struct conf *c, struct buf *text)
{
    return with_database(c, text, look_at_distance);
}

/* --- is it the database itself ------------------------------------------------------------------------ */

/* How many transactions the pooler gives a session at once, up to what a node may have open. They are held no longer than it takes to
 * find out: a node that is at work waits meanwhile. */
static int count_sessions(const char *url)
{
    static const struct db_server_options impatient = { .answer_us = POOL_PATIENCE_US };
    struct db *held[NODE_CONNECTIONS] = { NULL };
    int count = 0;
    while (count < NODE_CONNECTIONS && db_connect(url, &impatient, &held[count], NULL) == RC_OK &&
           db_begin(held[count], false) == RC_OK)
        count++;
    for (int i = 0; i < NODE_CONNECTIONS; i++)
        db_close(held[i]);
    return count;
}

enum server_verdict server_doctor_database_pooler(const struct conf *c, struct buf *text)
{
    struct db *db;
    if (db_connect(c->store_url, NULL, &db, text) != RC_OK)
        return SERVER_CHECK_FAIL;
    bool is_pooled = db_is_pooled(db);
    db_close(db);
    if (!is_pooled) {
        buf_say(text, "none: connections go to the database itself");
        return SERVER_CHECK_OK;
    }
    int count = count_sessions(c->store_url);
    buf_say(text,
            "there is one: statements are not prepared, settings are made anew in each "
            "transaction, and %d transactions get a session at once",
            count);
    if (count >= NODE_CONNECTIONS)
        return SERVER_CHECK_OK;
    buf_say(text, "; a node has up to %d: raise the pool's size, or requests wait for each other",
            NODE_CONNECTIONS);
    return SERVER_CHECK_WARN;
}

/* --- may it be used ----------------------------------------------------------------------------------- */

static enum server_verdict look_at_rights(struct db *db, struct buf *text)
{
    if (ask_number(db, "SELECT has_schema_privilege(current_schema(), 'CREATE')") != 1) {
        buf_say(text, "the user may make no tables in this database: make the user its owner "
                      "(ALTER DATABASE ... OWNER TO ...)");
        return SERVER_CHECK_FAIL;
    }
    int64_t foreign = ask_number(
        db,
        "SELECT count(*) FROM pg_catalog.pg_class WHERE relnamespace = current_schema()::regnamespace"
        " AND relkind IN ('r', 'p') AND to_regclass('migration') IS NULL");
    if (foreign > 0) {
        buf_say(text,
                "there are %lld tables of something else in it: give Grapnel a database of its own",
                (long long)foreign);
        return SERVER_CHECK_FAIL;
    }
    buf_say(text, "the user owns what Grapnel needs");
    return SERVER_CHECK_OK;
}

enum server_verdict server_doctor_database_rights(const struct conf *c, struct buf *text)
{
    return with_database(c, text, look_at_rights);
}

/* --- is what is committed there after a failure --------------------------------------------------------- */

static enum server_verdict look_at_standbys(struct db *db, struct buf *text)
{
    int64_t all = ask_number(db, "SELECT count(*) FROM pg_stat_replication");
    int64_t in_step = ask_number(
        db, "SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')");
    int64_t hidden =
        ask_number(db, "SELECT count(*) FROM pg_stat_replication WHERE sync_state IS NULL");
    bool are_named = !is_setting(db, "synchronous_standby_names", "");
    if (in_step > 0) {
        buf_say(text, "commits wait for %s; %lld of %lld standbys may be waited for",
                is_setting(db, "synchronous_commit", "remote_apply") ? "a standby that shows them"
                                                                     : "a standby",
                (long long)in_step, (long long)all);
        return SERVER_CHECK_OK;
    }
    if (are_named && hidden > 0) {
        buf_say(
            text,
            "commits wait for those of %lld standbys that synchronous_standby_names names; GRANT "
            "pg_monitor to this user to see which are in step",
            (long long)all);
        return SERVER_CHECK_OK;
    }
    if (are_named) {
        buf_say(text, "synchronous_standby_names is set, and none of those is there: nothing can "
                      "be accepted until one is");
        return SERVER_CHECK_FAIL;
    }
    buf_say(text, "%lld standbys, and commits wait for none: ", (long long)all);
    buf_say(text, all > 0 ? "a fail-over can lose what was accepted just before it; set "
                            "synchronous_standby_names, with two standbys at least"
                          : "what was accepted is on one disk");
    return SERVER_CHECK_WARN;
}

static enum server_verdict look_at_durability(struct db *db, struct buf *text)
{
    static const struct {
        const char *name, *value, *remedy;
    } needed[] = {
        { "fsync", "on",
          "fsync is off: a crash of the machine can lose or damage everything; switch it on" },
        { "full_page_writes", "on",
          "full_page_writes is off: a crash can damage pages unless the file system rules that out; switch it on" },
    };
    for (size_t i = 0; i < COUNT_OF(needed); i++)
        if (!is_setting(db, needed[i].name, needed[i].value)) {
            buf_say(text, "%s", needed[i].remedy);
            return SERVER_CHECK_FAIL;
        }
    if (is_setting(db, "synchronous_commit", "local")) {
        buf_say(text, "synchronous_commit is local: commits wait for no standby; set it to on");
        return SERVER_CHECK_WARN;
    }
    return look_at_standbys(db, text);
}

enum server_verdict server_doctor_database_durability(const struct conf *c, struct buf *text)
{
    return with_database(c, text, look_at_durability);
}

/* --- time and room --------------------------------------------------------------------------------------- */

static enum server_verdict look_at_clock(struct db *db, struct buf *text)
{
    int64_t before_us = clock_wall_us(clock_system());
    int64_t theirs_us = ask_number(db, "SELECT clock_timestamp()");
    int64_t after_us = clock_wall_us(clock_system());
    int64_t off_us = theirs_us - (before_us + (after_us - before_us) / 2);
    int64_t size_us = off_us < 0 ? -off_us : off_us;
    if (size_us < CLOCK_OFF_US) {
        buf_say(text, "it agrees with this machine's");
        return SERVER_CHECK_OK;
    }
    buf_say(text, "it is %.1f s %s this machine's: let both follow a time service",
            (double)size_us / 1000000, off_us < 0 ? "behind" : "ahead of");
    return SERVER_CHECK_WARN;
}

enum server_verdict server_doctor_database_clock(const struct conf *c, struct buf *text)
{
    return with_database(c, text, look_at_clock);
}

static enum server_verdict look_at_room(struct db *db, struct buf *text)
{
    int64_t all = ask_number(db, "SELECT current_setting('max_connections')::bigint"
                                 " - current_setting('superuser_reserved_connections')::bigint");
    int64_t used = ask_number(
        db, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'");
    buf_say(text, "%lld of %lld connections are in use, and a node takes %d", (long long)used,
            (long long)all, NODE_CONNECTIONS);
    if (all - used >= NODE_CONNECTIONS)
        return SERVER_CHECK_OK;
    buf_say(text, ": raise max_connections");
    return SERVER_CHECK_WARN;
}

enum server_verdict server_doctor_database_room(const struct conf *c, struct buf *text)
{
    return with_database(c, text, look_at_room);
}

/* What somebody left open keeps dead rows everywhere. */
static enum server_verdict look_at_open(struct db *db, struct buf *text)
{
    int64_t open_s = ask_number(
        db, "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start))::bigint, 0)"
            " FROM pg_stat_activity WHERE state <> 'idle' AND pid <> pg_backend_pid()");
    int64_t slots = ask_number(
        db,
        "SELECT count(*) FROM pg_replication_slots WHERE NOT active AND restart_lsn IS NOT NULL");
    if (open_s > OPEN_LONG_S)
        buf_say(text, "a transaction has been open for %lld s: see pg_stat_activity, and end it",
                (long long)open_s);
    if (slots > 0)
        buf_say(text,
                "%s%lld replication slots that nobody reads keep the log growing: see "
                "pg_replication_slots",
                text->len > 0 ? "; " : "", (long long)slots);
    if (text->len > 0)
        return SERVER_CHECK_WARN;
    buf_say(text, "no transaction is left open, and no replication slot is abandoned");
    return SERVER_CHECK_OK;
}

enum server_verdict server_doctor_database_open(const struct conf *c, struct buf *text)
{
    return with_database(c, text, look_at_open);
}
