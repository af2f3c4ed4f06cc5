/* SPDX-License-Identifier: Apache-2.0
 *
 * What the verbs share (verbs_priv.h lists them). Each verb takes its own flags off the arguments; what is left is the
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
/* Prints what was answered, or why there is no answer; the exit code. Both texts end here, wiped: there may be a secret in them. */
int cli_answered(const struct cli *cli, enum rc rc, struct buf *out, struct buf *why);

/* The URL of a server in --`option`, in the arena, without a slash at its end and without the API's own path, so that
 * paths can be put behind it. NULL: said what is wrong, as misuse. */
const char *cli_server_url(struct cli *cli, const char *option, const char *given, struct arena *a);
/* The same of a server that is not Grapnel's: with a user and a password in it, if it has them. Not to be shown. */
const char *cli_foreign_url(struct cli *cli, const char *option, const char *given, struct arena *a);

/* Says on standard error when a URL is at an address that a server does not send to by default, and what to set then.
 * `what` has it. Blocks while the name is looked up. */
void cli_note_address(const char *what, struct str url);
