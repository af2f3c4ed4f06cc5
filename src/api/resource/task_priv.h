/* SPDX-License-Identifier: Apache-2.0
 *
 * Background tasks. A task is a row in the store; a step does a bounded piece of it on a worker and
 * writes down where it is, so that a restart loses at most one step, which is safe to do again.
 */
#pragma once

#include "api/kit/kit_priv.h"
#include "store/task.h"

/* What a new task is to do. */
struct api_task {
    struct str kind;
    int64_t app, endpoint;
    int64_t since_us, until_us;
    json_t *filter;            /* more members for its input; may be NULL; taken over */
    struct str id;             /* ptr NULL: a new one. One that is taken is answered with 409 */
    int64_t rate;              /* objects a second; 0: as fast as it can */
    json_t *data;              /* results at the start; NULL: none; taken over */
};

/* Stores the task and answers 202 with TaskOut (`unresolved`: with unresolvedAppIds; may be NULL), then starts it. */
void api_task_create(struct api_ctx *c, const struct api_task *task, const json_t *unresolved);
/* Any thread. The task goes on, if it may; fine if it does already. Call it after the commit. */
void api_task_start(struct api *api, int64_t num);
/* What clients see of it: results so far, and how far it is. The caller owns it. */
json_t *api_task_data(const struct store_task *t);
/* {id, status, task, updatedAt, data} */
void api_task_write(struct api_ctx *c, struct api_out *o, const struct store_task *t);
/* Answers with the task in the path, if its kind begins so ("": any) and it is one that who asks may see. */
void api_task_reply(struct api_ctx *c, struct str kind);
/* How many objects a task is through with, by its data. */
int64_t api_task_through(const json_t *data);
/* Answers with a page of tasks: those of bulk actions (of the token's application, if it has one), or the others. */
void api_task_list(struct api_ctx *c, bool is_bulk);
void api_tasks_init(struct api *api);
void api_tasks_fini(struct api *api);
/* Any thread: all that run and do not yet, go on. What cannot be read is tried until it can be. */
void api_tasks_start(struct api *api);
void api_tasks_stop(struct api *api);
