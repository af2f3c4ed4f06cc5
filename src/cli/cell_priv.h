/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of `grapnel cell` share.
 */
#pragma once

#include "cli/cli_priv.h"

/* `grapnel cell move`: its arguments are taken from `cli`. */
int cli_cell_move(struct cli *cli);
