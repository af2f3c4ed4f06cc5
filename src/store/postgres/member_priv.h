/* SPDX-License-Identifier: Apache-2.0
 *
 * This node as a member: it has a slot, which is in its ids, for as long as it renews a lease on it. Whoever takes a slot over raises its
 * epoch, and every group checks that: what a node that was thought dead still sends is refused (the fence).
 *
 * The database's clock decides when a lease is over. The node itself counts from before it asked.
 */
#pragma once

#include "store/postgres/postgres_priv.h"

/* What whoever had the slot before left behind. */
struct postgres_left {
    int64_t cursor_k, last_k;
};
/* The name of the node whose folder it is: its machine's, and one that is kept in the folder. */
void store_postgres_node_name(const struct store_options *o, char out[static STORE_NODE_TEXT]);
/* Takes a slot. RC_CONFLICT: another node's lease has not ended, or may be renewed yet; `why` says whose. RC_IO. */
MUST_USE enum rc store_postgres_member_join(struct store_postgres *s, struct postgres_left *left, struct buf *why);
/* Gives the lease back at once. */
void store_postgres_member_leave(struct store_postgres *s);
/* The beat: once a second. False: no thread to be had. */
bool store_postgres_beat_start(struct store_postgres *s);
void store_postgres_beat_stop(struct store_postgres *s);
/* Writes the cursor and renews the lease now. */
MUST_USE enum rc store_postgres_member_beat(struct store_postgres *s);

/* The first statements of a group's transaction: the lock of the slot, and only then, in a statement of its own, the check of the epoch. In one
 * statement the check would see what was there before the wait for the lock. `with_keys`: and the tables of keys. */
void store_postgres_fence_send(struct store_postgres *s, struct postgres_conn *c, bool with_keys);
void store_postgres_fence_take(struct postgres_conn *c); /* reads their answers */
/* A group was refused by the fence: is this node out, or were only the tables of keys switched? */
void store_postgres_fence_look(struct store_postgres *s, struct postgres_conn *c);
bool store_postgres_fence_refused(const struct postgres_conn *c); /* was that what failed? */
