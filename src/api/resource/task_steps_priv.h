/* SPDX-License-Identifier: Apache-2.0
 *
 * One step of a task, and what the kinds of tasks do in theirs.
 */
#pragma once

#include "api/kit/kit_priv.h"
#include "store/task.h"

enum { API_TASK_STEP = 100 }; /* messages a step looks at */

/* A step in progress. */
struct api_step {
    struct api *api;
    struct store_task *task;
    struct arena *arena;
    json_t *input, *data;
    struct str cursor; /* in: where to go on; out: where the next step goes on */
    size_t budget;     /* act on at most so many objects */
    size_t acted;      /* out: on how many it did */
    bool finished;     /* out */
    const char *why;   /* out, when it failed: words; NULL: the code says enough */
};

/* The task's endpoint takes deliveries. RC_NOT_FOUND: it does not any more; s->why says why. */
MUST_USE enum rc api_step_check_endpoint(struct api_step *s);
/* Would the message go to the endpoint if it came now, by event type and channels? */
bool api_endpoint_wants(const struct core_app *app, int64_t endpoint, const struct store_message *m);

/* What endpoint.recover and endpoint.bulk-replay, endpoint.replay, application.purge_content, application.stats and
 * event-type.aggregate do in a step; and how much a recovery has to do. */
MUST_USE enum rc api_step_existing(struct api_step *s);
MUST_USE enum rc api_step_missing(struct api_step *s);
MUST_USE enum rc api_step_purge(struct api_step *s);
MUST_USE enum rc api_step_usage(struct api_step *s);
MUST_USE enum rc api_step_types(struct api_step *s);
MUST_USE enum rc api_step_measure_recover(struct api_step *s, int64_t *total);
