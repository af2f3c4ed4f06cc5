/* SPDX-License-Identifier: Apache-2.0
 *
 * Young deliveries that are not so young any more get their rows in `waiting`. Thread of the outcomes.
 */
#pragma once

#include "store/postgres/postgres_priv.h"

struct spill {
    struct store_postgres *store;
    struct postgres_young_row *rows; /* under way */
    size_t count;                    /* ... and nobody knows whether they are there: first of all they go again */
    struct postgres_columns waiting;
};
void store_postgres_spill_init(struct spill *p, struct store_postgres *s);
void store_postgres_spill_fini(struct spill *p);
/* Before any outcome is judged: finishes what is under way. Nothing to do: RC_OK. */
MUST_USE enum rc store_postgres_spill_finish(struct spill *p, struct postgres_conn *c);
/* Writes some of those that are old. *more: there are others. */
MUST_USE enum rc store_postgres_spill_old(struct spill *p, struct postgres_conn *c, bool *more);
