/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of the table `waiting`, as columns of a statement.
 */
#pragma once

#include "store/judge_priv.h"
#include "store/postgres/postgres_priv.h"

void store_postgres_waiting_init(struct postgres_columns *rows);
/* `tip`: the greatest ak that the delivery has in `attempt`; 0: it has none. */
void store_postgres_waiting_add(struct postgres_columns *rows, const struct store_stand *stand, int64_t last_at_us,
                                int64_t tip);
/* Writes them, over what is there. Sends one statement; an answer is to be taken. */
void store_postgres_waiting_send(struct postgres_conn *c, struct postgres_columns *rows);
/* The same for rows that must not change what is there. */
void store_postgres_waiting_send_new(struct postgres_conn *c, struct postgres_columns *rows);
