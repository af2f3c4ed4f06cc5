/* SPDX-License-Identifier: Apache-2.0
 *
 * Background tasks. A task is a row in the store; a step does a bounded piece of it on a worker and
 * writes down where it is, so that a restart loses at most one step, which is safe to do again.
 */
#pragma once

#include "api/api_priv.h"
#include "store/task.h"

enum { API_TASK_STEP = 100 }; /* messages a step looks at */

/* What a new task is to do. */
struct api_task {
    struct str kind;
    int64_t app, endpoint;
    int64_t since_us, until_us;
    json_t *filter;            /* more members for its input; may be NULL; taken over */
};
/* Stores the task and answers 202 with TaskOut (`unresolved`: with unresolvedAppIds; may be NULL), then starts it. */
void api_task_create(struct api_ctx *c, const struct api_task *task, const json_t *unresolved);

/* A step in progress. */
struct api_step {
    struct api *api;
    struct store_task *task;
    struct arena *arena;
    json_t *input, *data;
    struct str cursor; /* in: where to go on; out: where the next step goes on */
    bool finished;     /* out */
};
struct api_task_kind {
    const char *name;
    enum rc (*step)(struct api_step *s);
};
extern const struct api_task_kind api_task_kinds[];
extern const size_t api_task_kind_count;

/* Would the message go to the endpoint if it came now, by event type and channels? */
bool api_endpoint_wants(const struct core_app *app, int64_t endpoint, const struct store_message *m);

/* Several requeues in one go; *done counts those made pending again. RC_BUSY: the store's queue is full. */
MUST_USE enum rc api_requeue_many(struct api *api, const struct id *messages, size_t count, int64_t app, int64_t endpoint, bool create_missing, size_t *done);

void api_tasks_init(struct api *api);
void api_tasks_fini(struct api *api);
