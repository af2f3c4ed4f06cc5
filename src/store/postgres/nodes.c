/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/nodes_priv.h.
 */
#include "store/postgres/nodes_priv.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

/* One that has not said so for that long is gone. */
#define GONE_AFTER "interval '5 s'"

static void note_nodes(struct store_postgres *s, const PGresult *r)
{
    mutex_lock(&s->beat_lock);
    s->node_count = 0;
    for (int row = 0; row < PQntuples(r) && s->node_count < COUNT_OF(s->nodes); row++) {
        struct store_node *node = &s->nodes[s->node_count++];
        *node = (struct store_node){ .seen_us = store_postgres_int(r, row, 1) };
        (void)snprintf(node->name, sizeof node->name, "%.*s",
                       STR_ARGS(store_postgres_bytes(r, row, 0)));
    }
    size_t count = s->node_count;
    mutex_unlock(&s->beat_lock);
    metrics_set(METRIC_CLUSTER_STANDBYS, (int64_t)count);
}

void store_postgres_nodes_read(struct store_postgres *s)
{
    PGresult *r;
    struct postgres_params p;
    store_postgres_params_init(&p);
    store_postgres_params_bytes(&p, DB_TYPE_TEXT, str_from(s->name));
    if (store_postgres_query(
            &s->beat_conn,
            "SELECT name, CAST(1000000 * extract(epoch FROM clock_timestamp() - seen) AS BIGINT) FROM standby"
            " WHERE name <> $1 AND seen > clock_timestamp() - " GONE_AFTER
            " ORDER BY name LIMIT 64",
            &p, &r) != RC_OK)
        return;
    note_nodes(s, r);
    PQclear(r);
}

size_t store_postgres_nodes(struct store *store, struct store_node *out, size_t max)
{
    struct store_postgres *s = store_postgres_of(store);
    size_t count = 0;
    mutex_lock(&s->beat_lock);
    if (max > 0) {
        out[count] = (struct store_node){ .is_active = true };
        (void)snprintf(out[count].name, sizeof out->name, "%s", s->name);
        (void)snprintf(out[count].address, sizeof out->address, "%s", s->announced);
        count++;
    }
    for (size_t i = 0; i < s->node_count && count < max; i++)
        out[count++] = s->nodes[i];
    mutex_unlock(&s->beat_lock);
    return count;
}

/* --- where this one is reached ------------------------------------------------------------------------ */

void store_postgres_announce(struct store *store, const char *address)
{
    struct store_postgres *s = store_postgres_of(store);
    mutex_lock(&s->beat_lock);
    (void)snprintf(s->announced, sizeof s->announced, "%s", address);
    s->beat_at_once = true;
    mutex_unlock(&s->beat_lock);
    cond_signal(&s->beat_wake);
}

/* A database, or a pooler, at a socket in the file system is on the same machine. */
static void local_host(int fd, char *out, size_t room)
{
    struct sockaddr_storage at = { 0 };
    socklen_t len = sizeof at;
    char text[INET6_ADDRSTRLEN] = "";
    const struct sockaddr_in *v4 = (const void *)&at;
    const struct sockaddr_in6 *v6 = (const void *)&at;
    bool is_known = fd >= 0 && getsockname(fd, (struct sockaddr *)&at, &len) == 0;
    if (is_known && at.ss_family == AF_INET6 &&
        inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text) != NULL)
        (void)snprintf(out, room, "[%s]", text);
    else if (is_known && at.ss_family == AF_INET &&
             inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text) != NULL)
        (void)snprintf(out, room, "%s", text);
    else
        (void)snprintf(out, room, "127.0.0.1");
}

/* A pooler on this machine hides the way to the database, which sees where that comes from. */
static void host_behind_pooler(struct postgres_conn *c, char *out, size_t room)
{
    PGresult *r;
    if (store_postgres_query(
            c,
            "SELECT CASE family(inet_client_addr()) WHEN 6 THEN '[' || host(inet_client_addr()) || ']'"
            " ELSE host(inet_client_addr()) END",
            NULL, &r) != RC_OK)
        return;
    struct str host = store_postgres_bytes(r, 0, 0);
    if (host.len > 0)
        (void)snprintf(out, room, "%.*s", STR_ARGS(host));
    PQclear(r);
}

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "[::1]") == 0;
}

/* The database may take its time: so this is not done under the lock. */
void store_postgres_announced(struct store_postgres *s, char out[static STORE_NODE_TEXT])
{
    char host[INET6_ADDRSTRLEN + 2], port[STORE_NODE_TEXT];
    mutex_lock(&s->beat_lock);
    memcpy(out, s->announced, STORE_NODE_TEXT);
    mutex_unlock(&s->beat_lock);
    if (out[0] != ':')
        return;
    memcpy(port, out, sizeof port);
    local_host(PQsocket(s->beat_conn.pg), host, sizeof host);
    if (s->beat_conn.is_pooled && is_loopback(host))
        host_behind_pooler(&s->beat_conn, host, sizeof host);
    (void)snprintf(out, STORE_NODE_TEXT, "%s%.8s", host, port);
    mutex_lock(&s->beat_lock);
    if (strcmp(s->announced, port) == 0)
        memcpy(s->announced, out, sizeof s->announced);
    mutex_unlock(&s->beat_lock);
}
