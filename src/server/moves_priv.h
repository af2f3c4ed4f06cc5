/* SPDX-License-Identifier: Apache-2.0
 *
 * Moves of organisations between cells: the thread that does this node's part of them.
 */
#pragma once

#include "server/server_priv.h"

struct server_moves;

/* Once the threads and tasks run. Nothing without cell.name. RC_LIMIT: no thread to be had. */
MUST_USE enum rc server_moves_start(struct server *s);
void server_moves_stop(struct server *s);
