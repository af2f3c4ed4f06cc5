/* SPDX-License-Identifier: Apache-2.0
 *
 * `grapnel cell move`, for the command line.
 */
#pragma once

#include "cells/cells.h"
#include "conf/conf.h"
#include "store/move.h"

enum { SERVER_MOVES_CELLS = CELLS_OTHERS_MAX + 1 };

/* This cell and the others, as the options have them, for arena_fini() of `a`; returns how many. 0: there are no cells; `why` says
 * what is missing. */
size_t server_moves_cells(const struct conf *c, struct arena *a, struct store_move_cell out[static SERVER_MOVES_CELLS], struct buf *why);
