/* SPDX-License-Identifier: Apache-2.0
 *
 * Whoever counts or shows what is stored is told of it here: on the thread that committed it, right after the commit
 * and before any done(), of exactly the jobs that were committed. There is one watcher. It must not block or keep what it is
 * shown, and every moment it takes is one the next commit waits.
 */
#pragma once

#include "store/backend.h"

struct store_watcher {
    void (*begin)(void *ctx); /* a group was committed; its jobs follow */
    void (*job)(void *ctx, enum store_job_kind kind, struct store_job *job); /* rc is RC_OK; to be read only */
    void (*end)(void *ctx);
    void *ctx;
};
/* Before the first job is submitted. What `w` points to lives until store_close() has returned. */
void store_watch(struct store *s, const struct store_watcher *w);
