/* SPDX-License-Identifier: Apache-2.0
 *
 * See db/dial.h.
 */
#include "db/dial.h"

#include <libpq-fe.h>
#include <stdio.h>

#define LIMITS(each, how) \
    each("statement_timeout", "30s", how) each("lock_timeout", "5s", how) \
        each("idle_in_transaction_session_timeout", "10s", how)
#define LIMIT_SET(name, value, how) how " " name " = '" value "';"
#define LIMIT_ASKED(name, value, is_local) "set_config('" name "', '" value "', " is_local "), "
#define SETTINGS(is_local) \
    LIMITS(LIMIT_ASKED, is_local) \
    "CASE current_setting('synchronous_commit') WHEN 'off' THEN" \
    " set_config('synchronous_commit', 'on', " is_local ") END"

const char db_transaction_settings[] = "SELECT " SETTINGS("true");
const char db_reading_settings[] = LIMITS(LIMIT_SET, "SET LOCAL");

/* The file that the log is written to now begins with it, in hexadecimal digits. */
#define TIMELINE \
    "CASE WHEN pg_is_in_recovery() THEN 0" \
    " ELSE CAST(CAST('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) AS bit(32)) AS bigint) END"

void db_session_sql(int process_id, bool has_hosts, char out[static DB_SESSION_SQL])
{
    (void)snprintf(
        out, DB_SESSION_SQL,
        "SELECT is_server, current_setting('transaction_read_only') = 'off', %s, " SETTINGS(
            "NOT is_server") " FROM (SELECT pg_backend_pid() = %d AS is_server) AS answers",
        has_hosts ? TIMELINE : "0", process_id);
}

/* Its words are in the language of the server, and its code is that of any warning. */
bool db_notice_is_unconfirmed(const struct pg_result *notice)
{
    const char *function = PQresultErrorField(notice, PG_DIAG_SOURCE_FUNCTION);
    return function != NULL && strcmp(function, "SyncRepWaitForLSN") == 0;
}

const char db_unconfirmed[] =
    "somebody cancelled a commit that waited for the standby, so that nobody knows whether it lasts";

static struct str parameter_of(const PQconninfoOption *list, const char *name)
{
    for (; list->keyword != NULL; list++)
        if (strcmp(list->keyword, name) == 0)
            return list->val == NULL ? STR_NONE : str_from(list->val);
    return STR_NONE;
}

/* The next of a list with commas, which may have empty members; false: there is none any more. */
static bool next_member(struct str *rest, struct str *out)
{
    if (rest->ptr == NULL)
        return false;
    const char *comma = memchr(rest->ptr, ',', rest->len);
    size_t len = comma == NULL ? rest->len : (size_t)(comma - rest->ptr);
    *out = str_of(rest->ptr, len);
    *rest = comma == NULL ? STR_NONE : str_of(comma + 1, rest->len - len - 1);
    return true;
}

/* One port is that of all hosts. */
static size_t read_hosts(struct str hosts, struct str ports, struct db_host *out)
{
    bool is_one_port = ports.ptr != NULL && memchr(ports.ptr, ',', ports.len) == NULL;
    struct str host, port = is_one_port ? ports : STR_NONE;
    size_t count = 0;
    while (count < DB_HOSTS_MAX && next_member(&hosts, &host)) {
        if (!is_one_port && !next_member(&ports, &port))
            port = STR_NONE;
        if (host.len >= DB_HOST_TEXT || port.len >= DB_PORT_TEXT)
            return 0;
        (void)snprintf(out[count].host, DB_HOST_TEXT, "%.*s", STR_ARGS(host));
        (void)snprintf(out[count].port, DB_PORT_TEXT, "%.*s", STR_ARGS(port));
        count++;
    }
    return count > 1 ? count : 0;
}

size_t db_hosts(const char *url, struct db_host out[static DB_HOSTS_MAX])
{
    PQconninfoOption *parsed = PQconninfoParse(url, NULL);
    if (parsed == NULL)
        return 0;
    size_t count = read_hosts(parameter_of(parsed, "host"), parameter_of(parsed, "port"), out);
    PQconninfoFree(parsed);
    return count;
}

