/* SPDX-License-Identifier: Apache-2.0
 *
 * What the database last said to a group, and who may be told of commits.
 */
#pragma once

#include "store/postgres/postgres_priv.h"

void store_postgres_health_set(struct store_postgres *s, enum rc rc, const char *words);
/* Keeper: what failed some time ago, while the database takes this node's beats, is no reason to refuse what comes: or nobody would
 * try any more. */
void store_postgres_health_mind(struct store_postgres *s);
/* As the row of struct store_backend says (store/backend.h). */
bool store_postgres_may_deliver(struct store *store); /* as store_may_deliver() */
MUST_USE enum rc store_postgres_health(struct store *store, struct buf *why);
/* May this node write? It has its slot, and its lease is not over. Any thread. */
bool store_postgres_is_member(struct store_postgres *s);
