/* SPDX-License-Identifier: Apache-2.0
 *
 * The pool of helper processes. Whoever takes a helper has it to himself until he gives it back, or its
 * place: one that was ended leaves a place where the next one is started.
 */
#pragma once

#include "metrics/metrics.h"
#include "transform/transform_priv.h"

struct transform_helper {
    struct transform_helper *next; /* among those that are free */
    int pid;                              /* 0: not running */
    int fd;                               /* -1 then */
    uint64_t last;                        /* hash of the last program: it is compiled there */
    int64_t run_count;
    uint64_t owner;                       /* who has it, while it is taken */
};

/* Waits for a free place within the owner's share and sees to it that a helper runs there; one that knows the program, if there is one.
 * RC_BUSY, RC_IO: `why` is told. */
MUST_USE enum rc transform_helper_take(struct transform_pool *p, struct str program,
                                              uint64_t owner, struct transform_helper **out,
                                              struct buf *why);
void transform_helper_give(struct transform_pool *p,
                                  struct transform_helper *h);
/* Kills it if it still runs; how it ended, as of waitpid(). */
int transform_helper_end(struct transform_helper *h);
/* Ends it and starts another in its place. RC_IO. */
MUST_USE enum rc transform_helper_renew(struct transform_pool *p,
                                               struct transform_helper *h, struct buf *why);
