/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is there beside the node at work: those that stand by say so (lookout.c), and the node at work reads that with each beat.
 */
#pragma once

#include "store/postgres/postgres_priv.h"

/* Reads who stands by. Thread of the beat. */
void store_postgres_nodes_read(struct store_postgres *s);
/* As store_nodes(). */
size_t store_postgres_nodes(struct store *store, struct store_node *out, size_t max);
/* As store_announce(). */
void store_postgres_announce(struct store *store, const char *address);
/* What to announce now: an address without a host gets the one that this machine has towards the database. Thread of the beat. */
void store_postgres_announced(struct store_postgres *s, char out[static STORE_NODE_TEXT]);
