/* SPDX-License-Identifier: Apache-2.0
 *
 * What `grapnel cell` asks the running server.
 */
#pragma once

#include "conf/conf.h"

/* A line for each cell: name, number, reach, organisations. RC_NOT_FOUND: the server is no cell. */
MUST_USE enum rc server_cells_command(const struct conf *c, struct buf *out, struct buf *why);
