/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel serve: the server, in the foreground.
 */
#include "cli/cli_priv.h"
#include "server/server.h"

static int serve_run(struct cli *cli)
{
    struct server_sources sources = { .file = cli_take(cli, "config"), .envp = cli->envp };

    sources.argc = cli->argc;
    sources.argv = cli->argv;
    return server_run(&sources);
}

const struct cli_verb cli_serve = {
    .name = "serve",
    .arguments = "[--config=FILE] [--section.name=value ...]",
    .summary = "Run the server",
    .details = "SIGTERM or SIGINT stops it cleanly; SIGHUP reloads the configuration.\n",
    .has_options = true,
    .run = serve_run,
};
