/* SPDX-License-Identifier: Apache-2.0
 *
 * How PostgreSQL is called: with which parameters and settings, directly or through a pooler, and the hosts of a URL, to be tried one at a time. libpq goes on to the next one by itself when one refuses the
 * connection or is a standby, but not when it takes the connection and hangs up, or says nothing.
 */
#pragma once

#include "base/base.h"

struct pg_result;

enum { DB_HOSTS_MAX = 16, DB_HOST_TEXT = 256, DB_PORT_TEXT = 8 };

struct db_host {
    char host[DB_HOST_TEXT]; /* a name, an address, or the folder of a socket */
    char port[DB_PORT_TEXT]; /* "": the default */
};
/* Up to DB_HOSTS_MAX of them, in the URL's order; how many. 0: it names none, or only one. Both are given to libpq as its
 * parameters "host" and "port", after the URL. Any thread. */
size_t db_hosts(const char *url, struct db_host out[static DB_HOSTS_MAX]);

/* Which of several hosts is the primary. More than one may take writes: one whose standby was promoted while it was cut off does not
 * know it when it is back. PostgreSQL counts that: with each promotion a timeline begins, with a higher number. So of several
 * hosts the one on the highest timeline is used, and nothing is read from, or written to, one that is behind what this process has
 * seen of the same URL. All hosts are asked where that may matter: at the first call for a URL, and after db_primary_doubt(). Else
 * the first that is there and not behind will do, so that hosts that are away cost no time.
 *
 * `dial` connects to the host (NULL: as the URL says), gives up the connection that it made before, and says in *timeline what
 * the session's row says. False: it could not, and why is the caller's to remember. True: `dial` was called last for the
 * host to be used, and said yes. Any thread. */
typedef bool db_dial_fn(void *ctx, const struct db_host *host, int64_t *timeline);
bool db_dial_primary(const char *url, db_dial_fn *dial, void *ctx);
/* What stands for the hosts of a URL in the next two. */
uint64_t db_primary_id(const char *url);
/* Whether a database on this timeline is the one to be used, as far as is known; its timeline is remembered. 0: not known, and yes. */
bool db_primary_is(uint64_t id, int64_t timeline);
extern const char db_primary_is_old[]; /* what is said of one that is not */
/* It took a connection and then did not answer in time, as one does whose standby is gone. */
void db_primary_doubt(uint64_t id);

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
 * hold, and whether the session may write. Then comes the number of the timeline, or 0; it is asked for where there are several
 * hosts only, because not every service that speaks PostgreSQL's protocol has one. */
enum { DB_SESSION_SQL = 1024 };
void db_session_sql(int process_id, bool has_hosts, char out[static DB_SESSION_SQL]);

/* Whether a notice says that a commit was not confirmed by the standby that it waited for, because somebody cancelled the wait:
 * it is done here, as the answer says, and would be gone with this server. `notice`: a PGresult. */
bool db_notice_is_unconfirmed(const struct pg_result *notice);
extern const char db_unconfirmed[]; /* what is said of it */

/* The same settings, for the transaction under way only. It is a query: the level of isolation is to be set before it. */
extern const char db_transaction_settings[];

/* The same for one that only reads, as statements that are no queries: what it sees is still as of its own first query. */
extern const char db_reading_settings[];
