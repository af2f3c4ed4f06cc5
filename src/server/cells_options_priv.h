/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of cells.
 */
#pragma once

#include "cells/cells.h"
#include "conf/conf.h"

/* The entries of cell.others, in the arena; `out` has room for CELLS_OTHERS_MAX. RC_INVALID: why. */
MUST_USE enum rc server_cells_read(const struct conf *c, struct arena *a, struct cells_other *out, size_t *count, struct buf *why);
/* Whether the options of cells make sense. */
MUST_USE enum rc server_cells_check(const struct conf *c, struct buf *why);
