/* SPDX-License-Identifier: Apache-2.0
 *
 * A real PostgreSQL for tests. A test program asks for a database and gets the URL of an empty one:
 *
 *     int main(void)
 *     {
 *         if (!postgres_is_there())
 *             return postgres_skip();      // the run names the program among what was skipped
 *         char *url = postgres_database();
 *         ... postgres_empty(url) between two tests is some ten times faster than another database
 *         xfree(url);
 *     }
 *
 * GRAPNEL_TEST_POSTGRES names a server: the URL of a database that may create others (`postgres`, usually). tools/test
 * starts one for all programs and sets it. Without it the first call starts a server for this program: half a second
 * to two, in a folder under /tmp, listening on a socket there only, and stopped and removed when the program ends,
 * however it ends (test/support/postgres_server.py). It does not wait for the disk unless asked to. PostgreSQL refuses
 * to run as root: then it runs as `postgres`. GRAPNEL_POSTGRES_BIN: the folder of its programs, where they are not
 * Debian's.
 *
 * With STORE_POOLER in the environment the URLs go through a pgbouncer in transaction mode, that of GRAPNEL_TEST_POOLER or
 * one that is started, too; postgres_run() and postgres_empty() still talk to the server itself.
 *
 * Databases are in UTF-8 and, on a server that was started here, sorted by language: what needs byte order says so
 * (COLLATE "C"). Up to 300 connections.
 *
 * One thread, before others are started, for all but postgres_run(). What goes wrong here ends the program: a test
 * cannot go on.
 */
#pragma once

#include "base/base.h"

/* Is there a PostgreSQL that tests can use? Starts it, if it has to be. Where it is false, standard error says why. */
bool postgres_is_there(void);

/* Says in TAP that all tests of the program are skipped. For main() to return. */
int postgres_skip(void);

/* Before any other call: the server that is used waits for the disk at each commit, as one in use does. It is always
 * started here then. */
void postgres_want_sync(void);

/* The URL of a new, empty database, whose owner the URL's user is; a text for xfree(). Those of a server that others
 * use too are dropped when the program exits. */
char *postgres_database(void);

/* Makes a database as new: ends all other connections to it, and removes whatever is in its schema `public`. */
void postgres_empty(const char *url);

/* Runs statements in a database, on a connection of its own. The first column of the last one's first row, as a text
 * for xfree(); NULL without a row, and for NULL. Any thread. */
char *postgres_run(const char *url, const char *sql);
