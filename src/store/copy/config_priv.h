/* SPDX-License-Identifier: Apache-2.0
 *
 * What is configured, with its numbers and the audit log, from the one kind of store to the other. Both have the same tables with the same columns.
 */
#pragma once

#include "store/copy/server_priv.h"

/* `file`: config.db. In a transaction of the database. Adds to *rows. */
MUST_USE enum rc store_copy_config_to_server(struct copy_server *to, const struct copy_side *file, int64_t *rows);
MUST_USE enum rc store_copy_config_to_file(struct copy_server *from, const struct copy_side *file, int64_t *rows);
/* How many rows there are in either. */
MUST_USE enum rc store_copy_config_count(const struct copy_side *side, const struct clock *clock, int64_t *rows);
