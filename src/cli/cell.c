/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel cell: the cells of a deployment with several databases, as the server at work sees them, and moves between them.
 */
#include "cli/cell_priv.h"
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
        return cli_misused(cli, "list or move?");
    if (str_eq(str_from(what), STR("list")))
        return list_cells(cli);
    if (str_eq(str_from(what), STR("move")))
        return cli_cell_move(cli);
    return cli_misused(cli, "\"%s\" is neither list nor move", what);
}

const struct cli_verb cli_cell = {
    .name = "cell",
    .arguments =
        "list | move ORGANISATION --to=CELL | move ORGANISATION --cancel | move [ORGANISATION] --status"
        " [--config=FILE] [--section.name=value ...]",
    .summary =
        "Show the cells of a deployment with several databases, and move organisations between them",
    .details =
        "  list   a line for each cell: its name, its number, whether its database can be had and which node is\n"
        "         at work there, and how many organisations live in it. Run it where the node at work runs.\n"
        "  move   moves an organisation (an id or a name) to another cell. Run it with the options of a node of any cell\n"
        "         (store.url, cell.name, cell.others), also where none runs: the nodes at work of both cells do the moving.\n"
        "         While it is copied the organisation is held: requests for it are answered with 503 and Retry-After, and its\n"
        "         deliveries wait. The command shows how it gets on, and ends when the organisation lives in the other cell.\n"
        "         If it is interrupted the move goes on without it, and it may be run again.\n"
        "           --to=CELL   where to; one of cell.others\n"
        "           --cancel    take it back, as long as the organisation has not left\n"
        "           --status    what is on its way, or how the last move of ORGANISATION stands\n",
    .run = cell_run,
};
