/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of verbs, and finding the one that was meant.
 */
#include "cli/cli_priv.h"

#include "filter/transform.h"

#include <stdio.h>

const struct cli_verb *const cli_verbs[] = {
    &cli_serve,  &cli_token,   &cli_doctor, &cli_listen, &cli_receive,   &cli_bench,
    &cli_verify, &cli_source,  &cli_filter, &cli_import, &cli_reference, &cli_user,
    &cli_tenant, &cli_version, &cli_help,   NULL,
};

enum { WORD_MAX = 32 };

/* Levenshtein distance of two short words; long ones count as far apart. */
static size_t distance(struct str a, struct str b)
{
    size_t row[WORD_MAX + 1];

    if (a.len > WORD_MAX || b.len > WORD_MAX)
        return WORD_MAX;
    for (size_t k = 0; k <= b.len; k++)
        row[k] = k;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t k = 1; k <= b.len; k++) {
            size_t change = diagonal + (a.ptr[i - 1] == b.ptr[k - 1] ? 0 : 1);
            size_t drop = (row[k] < row[k - 1] ? row[k] : row[k - 1]) + 1;
            diagonal = row[k];
            row[k] = change < drop ? change : drop;
        }
    }
    return row[b.len];
}

const struct cli_verb *cli_nearest(const char *word)
{
    const struct cli_verb *best = NULL;
    size_t least = 4; /* further away is no suggestion */

    for (size_t i = 0; cli_verbs[i] != NULL; i++) {
        size_t d = distance(str_from(word), str_from(cli_verbs[i]->name));
        if (d < least) {
            least = d;
            best = cli_verbs[i];
        }
    }
    return best;
}

static const struct cli_verb *find(const char *word)
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

static int unknown(const char *word)
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
    if (str_eq(str_from(argv[1]), STR(FILTER_TRANSFORM_VERB))) /* for the server itself only */
        return filter_transform_serve(argc > 2 ? argv[2] : NULL);
    cli.verb = find(argv[1]);
    if (cli.verb == NULL)
        return unknown(argv[1]);
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
