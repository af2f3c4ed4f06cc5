/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of verbs, and finding the one that was meant.
 */
#include "cli/verbs_priv.h"

#include "transform/transform.h"

#include <stdio.h>

const struct cli_verb *const cli_verbs[] = {
    &cli_serve,  &cli_console, &cli_token,  &cli_doctor,  &cli_listen, &cli_receive,   &cli_bench,
    &cli_verify, &cli_source,  &cli_filter, &cli_explain, &cli_import, &cli_reference, &cli_store,
    &cli_user,   &cli_tenant,  &cli_tail,   &cli_recover, &cli_replay, &cli_task,      &cli_audit,
    &cli_cell,   &cli_version, &cli_help,   NULL,
};

const struct cli_verb *cli_nearest(const char *word)
{
    const struct cli_verb *best = NULL;
    size_t least = 4; /* further away is no suggestion */

    for (size_t i = 0; cli_verbs[i] != NULL; i++) {
        size_t d = str_distance(str_from(word), str_from(cli_verbs[i]->name));
        if (d < least) {
            least = d;
            best = cli_verbs[i];
        }
    }
    return best;
}

static const struct cli_verb *cli_find(const char *word)
{
    for (size_t i = 0; cli_verbs[i] != NULL; i++) {
        if (str_eq(str_from(cli_verbs[i]->name), str_from(word)))
            return cli_verbs[i];
    }
    if (str_eq(str_from(word), STR("--help")) || str_eq(str_from(word), STR("-h")))
        return &cli_help;
    if (str_eq(str_from(word), STR("--version")))
        return &cli_version;
    return NULL;
}

int cli_unknown(const char *word)
{
    const struct cli_verb *meant = cli_nearest(word);

    fprintf(stderr, "grapnel: there is no command \"%s\"", word);
    if (meant != NULL)
        fprintf(stderr, "; did you mean \"%s\"?", meant->name);
    fprintf(stderr, "\nTry: grapnel help\n");
    return CLI_MISUSED;
}

int cli_main(int argc, char **argv, char **envp)
{
    struct cli cli = { .envp = envp };

    if (argc < 2) {
        cli.verb = &cli_help;
        (void)cli_help.run(&cli);
        return CLI_MISUSED;
    }
    if (str_eq(str_from(argv[1]), STR(TRANSFORM_VERB))) /* for the server itself only */
        return transform_serve(argc > 2 ? argv[2] : NULL);
    cli.verb = cli_find(argv[1]);
    if (cli.verb == NULL)
        return cli_unknown(argv[1]);
    if (argc - 2 > CLI_ARGS_MAX)
        return cli_misused(&cli, "more than %d arguments", CLI_ARGS_MAX);
    for (int i = 2; i < argc; i++)
        cli.argv[cli.argc++] = argv[i];
    if (cli.verb != &cli_help && cli_take_switch(&cli, "help")) {
        cli.argc = 1;
        cli.argv[0] = argv[1];
        return cli_help.run(&cli);
    }
    return cli.verb->run(&cli);
}
