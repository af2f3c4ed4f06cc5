/* SPDX-License-Identifier: Apache-2.0
 *
 * The cells that this server's options name (server/cells_options_priv.h): what must hold between them, and the parts that
 * stand on it.
 */
#pragma once

#include "cells/cells.h"
#include "server/server_priv.h"

/* What another cell's database says of it. `vault`: of the main secret; NULL: it is not compared. RC_CONFLICT: it is no cell
 * beside this one: why, with the remedy. Else as store_cell_open(). Blocks for some seconds at most. */
MUST_USE enum rc server_cells_look(const struct conf *c, const struct cells_other *other, const struct sign_vault *vault,
                                   struct store_cell_facts *out, struct buf *why);

/* Parts: which cell the store is; the others, for the router, as long as it is there; and the threads that ask them, which end
 * before the router: what waits for them is answered then. */
MUST_USE enum rc server_cells_claim(struct server *s);
MUST_USE enum rc server_cells_start(struct server *s);
void server_cells_stop(struct server *s);
MUST_USE enum rc server_cells_watch(struct server *s);
void server_cells_unwatch(struct server *s);

/* A line for each cell, for `grapnel cell list`; and what /metrics and /debug/cells say of them. */
MUST_USE enum rc server_cells_list(struct server *s, struct buf *out, struct buf *why);
void server_cells_metrics(struct server *s, struct buf *out);
void server_cells_describe(struct server *s, struct buf *out);
