/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel help, grapnel version.
 */
#include "cli/verbs_priv.h"

#include <stdio.h>

enum { OPTIONS_TEXT_MAX = 1 << 18 };

static void print_options(void)
{
    struct buf text;

    buf_init(&text, OPTIONS_TEXT_MAX);
    conf_help(&text);
    printf(
        "\nServer options, as flags, in the configuration file, or as GRAPNEL_SECTION_NAME in the environment:\n%.*s",
        STR_ARGS(buf_str(&text)));
    buf_fini(&text);
}

static int help_on(const char *word)
{
    for (size_t i = 0; cli_verbs[i] != NULL; i++) {
        const struct cli_verb *verb = cli_verbs[i];
        if (!str_eq(str_from(verb->name), str_from(word)))
            continue;
        printf("grapnel %s %s\n\n%s.\n", verb->name, verb->arguments, verb->summary);
        if (verb->details != NULL)
            printf("\n%s", verb->details);
        if (verb->has_options)
            print_options();
        return CLI_DONE;
    }
    return cli_unknown(word);
}

static int help_show(struct cli *cli)
{
    const char *word = cli_take_word(cli);

    if (word != NULL)
        return help_on(word);
    printf("Grapnel %s sends, receives and filters webhooks.\n\n", GRAPNEL_VERSION);
    for (size_t i = 0; cli_verbs[i] != NULL; i++)
        printf("  grapnel %-10s %s\n", cli_verbs[i]->name, cli_verbs[i]->summary);
    printf("\nMore: grapnel help <command>\n"
           "Exit codes: 0 success, 1 failure (standard error says why), 2 not understood, "
           "3 halted (filter run)\n");
    return CLI_DONE;
}

static int help_version(struct cli *cli)
{
    if (!cli_is_used_up(cli))
        return CLI_MISUSED;
    printf("grapnel %s\n", GRAPNEL_VERSION);
    return CLI_DONE;
}

const struct cli_verb cli_help = {
    .name = "help",
    .arguments = "[command]",
    .summary = "Show the commands, or the flags of one of them",
    .run = help_show,
};

const struct cli_verb cli_version = {
    .name = "version",
    .arguments = "",
    .summary = "Show the version",
    .run = help_version,
};
