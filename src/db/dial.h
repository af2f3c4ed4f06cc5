/* SPDX-License-Identifier: Apache-2.0
 *
 * The hosts of a URL of PostgreSQL, to be tried one at a time. libpq goes on to the next one by itself when one refuses the
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
