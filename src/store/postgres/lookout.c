/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/lookout_priv.h. One statement a look, so that it may look often: opening the store takes several
 * connections, and says no most of the time.
 */
#include "store/postgres/lookout_priv.h"

#include "store/postgres/member_priv.h"
#include "store/postgres/schema_priv.h"

struct lookout {
    struct store_lookout base;
    bool is_guest;
    char *url; /* owned */
    char name[STORE_NODE_TEXT];
    struct postgres_conn conn;
};

struct store_lookout *store_postgres_lookout_new(const struct store_options *o)
{
    struct lookout *l = XNEW(struct lookout);
    l->base.backend = o->backend;
    l->is_guest = o->is_guest;
    l->url = xstrdup(o->url);
    store_postgres_node_name(o, l->name);
    store_postgres_conn_init(&l->conn, l->url);
    return &l->base;
}

void store_postgres_lookout_free(struct store_lookout *lookout)
{
    struct lookout *l = CONTAINER_OF(lookout, struct lookout, base);
    store_postgres_conn_close(&l->conn);
    mem_wipe(l->url, strlen(l->url)); /* it may hold a password */
    xfree(l->url);
    xfree(l);
}

/* An older node at work has no table for it; then nobody knows that this one is there. */
static void say_here(struct lookout *l)
{
    PGresult *r;
    struct postgres_params p;
    store_postgres_params_init(&p);
    store_postgres_params_bytes(&p, DB_TYPE_TEXT, str_from(l->name));
    store_postgres_params_int(&p, POSTGRES_SCHEMA_VERSION);
    if (store_postgres_query(
            &l->conn,
            "INSERT INTO standby(name, version, seen) VALUES($1, $2, clock_timestamp())"
            " ON CONFLICT (name) DO UPDATE SET seen = clock_timestamp(), version = $2"
            " WHERE standby.seen < clock_timestamp() - interval '1 s'",
            &p, &r) == RC_OK)
        PQclear(r);
}

static enum rc look_once(struct lookout *l, struct buf *at_work, struct buf *why)
{
    PGresult *r;
    enum rc rc = store_postgres_conn_open(&l->conn);
    if (rc == RC_OK)
        rc = store_postgres_query(&l->conn,
                                  "SELECT name, address FROM node_beat WHERE state = 1"
                                  " AND lease_until > clock_timestamp() LIMIT 1",
                                  NULL, &r);
    if (rc != RC_OK) {
        buf_say(why, "the database cannot be asked: %s", l->conn.words);
        return RC_IO;
    }
    bool is_led = PQntuples(r) > 0;
    if (is_led) {
        buf_say(why, "node %.*s is at work", STR_ARGS(store_postgres_bytes(r, 0, 0)));
        buf_say(at_work, "%.*s", STR_ARGS(store_postgres_bytes(r, 0, 1)));
    }
    PQclear(r);
    return is_led ? RC_CONFLICT : RC_OK;
}

enum rc store_postgres_lookout_look(struct store_lookout *lookout, struct buf *at_work,
                                    struct buf *why)
{
    struct lookout *l = CONTAINER_OF(lookout, struct lookout, base);
    enum rc rc = look_once(l, at_work, why);
    if (rc == RC_CONFLICT && !l->is_guest)
        say_here(l);
    return rc;
}
