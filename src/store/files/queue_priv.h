/* SPDX-License-Identifier: Apache-2.0
 *
 * The store thread: jobs in groups, each group one commit a segment.
 */
#pragma once

#include "store/files/files_priv.h"

/* As the row of struct store_backend says (store/backend.h). */
MUST_USE enum rc store_files_submit(struct store *store, enum store_job_kind kind, struct store_job *job);
MUST_USE enum rc store_files_submit_publishes(struct store *store, struct store_publish **list, size_t count);

bool store_queue_start(struct store_files *s); /* false: no thread to be had; so below */
void store_queue_stop(struct store_files *s); /* commits what is queued first */
void store_submit_internal(struct store_files *s, struct store_internal *i);
void store_group_run(struct store_files *s, struct store_job *jobs);
