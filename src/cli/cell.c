/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel cell: the cells of a deployment with several databases, as the server at work sees them.
 */
#include "cli/cli_priv.h"
#include "server/cells_command.h"

enum { OUT_MAX = 1 << 16, WHY_MAX = 4096 };

static int list_cells(struct cli *cli)
{
    struct conf *conf = cli_conf(cli);
    struct buf out, why;
    if (conf == NULL)
        return CLI_MISUSED;
    buf_init(&out, OUT_MAX);
    buf_init(&why, WHY_MAX);
    enum rc rc = server_cells_command(conf, &out, &why);
    int code = cli_answered(cli, rc, &out, &why);
    conf_free(conf);
    return code;
}

static int cell_run(struct cli *cli)
{
    const char *what = cli_take_word(cli);
    if (what == NULL)
        return cli_misused(cli, "list?");
    if (str_eq(str_from(what), STR("list")))
        return list_cells(cli);
    return cli_misused(cli, "\"%s\" is not list", what);
}

const struct cli_verb cli_cell = {
    .name = "cell",
    .arguments = "list [--config=FILE] [--store.dir=DIR]",
    .summary = "Show the cells of a deployment with several databases",
    .details =
        "  list   a line for each cell: its name, its number, whether its database can be had and which node is\n"
        "         at work there, and how many organisations live in it. Run it where the node at work runs.\n",
    .run = cell_run,
};
