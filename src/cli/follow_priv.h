/* SPDX-License-Identifier: Apache-2.0
 *
 * Background tasks of a server, for the verbs that start, watch and steer them.
 */
#pragma once

#include "cli/remote.h"

/* From here on an interrupt does not end the program but cli_follow() alone. Before there are threads. */
void cli_follow_prepare(void);
/* Says how far a bulk action is until it has ended, and what became of it. When it is interrupted, the task goes on, and how to
 * stop it is said. The exit code. `id`: escaped. */
int cli_follow(struct cli_remote *r, struct str id);
/* One line about a task. */
void cli_follow_print(const json_t *task);
