/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker waits for something another thread will say is over, once.
 */
#pragma once

#include "base/base.h"

struct work_wait {
    struct mutex _lock;
    struct cond _cond;
    bool _over;
};

void work_wait_init(struct work_wait *w);
/* Any thread, once. The waiter may free `w` as soon as this was called. */
void work_wait_over(struct work_wait *w);
/* Worker. Blocks until work_wait_over(), then finishes `w`. */
void work_wait(struct work_wait *w);
/* Finishes one that is not waited for after all. */
void work_wait_fini(struct work_wait *w);