void db_dial_fill(struct db_dial *d, const char *url, const struct db_host *host,
                  bool takes_standby)
{
    const struct {
        const char *name, *value;
    } all[DB_DIAL_PARAMETERS - 1] = {
        { "application_name", "grapnel" },
        { "client_encoding", "UTF8" },
        { "connect_timeout", "2" },
        { "tcp_user_timeout", "3000" },
        { "keepalives_idle", "5" },
        { "keepalives_interval", "2" },
        { "keepalives_count", "3" },
        { "target_session_attrs", "read-write" },
        { "dbname", url },
        { takes_standby ? "target_session_attrs" : NULL, "any" },
        { host == NULL ? NULL : "host", host == NULL ? NULL : host->host },
        { host == NULL ? NULL : "port", host == NULL ? NULL : host->port },
    };
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (all[i].name == NULL)
            continue;
        d->names[count] = all[i].name;
        d->values[count++] = all[i].value;
    }
    d->names[count] = d->values[count] = NULL;
}

/* --- the primary ---------------------------------------------------------------------------------------- */

const char db_primary_is_old[] =
    "it is an old primary: another host of store.url has been promoted since, and is used";

/* What is known of the databases that were called last. */
enum { PRIMARIES_MAX = 16 };
static struct mutex primaries_lock = { PTHREAD_MUTEX_INITIALIZER };
static struct primary {
    uint64_t id;
    int64_t timeline;
    bool is_certain; /* all hosts were asked, and there was nothing to doubt since */
} primaries[PRIMARIES_MAX];
static size_t primaries_next;

/* Under the lock. */
static struct primary *primary_of(uint64_t id)
{
    for (size_t i = 0; i < PRIMARIES_MAX; i++)
        if (primaries[i].id == id)
            return &primaries[i];
    struct primary *p = &primaries[primaries_next++ % PRIMARIES_MAX];
    *p = (struct primary){ .id = id };
    return p;
}

uint64_t db_primary_id(const char *url)
{
    return str_hash(str_from(url));
}

bool db_primary_is(uint64_t id, int64_t timeline)
{
    mutex_lock(&primaries_lock);
    struct primary *p = primary_of(id);
    bool is_it = timeline == 0 || timeline >= p->timeline;
    if (timeline > p->timeline)
        p->timeline = timeline;
    mutex_unlock(&primaries_lock);
    return is_it;
}

static void set_certain(uint64_t id, bool is_certain)
{
    mutex_lock(&primaries_lock);
    primary_of(id)->is_certain = is_certain;
    mutex_unlock(&primaries_lock);
}

void db_primary_doubt(uint64_t id)
{
    set_certain(id, false);
}

static bool is_certain(uint64_t id)
{
    mutex_lock(&primaries_lock);
    bool is_so = primary_of(id)->is_certain;
    mutex_unlock(&primaries_lock);
    return is_so;
}

/* The one on the highest timeline; of several, the first. NULL: none is there. */
static const struct db_host *ask_all(const struct db_host *hosts, size_t count, db_dial_fn *dial,
                                     void *ctx)
{
    const struct db_host *best = NULL;
    int64_t highest = -1;
    for (size_t i = 0; i < count; i++) {
        int64_t timeline = 0;
        if (!dial(ctx, &hosts[i], &timeline) || timeline <= highest)
            continue;
        best = &hosts[i];
        highest = timeline;
    }
    return best;
}

bool db_dial_primary(const char *url, db_dial_fn *dial, void *ctx)
{
    struct db_host hosts[DB_HOSTS_MAX];
    int64_t timeline;
    uint64_t id = db_primary_id(url);
    size_t count = db_hosts(url, hosts);
    if (count == 0)
        return dial(ctx, NULL, &timeline);
    if (!is_certain(id)) {
        const struct db_host *best = ask_all(hosts, count, dial, ctx);
        if (best == NULL)
            return false;
        set_certain(id, true);
        return dial(ctx, best, &timeline);
    }
    for (size_t i = 0; i < count; i++)
        if (dial(ctx, &hosts[i], &timeline))
            return true;
    return false;
}

/* --- parameters ----------------------------------------------------------------------------------------- */

bool db_dial_was_standby(const char *error)
{
    return strstr(error, "session is read-only") != NULL ||
           strstr(error, "server is in hot standby mode") != NULL;
}
