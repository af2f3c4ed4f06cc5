/* SPDX-License-Identifier: Apache-2.0
 *
 * Stopping, holding and pacing background tasks. What is asked stands in the task's row and is heeded before its
 * next step: so it holds after a restart, and at most the step that is under way is still done.
 *
 * An application's token may do this to tasks of its application, if it may start them.
 */
#include "api/resource/task_priv.h"

#include "api/schemas/schemas.h"

static bool has_ended(struct api_ctx *c, const struct store_task *t)
{
    if (str_eq(t->status, STR("running")))
        return false;
    http_error(c->req, 409, "task_ended", "The task has ended: its status is %.*s.",
               STR_ARGS(t->status));
    return true;
}

/* False: answered. */
static bool find_task(struct api_ctx *c, struct store_task *t)
{
    enum rc rc = store_task_find(c->tx, c->who->org, api_param(c, "task_id"), c->arena, t);
    if (rc == RC_OK && c->who->app != 0 && c->who->app != t->app)
        rc = RC_NOT_FOUND;
    return api_ok(c, rc) && !has_ended(c, t);
}

/* From now on it goes otherwise than before: how fast it was says nothing of when it will end. */
static void begin_anew(struct api_ctx *c, struct store_task *t)
{
    json_t *data = api_task_data(t);
    t->paced_from_us = c->now_us;
    t->paced_done = api_task_through(data);
    json_decref(data);
}

static void task_control_change(struct api_ctx *c, struct store_task *t)
{
    struct api_out o;
    begin_anew(c, t);
    if (!api_ok(c, store_task_control(c->tx, t)))
        return;
    api_out_open(c, &o);
    api_task_write(c, &o, t);
    api_reply(c, 200, &o);
    if (api_tx_commit(c))
        api_task_start(c->api, t->num);
}

static void task_control_hold(struct api_ctx *c, enum store_task_hold how)
{
    struct store_task t;
    if (!find_task(c, &t))
        return;
    if (t.hold == STORE_TASK_CANCELED && how != STORE_TASK_CANCELED) {
        http_error(c->req, 409, "task_ended", "The task was canceled.");
        return;
    }
    t.hold = how;
    task_control_change(c, &t);
}

static void cancel_task(struct api_ctx *c)
{
    task_control_hold(c, STORE_TASK_CANCELED);
}

static void pause_task(struct api_ctx *c)
{
    task_control_hold(c, STORE_TASK_PAUSED);
}

static void resume_task(struct api_ctx *c)
{
    task_control_hold(c, STORE_TASK_GOES);
}

static void set_rate(struct api_ctx *c)
{
    struct store_task t;
    if (!find_task(c, &t))
        return;
    t.rate = api_get_int(c, "rate", 0);
    task_control_change(c, &t);
}

#define TASK "/api/v1/background-task/{task_id}"
#define CONTROL (API_ANY | API_WRITE | API_CAN(ACCESS_MAY_ATTEMPT))
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_POST, TASK "/cancel", CONTROL, "v1.background-task.cancel",
                "End a background task; what it has done stays done"),
      .run = cancel_task, .steps = API_WRITES, .out = &api_schema_BackgroundTaskOut,
      .status = 200 },
    { API_ROUTE(HTTP_POST, TASK "/pause", CONTROL, "v1.background-task.pause",
                "Hold a background task until it is resumed"),
      .run = pause_task, .steps = API_WRITES, .out = &api_schema_BackgroundTaskOut, .status = 200 },
    { API_ROUTE(HTTP_POST, TASK "/resume", CONTROL, "v1.background-task.resume",
                "Let a paused background task go on"),
      .run = resume_task, .steps = API_WRITES, .out = &api_schema_BackgroundTaskOut,
      .status = 200 },
    { API_ROUTE(HTTP_POST, TASK "/rate", CONTROL, "v1.background-task.rate",
                "Set how many objects a second a background task handles"),
      .run = set_rate, .steps = API_WRITES, .in = &api_schema_TaskRateIn,
      .out = &api_schema_BackgroundTaskOut, .status = 200 },
};
API_ROUTES(task_control, routes);
