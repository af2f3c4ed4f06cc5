/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel store: what can be done to a store that does not start.
 */
#include "store/store.h"
#include "cli/cli_priv.h"

#include <stdio.h>

enum { WORDS_MAX = 8192 };

static int set_aside(struct cli *cli)
{
    const char *file = cli_take_word(cli);
    if (file == NULL)
        return cli_misused(cli, "set-aside needs the segment's file, as the error names it");
    struct conf *conf = cli_conf(cli);
    struct buf place, why;
    int code = CLI_DONE;
    if (conf == NULL)
        return CLI_MISUSED;
    buf_init(&place, WORDS_MAX);
    buf_init(&why, WORDS_MAX);
    enum rc rc = store_set_aside(conf->data_dir, file, &place, &why);
    if (rc == RC_OK)
        printf(
            "moved to %.*s with what belongs to it. The server starts without its messages,\n"
            "deliveries and idempotency keys. To undo it: stop the server, and move the files back.\n",
            STR_ARGS(buf_str(&place)));
    else
        code =
            cli_failed(cli, "%.*s", STR_ARGS(why.len > 0 ? buf_str(&why) : str_from(rc_name(rc))));
    buf_fini(&place);
    buf_fini(&why);
    conf_free(conf);
    return code;
}

static int store_run(struct cli *cli)
{
    const char *word = cli_take_word(cli);
    if (word != NULL && str_eq(str_from(word), STR("set-aside")))
        return set_aside(cli);
    return cli_misused(cli, "store knows set-aside FILE");
}

const struct cli_verb cli_store = {
    .name = "store",
    .arguments = "set-aside FILE [--config=FILE] [--section.name=value ...]",
    .summary = "Take a damaged segment out of a store, so that the server starts without it",
    .details =
        "Run this while the server is stopped. FILE is a segment as named in the server's error or by `grapnel doctor`.\n"
        "It is moved to set-aside/ in the store's folder, with its log and its keys; nothing is deleted.\n",
    .run = store_run,
};
