/* SPDX-License-Identifier: Apache-2.0
 *
 * What each kind of job of the writer of outcomes comes to, inside its group. Thread of the outcomes.
 */
#pragma once

#include "store/postgres/loaded_priv.h"
#include "store/postgres/stands_priv.h"

struct outcome_group {
    struct store_postgres *store;
    struct stands stands;
    struct loaded loaded;
};

/* Is it done by hand? Such a job waits for somebody, and is refused when the database does not answer. */
bool store_postgres_outcome_is_by_hand(struct store_job *job);
/* RC_BUSY: it is done by hand, and its organisation is held by now: what is under way is all that is still recorded. */
enum rc store_postgres_outcome_may(struct store_postgres *s, struct store_job *job);
/* What has to be read for it. */
void store_postgres_outcome_want(struct outcome_group *g, struct store_job *job);
/* Erases; other jobs: nothing. Sends one statement for each that does, whose answer store_postgres_outcome_erased() takes. */
void store_postgres_outcome_erase(struct store_job *job, struct postgres_conn *c);
void store_postgres_outcome_erased(struct store_job *job, struct postgres_conn *c); /* sets its rc */
/* Messages are read: the deliveries that an erasure cancels are known. */
void store_postgres_outcome_want_canceled(struct outcome_group *g, struct store_job *job);
/* All is read: decides. */
enum rc store_postgres_outcome_judge(struct outcome_group *g, struct store_job *job);
/* It was judged, and nothing of it was written. */
void store_postgres_outcome_undo(struct store_job *job);
