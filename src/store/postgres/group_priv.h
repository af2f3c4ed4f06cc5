/* SPDX-License-Identifier: Apache-2.0
 *
 * What the two writers do alike with a group of jobs.
 */
#pragma once

#include "store/postgres/postgres_priv.h"

/* What is to be done after a group has failed. */
enum postgres_next {
    POSTGRES_AGAIN, /* it may work now, or in a moment */
    POSTGRES_APART, /* the database refuses what is in it: each job by itself */
    POSTGRES_NEVER  /* this node may not write any more */
};
/* Does what helps: connects, makes tables that are missing, looks whether this node still has its slot; and waits a moment,
 * longer with each try. `rc`, and what else the connection says: why it failed. */
enum postgres_next store_postgres_group_mind(struct postgres_writer *w, enum rc rc, int try_count);

/* Whose fault it is that a group is refused shows when each of its jobs is written by itself, by `run`. */
typedef void (*postgres_group_fn)(void *arg, struct store_job *jobs);
void store_postgres_group_apart(struct postgres_writer *w, struct store_job *jobs, postgres_group_fn run, void *arg);

/* In a group that goes again: changes a row that was there before it, because a commit that is only visible need not have reached
 * a standby, and one that comes after it has to write to wait for that. */
void store_postgres_group_mark(struct store_postgres *s, struct postgres_conn *c, int64_t k);

/* Hands back those of which `judge` says anything but RC_OK; the rest. */
struct store_job *store_postgres_group_without(struct postgres_writer *w, struct store_job *jobs,
                                               enum rc (*judge)(struct store_postgres *s, struct store_job *job));
/* Tells the watcher of those with RC_OK, then hands back all of them. */
void store_postgres_group_hand_back(struct store_postgres *s, struct store_job *jobs);
void store_postgres_group_count(struct store_job *jobs, int64_t began_us);
