/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel token: the organisation's API tokens. Works on the store's folder, or through the server
 * that has it open; either way who may write to the folder may do this.
 */
#include "cli/cli_priv.h"
#include "server/tokens.h"

#include <stdio.h>

enum { OUT_MAX = 1 << 21 };

static int token_perform(struct cli *cli, const struct server_token_request *request)
{
    struct conf *conf = cli_conf(cli);
    struct buf out, why;

    if (conf == NULL)
        return CLI_MISUSED;
    buf_init(&out, OUT_MAX);
    buf_init(&why, 4096);
    log_set_level(LOG_LEVEL_WARN); /* that a store was opened is no news here */
    enum rc rc = server_tokens(conf, request, &out, &why);
    int code = cli_answered(cli, rc, &out, &why);
    conf_free(conf);
    return code;
}

static int token_create(struct cli *cli)
{
    struct server_token_request request = { .verb = SERVER_TOKEN_CREATE, .name = STR("") };
    const char *name = cli_take(cli, "name");

    if (name != NULL)
        request.name = str_from(name);
    request.read_only = cli_take_switch(cli, "read-only");
    if (!cli_take_duration(cli, "lifetime", 0, &request.lifetime_us))
        return CLI_MISUSED;
    return token_perform(cli, &request);
}

static int token_revoke(struct cli *cli)
{
    struct server_token_request request = { .verb = SERVER_TOKEN_REVOKE };
    const char *number = cli_take_word(cli);

    if (number == NULL || str_to_i64(str_from(number), &request.num) != RC_OK)
        return cli_misused(cli, "revoke needs the token's number, as the list shows it");
    return token_perform(cli, &request);
}

static int token_run(struct cli *cli)
{
    const char *what = cli_take_word(cli);

    if (what == NULL)
        return cli_misused(cli, "create, list or revoke?");
    if (str_eq(str_from(what), STR("create")))
        return token_create(cli);
    if (str_eq(str_from(what), STR("revoke")))
        return token_revoke(cli);
    if (str_eq(str_from(what), STR("list")))
        return token_perform(cli, &(struct server_token_request){ .verb = SERVER_TOKEN_LIST });
    return cli_misused(cli, "\"%s\" is none of create, list, revoke", what);
}

const struct cli_verb cli_token = {
    .name = "token",
    .arguments = "create|list|revoke [NUMBER] [--config=FILE] [--store.dir=DIR]",
    .summary = "Create, list or revoke API tokens",
    .details =
        "  create [--name=TEXT] [--lifetime=24h] [--read-only]   creates a token and prints it, once\n"
        "  list                                                  lists numbers, dates and names\n"
        "  revoke NUMBER                                         revokes the token at once\n",
    .run = token_run,
};
