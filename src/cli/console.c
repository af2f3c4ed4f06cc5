/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel console: a link that signs the reader in. Who may write to the store's folder may do this, as with tokens.
 */
#include "server/console.h"
#include "cli/cli_priv.h"

#include <stdio.h>

enum { OUT_MAX = 4096 };

static int console_run(struct cli *cli)
{
    struct conf *conf = cli_conf(cli);
    struct buf out, why;

    if (conf == NULL)
        return CLI_MISUSED;
    buf_init(&out, OUT_MAX);
    buf_init(&why, OUT_MAX);
    enum rc rc = server_console(conf, &out, &why);
    int code = cli_answered(cli, rc, &out, &why);
    conf_free(conf);
    return code;
}

const struct cli_verb cli_console = {
    .name = "console",
    .arguments = "[--config=FILE] [--store.dir=DIR]",
    .summary = "Print a link that signs you in to the running server's console",
    .details =
        "The link works once, within five minutes. Open it in a browser on this machine, or anywhere if\n"
        "server.public_url says how the server is reached.\n",
    .run = console_run,
};
