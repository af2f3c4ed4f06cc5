/* SPDX-License-Identifier: Apache-2.0
 *
 * What `grapnel import` can import from, a file each.
 */
#pragma once

#include "cli/cli_priv.h"

/* import_gaia.c: `grapnel import gaia`, with --url and --token taken. */
int cli_import_gaia(struct cli *cli, const char *server, const char *token);

/* import_openedx.c: `grapnel import openedx`, with --url, --token and the file's name taken. */
int cli_import_openedx(struct cli *cli, const char *server, const char *token, const char *name);
