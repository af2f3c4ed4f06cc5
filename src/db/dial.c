/* SPDX-License-Identifier: Apache-2.0
 *
 * See db/dial.h.
 */
#include "db/dial.h"

#include <libpq-fe.h>
#include <stdio.h>

const char db_session_settings[] =
    "SET statement_timeout = '30s'; SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '10s';"
    "SET client_min_messages = 'warning';"
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

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

void db_dial_fill(struct db_dial *d, const char *url, const struct db_host *host)
{
    const struct {
        const char *name, *value;
    } all[DB_DIAL_PARAMETERS] = {
        { "application_name", "grapnel" },
        { "client_encoding", "UTF8" },
        { "connect_timeout", "2" },
        { "tcp_user_timeout", "3000" },
        { "keepalives_idle", "5" },
        { "keepalives_interval", "2" },
        { "keepalives_count", "3" },
        { "target_session_attrs", "read-write" },
        { "dbname", url },
        { host == NULL ? NULL : "host", host == NULL ? NULL : host->host },
        { host == NULL ? NULL : "port", host == NULL ? NULL : host->port },
        { NULL, NULL },
    };
    for (size_t i = 0; i < DB_DIAL_PARAMETERS; i++) {
        d->names[i] = all[i].name;
        d->values[i] = all[i].value;
    }
}
