/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel store: what can be done to a store that no server has open.
 */
#include "store/store.h"
#include "cli/cli_priv.h"
#include "server/copy.h"

#include <inttypes.h>
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

/* --- copy --------------------------------------------------------------------------------------------- */

struct copy_show {
    bool is_dry;
    int64_t started_us;
};

static void copy_show_segment(void *ctx, int64_t done, int64_t of, bool was_there,
                              const struct store_copy_counts *segment)
{
    const struct copy_show *show = ctx;
    double seconds = (double)(clock_mono_us(clock_system()) - show->started_us) / 1e6;
    fprintf(stderr, "%" PRId64 " of %" PRId64 " segments, %.1f s: ", done, of, seconds);
    if (was_there)
        fprintf(stderr, "was copied before\n");
    else
        fprintf(stderr, "%" PRId64 " messages, %" PRId64 " attempts%s\n", segment->messages,
                segment->attempts, show->is_dry ? "" : ", read back and compared");
}

static void copy_print(const struct store_copy_counts *n, const struct server_copy *how)
{
    printf("%s: %" PRId64 " segments with %" PRId64 " messages, %" PRId64 " deliveries (%" PRId64
           " still to be sent), %" PRId64 " attempts, %" PRId64 " requests and %" PRId64
           " filter runs; %" PRId64 " rows of configuration and audit log",
           how->is_dry ? "would be copied" : "copied", n->segments, n->messages, n->deliveries,
           n->waiting, n->attempts, n->requests, n->filter_runs, n->rows);
    if (!how->is_dry)
        printf("; %" PRId64 " rows of charts", how->statistics);
    printf(".\n%s", how->is_damaged
                        ? "Some of what charts are made of is damaged and was left behind.\n"
                        : "");
}

static int copy_conf(struct cli *cli, struct server_copy *how, struct copy_show *show)
{
    struct store_copy_counts counts;
    struct buf why;
    int code = CLI_DONE;
    struct conf *conf = cli_conf(cli);
    if (conf == NULL)
        return CLI_MISUSED;
    buf_init(&why, WORDS_MAX);
    show->started_us = clock_mono_us(clock_system());
    enum rc rc = server_store_copy(conf, how, &counts, &why);
    if (rc == RC_OK)
        copy_print(&counts, how);
    else
        code =
            cli_failed(cli, "%.*s", STR_ARGS(why.len > 0 ? buf_str(&why) : str_from(rc_name(rc))));
    buf_fini(&why);
    conf_free(conf);
    return code;
}

static int copy_store(struct cli *cli)
{
    struct copy_show show = { .is_dry = cli_take_switch(cli, "dry-run") };
    struct server_copy how = { .from = cli_take(cli, "from"),
                               .to = cli_take(cli, "to"),
                               .is_dry = show.is_dry,
                               .progress = copy_show_segment,
                               .ctx = &show };
    if (how.from == NULL || how.to == NULL || store_is_url(how.from) == store_is_url(how.to))
        return cli_misused(
            cli, "copy needs --from and --to: one is a store's folder, the other a URL of "
                 "PostgreSQL, as postgresql://user@host/database");
    return copy_conf(cli, &how, &show);
}

static int store_run(struct cli *cli)
{
    const char *word = cli_take_word(cli);
    if (word != NULL && str_eq(str_from(word), STR("set-aside")))
        return set_aside(cli);
    if (word != NULL && str_eq(str_from(word), STR("copy")))
        return copy_store(cli);
    return cli_misused(cli, "store knows set-aside FILE and copy --from=STORE --to=STORE");
}

const struct cli_verb cli_store = {
    .name = "store",
    .arguments =
        "set-aside FILE | copy --from=STORE --to=STORE [--dry-run] [--config=FILE] [--section.name=value ...]",
    .summary = "Take a damaged segment out of a store, or copy a store to PostgreSQL and back",
    .details =
        "Run this while the server is stopped.\n"
        "set-aside: FILE is a segment as named in the server's error or by `grapnel doctor`. It is moved to set-aside/ in\n"
        "the store's folder, with its log and its keys, so that the server starts without it; nothing is deleted.\n"
        "copy: of the two STOREs one is a folder and the other a URL of PostgreSQL (postgresql://user@host/database). All of\n"
        "it is copied into a folder or database that is empty, and compared with the source; the source stays as it is.\n"
        "A copy that was cut off goes on where it was when it is started again.\n"
        "  --from=STORE   copy from here\n"
        "  --to=STORE     copy to here\n"
        "  --dry-run      only say what would be copied\n",
    .run = store_run,
};
