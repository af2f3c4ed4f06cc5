/* SPDX-License-Identifier: Apache-2.0
 *
 * The pool of helper processes. Whoever takes a helper has it to himself until he gives it back, or its
 * place: one that was ended leaves a place where the next one is started.
 */
#pragma once

#include "filter/transform_priv.h"
#include "metrics/metrics.h"

struct filter_transform_helper {
    struct filter_transform_helper *next; /* among those that are free */
    int pid;                              /* 0: not running */
    int fd;                               /* -1 then */
    uint64_t last;                        /* hash of the last program: it is compiled there */
    int64_t run_count;
};

/* Waits for a free place and sees to it that a helper runs there; one that knows the program, if there is one.
 * RC_BUSY, RC_IO: `why` is told. */
MUST_USE enum rc filter_transform_helper_take(struct filter_transform_pool *p, struct str program,
                                              struct filter_transform_helper **out,
                                              struct buf *why);
void filter_transform_helper_give(struct filter_transform_pool *p,
                                  struct filter_transform_helper *h);
/* Kills it if it still runs; how it ended, as of waitpid(). */
int filter_transform_helper_end(struct filter_transform_helper *h);
/* Ends it and starts another in its place. RC_IO. */
MUST_USE enum rc filter_transform_helper_renew(struct filter_transform_pool *p,
                                               struct filter_transform_helper *h, struct buf *why);
