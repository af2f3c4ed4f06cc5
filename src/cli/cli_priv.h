/* SPDX-License-Identifier: Apache-2.0
 *
 * What the verbs share. Each verb takes its own flags off the arguments; what is left is the
 * configuration's.
 */
#pragma once

#include "cli/cli.h"
#include "conf/conf.h"

enum {
    CLI_DONE = 0,
    CLI_FAILED = 1,
    CLI_MISUSED = 2,
    CLI_HALTED = 3, /* filter run: the verdict is to halt */
    CLI_ARGS_MAX = 256
};

struct cli {
    int argc; /* what has not been taken yet, without program and verb */
    char *argv[CLI_ARGS_MAX + 1];
    char **envp;
    const struct cli_verb *verb;
};

struct cli_verb {
    const char *name;
    const char *arguments; /* for the usage line */
    const char *summary;
    const char *details; /* own flags, a line each; may be NULL */
    bool has_options;    /* takes the server's options as flags, too */
    int (*run)(struct cli *cli);
};

/* "--name=value" or "--name value", taken off; NULL: not given. */
const char *cli_take(struct cli *cli, const char *name);
/* "--name", taken off. */
bool cli_take_switch(struct cli *cli, const char *name);
/* The next word that is no flag ("-" is a word), taken off; NULL: there is none. */
const char *cli_take_word(struct cli *cli);
/* As cli_take(), as a number in [min, max]; `otherwise` when not given. False: said what is wrong. */
MUST_USE bool cli_take_number(struct cli *cli, const char *name, int64_t otherwise, int64_t min,
                              int64_t max, int64_t *out);
MUST_USE bool cli_take_duration(struct cli *cli, const char *name, int64_t otherwise_us,
                                int64_t *out);

/* False: something is left; said so. For verbs without the server's options. */
MUST_USE bool cli_is_used_up(const struct cli *cli);

/* The configuration from --config, the environment and what is left of the flags. NULL: said why. */
struct conf *cli_conf(struct cli *cli);

/* "grapnel <verb>: <text>" on standard error; returns CLI_MISUSED or CLI_FAILED. */
int cli_misused(const struct cli *cli, const char *fmt, ...) PRINTF_LIKE(2, 3);
int cli_failed(const struct cli *cli, const char *fmt, ...) PRINTF_LIKE(2, 3);

extern const struct cli_verb cli_user, cli_tenant;
extern const struct cli_verb cli_serve, cli_token, cli_doctor, cli_import, cli_listen, cli_receive, cli_bench, cli_verify, cli_source, cli_filter, cli_reference,
    cli_version, cli_help;

/* import_gaia.c: `grapnel import gaia`, with --url and --token taken. */
int cli_import_gaia(struct cli *cli, const char *server, const char *token);

/* import_openedx.c: `grapnel import openedx`, with --url, --token and the file's name taken. */
int cli_import_openedx(struct cli *cli, const char *server, const char *token, const char *name);

/* NULL-terminated; for help. */
extern const struct cli_verb *const cli_verbs[];
/* The verb nearest to a mistyped word, or NULL. */
const struct cli_verb *cli_nearest(const char *word);
