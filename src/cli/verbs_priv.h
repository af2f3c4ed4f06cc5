/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of the verbs, for those who look one up. A verb's own file does not include it: it would tie all verbs to
 * each other.
 */
#pragma once

#include "cli/cli_priv.h"

/* Each in its verb's file. */
extern const struct cli_verb cli_serve, cli_console, cli_token, cli_doctor, cli_listen, cli_receive, cli_bench, cli_verify, cli_source, cli_explain, cli_filter, cli_import,
    cli_reference, cli_store, cli_user, cli_tenant, cli_tail, cli_recover, cli_replay, cli_task, cli_audit, cli_cell, cli_version, cli_help;
/* NULL-terminated; for help. */
extern const struct cli_verb *const cli_verbs[];
/* The verb nearest to a mistyped word, or NULL. */
const struct cli_verb *cli_nearest(const char *word);
/* Says that there is no such verb, and which may have been meant; CLI_MISUSED. */
int cli_unknown(const char *word);
