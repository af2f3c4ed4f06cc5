/* SPDX-License-Identifier: Apache-2.0
 *
 * The kinds of background tasks there are.
 */
#pragma once

#include "api/resource/task_steps_priv.h"

struct api_task_kind {
    const char *name;
    enum rc (*step)(struct api_step *s);
    /* How many objects there are, before the first step; NULL, and *total left as it is: nobody can tell cheaply. */
    enum rc (*measure)(struct api_step *s, int64_t *total);
};

extern const struct api_task_kind api_task_kinds[];
extern const size_t api_task_kind_count;
const struct api_task_kind *api_task_kind_of(struct str name); /* NULL: there is none */
