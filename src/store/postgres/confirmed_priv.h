/* SPDX-License-Identifier: Apache-2.0
 *
 * What the database last confirmed to this node, and whether a new connection still finds it.
 *
 * A fail-over to a standby that commits did not wait for takes back the last of them. A node that went on would write a cursor that
 * passes deliveries whose rows are gone, so that nobody would look for them again. So each connection that writes is asked first,
 * before anything is written on it; a node that misses something ends, and the next one starts from what is there.
 *
 * Behind a pooler a connection outlives the database that it leads to, so that the beat asks each time. What groups write in the second
 * before it does is written; a loss that is younger than the last beat may go unnoticed then.
 *
 * Commits have one order: if the last message, the last attempt and the last beat are there, then so is all that was
 * confirmed before. A beat that began after a message was confirmed stands for it, too, so that only what is younger than
 * the last beat is asked for. A change by hand that writes only to `waiting` counts from the next beat on.
 *
 * Any thread; locks.
 */
#pragma once

#include "store/postgres/postgres_priv.h"

void store_postgres_confirmed_init(struct postgres_confirmed *c);
void store_postgres_confirmed_fini(struct postgres_confirmed *c);

/* Committed: before whoever submitted it is told. */
void store_postgres_confirmed_message(struct postgres_confirmed *c, int64_t k);
void store_postgres_confirmed_attempt(struct postgres_confirmed *c, const struct store_outcome *o);
/* A beat: before it is sent, and once it is committed, with what the first call returned. */
struct postgres_marks store_postgres_confirmed_marks(struct postgres_confirmed *c);
void store_postgres_confirmed_beat(struct postgres_confirmed *c, int64_t last_k, const struct postgres_marks *before);

/* As store_postgres_conn_open(), for connections that write once this node is a member. RC_DENIED: something that was confirmed is gone:
 * it was logged and noted in the database, and this node is out (`is_fenced`). */
MUST_USE enum rc store_postgres_confirmed_open(struct store_postgres *s, struct postgres_conn *c);

/* When that happened last, for operators. Reads the configuration. */
MUST_USE enum rc store_postgres_confirmed_show(struct store_postgres *s);
