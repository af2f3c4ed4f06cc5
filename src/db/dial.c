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

void db_session_sql(int process_id, char out[static DB_SESSION_SQL])
{
    (void)snprintf(
        out, DB_SESSION_SQL,
        "SELECT is_server, current_setting('transaction_read_only') = 'off', " SETTINGS(
            "NOT is_server") " FROM (SELECT pg_backend_pid() = %d AS is_server) AS answers",
        process_id);
}

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

bool db_dial_was_standby(const char *error)
{
    return strstr(error, "session is read-only") != NULL ||
           strstr(error, "server is in hot standby mode") != NULL;
}
