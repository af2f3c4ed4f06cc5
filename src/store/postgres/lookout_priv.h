/* SPDX-License-Identifier: Apache-2.0
 *
 * The lookout of a node that stands by (store.h).
 */
#pragma once

#include "store/store_priv.h"

struct store_lookout *store_postgres_lookout_new(const struct store_options *o);
MUST_USE enum rc store_postgres_lookout_look(struct store_lookout *lookout, struct buf *at_work, struct buf *why);
void store_postgres_lookout_free(struct store_lookout *lookout);
