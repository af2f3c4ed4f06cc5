/* SPDX-License-Identifier: Apache-2.0
 *
 * How PostgreSQL is called: with which parameters and settings, directly or through a pooler, and the hosts of a URL, to be tried one at a time. libpq goes on to the next one by itself when one refuses the
 * connection or is a standby, but not when it takes the connection and hangs up, or says nothing.
 */
#pragma once

#include "base/base.h"

enum { DB_HOSTS_MAX = 16, DB_HOST_TEXT = 256, DB_PORT_TEXT = 8 };

struct db_host {
    char host[DB_HOST_TEXT]; /* a name, an address, or the folder of a socket */
    char port[DB_PORT_TEXT]; /* "": the default */
};
/* Up to DB_HOSTS_MAX of them, in the URL's order; how many. 0: it names none, or only one. Both are given to libpq as its
 * parameters "host" and "port", after the URL. Any thread. */
size_t db_hosts(const char *url, struct db_host out[static DB_HOSTS_MAX]);

/* For PQconnectdbParams() and PQconnectStartParams() with expand_dbname: our defaults, then the URL, which may say
 * otherwise, then the host; NULL: all that the URL names. Borrows both.
 *
 * libpq passes over a standby. A pooler tells it what held when it first connected, even after its database was promoted.
 * So where libpq was refused for that (db_dial_was_standby() of its error), it is called once more with `takes_standby`: then the
 * statement below asks the database itself. */
enum { DB_DIAL_PARAMETERS = 13 };
struct db_dial {
    const char *names[DB_DIAL_PARAMETERS];
    const char *values[DB_DIAL_PARAMETERS];
};
void db_dial_fill(struct db_dial *d, const char *url, const struct db_host *host, bool takes_standby);
bool db_dial_was_standby(const char *error);

/* What each session sets first: how long a statement, a lock and an idle transaction may last (`lock_timeout` is how long a
 * transaction that configures something waits for the one before), and that a commit waits for the disk. By a statement,
 * because poolers refuse it in the start-up message.
 *
 * A pooler may give each transaction another session of the server. What is set for a session, or prepared in it, is
 * then somewhere else, or somebody else's. So behind a pooler the settings are made again in each transaction, for that
 * transaction only, and statements have no names. Whether there is one is found out, and no option says so:
 * `process_id` is PQbackendPID(), which came with the key that cancels. A server gives its own process. Whoever shares its
 * sessions out has to know for which client a cancel is meant, and so gives a number of its own. One that keeps
 * a session for each client is taken for a pooler as well, which costs a little and breaks nothing.
 *
 * The statement's row begins with two booleans: whether it is the server itself that answers, for whose session the settings then
 * hold, and whether the session may write. */
enum { DB_SESSION_SQL = 1024 };
void db_session_sql(int process_id, char out[static DB_SESSION_SQL]);

/* The same settings, for the transaction under way only. It is a query: the level of isolation is to be set before it. */
extern const char db_transaction_settings[];

/* The same for one that only reads, as statements that are no queries: what it sees is still as of its own first query. */
extern const char db_reading_settings[];
