/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line: `grapnel <verb> ...`. One file a verb, listed in cli.c.
 */
#pragma once

#include "base/base.h"

/* Runs the verb argv[1] names; returns the exit code: 0 done, 1 failed, 2 not understood. */
int cli_main(int argc, char **argv, char **envp);
