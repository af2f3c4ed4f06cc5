/* SPDX-License-Identifier: Apache-2.0
 *
 * What whoever had the slot before had accepted, but neither resolved nor written to `waiting`. At opening.
 */
#pragma once

#include "store/postgres/member_priv.h"

/* The greatest key there is: ids made from now on come after it. */
MUST_USE enum rc store_postgres_recover_last(struct store_postgres *s, struct postgres_left *left, struct buf *why);
/* Writes it to `waiting`. */
MUST_USE enum rc store_postgres_recover(struct store_postgres *s, const struct postgres_left *left, struct buf *why);
/* After the machine was off: retries that fell due meanwhile are due now. */
void store_postgres_recover_due(struct store_postgres *s);
