/* SPDX-License-Identifier: Apache-2.0
 *
 * How PostgreSQL is called: with which parameters, and the hosts of a URL, to be tried one at a time. libpq goes on to the next one by itself when one refuses the
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
 * otherwise, then the host; NULL: all that the URL names. Borrows both. */
enum { DB_DIAL_PARAMETERS = 12 };
struct db_dial {
    const char *names[DB_DIAL_PARAMETERS];
    const char *values[DB_DIAL_PARAMETERS];
};
void db_dial_fill(struct db_dial *d, const char *url, const struct db_host *host);

/* What each session sets first, by statements: poolers refuse them in the start-up message. `lock_timeout` is how long a
 * transaction that configures something waits for the one before. */
extern const char db_session_settings[];
