/* SPDX-License-Identifier: Apache-2.0
 *
 * The server as a whole: the composition root. It alone knows the configuration and every module,
 * and hands each what it needs. Main thread only.
 */
#pragma once

#include "base/base.h"
#include "conf/conf.h"

struct server;

/* Where the configuration comes from, so that a reload can read it again. Borrowed for good. */
struct server_sources {
    const char *file; /* NULL: as conf_load() looks for it */
    int argc;         /* flags only */
    char **argv;
    char **envp;
};

/* Loads the configuration, starts everything, serves until SIGTERM or SIGINT, stops everything.
 * Returns the exit code: 0 stopped cleanly, 1 could not start, 2 the configuration is wrong. What
 * went wrong is on standard error. */
int server_run(const struct server_sources *sources);
