/* SPDX-License-Identifier: Apache-2.0
 *
 * Running background tasks, step by step. Between two steps of a task others get their turn at the
 * workers; a full queue or a busy store only delays the next step.
 */
#include "api/resource/task_priv.h"

#include "api/resource/task_kinds_priv.h"
#include "stats/live.h"
#include "store/held.h"

static const int64_t second_us = 1000000, busy_us = 200000;

/* One task that is being done. It belongs to the loop of the tasks but for its step, which a worker does: so there is
 * never more than one of a task, and never two steps of it at once. */
struct runner {
    struct work_job job;
    struct loop_timer timer; /* until its next step: it is paced, or workers or store are busy */
    struct loop_task task;
    struct api *api;
    int64_t num;     /* 0: it looks for tasks that are running and starts them */
    int64_t wait_us; /* before the next step */
    bool is_told;    /* the log says that it cannot be read */
    bool is_over;    /* nothing is left to do, as far as its last step saw */
    bool is_asked;   /* started again: the last step may have seen the task as it was before */
    struct runner *next, *prev;
};

struct api_tasks {
    atomic_bool stopping;
    struct loop *loop;
    struct runner *runners; /* the loop's */
};

/* --- running ---------------------------------------------------------------------------------- */

static enum rc task_run_load(struct api *api, int64_t num, struct arena *a, struct store_task *t)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_read(api->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    rc = store_task_by_num(tx, num, a, t);
    store_end(tx);
    return rc;
}

/* To those who look on. */
static void task_run_show(struct api *api, const struct store_task *t)
{
    stats_live_show(api->o.stats, &(struct stats_event){ .kind = STATS_EVENT_TASK,
                                                         .org = t->org,
                                                         .app = t->app,
                                                         .object = t->num,
                                                         .at_us = t->updated_us });
}

/* A step of a task whose organisation is held since counts for nothing: it is done again where the task goes on. */
static enum rc task_run_save(struct api *api, const struct store_task *t)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_write(api->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    rc = store_org_is_held(api->o.store, t->org) ? RC_BUSY : store_task_update(tx, t);
    return store_finish(tx, rc);
}

static void tell_finished(struct api *api, const struct store_task *t)
{
    json_t *data = json_object();
    json_object_set_new(data, "taskId", json_stringn(t->id.ptr, t->id.len));
    json_object_set_new(data, "task", json_stringn(t->kind.ptr, t->kind.len));
    json_object_set_new(data, "status", json_stringn(t->status.ptr, t->status.len));
    json_object_set_new(data, "data", api_task_data(t));
    core_events_emit(api->o.events, t->org, "background_task.finished", data);
}

/* A step of its own: what is counted is what was there before anything was done. */
static enum rc task_run_measure(struct api_step *s, const struct api_task_kind *kind)
{
    int64_t total = -1;
    enum rc rc = kind->measure(s, &total);
    if (rc == RC_OK)
        json_object_set_new(s->data, "total", total < 0 ? json_null() : json_integer(total));
    return rc;
}

static enum rc run_step(struct api_step *s, const struct api_task_kind *kind)
{
    if (json_parse(s->task->input, &s->input, NULL) != RC_OK ||
        json_parse(s->task->data, &s->data, NULL) != RC_OK)
        return RC_CORRUPT;
    bool is_new = s->cursor.len == 0 && json_object_get(s->data, "total") == NULL;
    return is_new && kind->measure != NULL ? task_run_measure(s, kind) : kind->step(s);
}

/* Why a task failed stands beside its results. */
static void end_task(struct api_step *s, enum rc rc)
{
    s->task->status = rc == RC_OK ? STR("finished") : STR("failed");
    if (rc == RC_OK)
        return;
    if (s->data == NULL)
        s->data = json_object();
    const char *words =
        rc == RC_CORRUPT ? "Stored data cannot be read; the server's log says more." : rc_name(rc);
    json_object_set_new(s->data, "error", json_string(s->why != NULL ? s->why : words));
}

/* A disk that is full has room again some day. */
static bool is_for_later(enum rc rc)
{
    return rc == RC_BUSY || rc == RC_IO || rc == RC_LIMIT;
}

/* How long the next step waits, so that what was done comes at no more than the task's rate. */
static int64_t rest_of(const struct api_step *s, int64_t took_us)
{
    if (s->task->rate == 0)
        return 0;
    int64_t due_us = (int64_t)s->acted * second_us / s->task->rate;
    return due_us > took_us ? due_us - took_us : 0;
}

/* At a rate, a step does about a fifth of a second's worth. */
static size_t budget_of(const struct store_task *t)
{
    enum { STEPS_A_SECOND = 5 };
    int64_t budget = t->rate / STEPS_A_SECOND;
    if (t->rate == 0 || budget > API_TASK_STEP)
        return API_TASK_STEP;
    return budget > 0 ? (size_t)budget : 1;
}

static enum rc do_step(struct api_step *s, enum rc *saved)
{
    const struct api_task_kind *kind = api_task_kind_of(s->task->kind);
    struct store_task *t = s->task;
    enum rc rc = RC_OK;
    s->cursor = t->cursor;
    s->budget = budget_of(t);
    if (t->hold == STORE_TASK_CANCELED) {
        s->why = "It was canceled.";
        rc = json_parse(t->data, &s->data, NULL);
        rc = rc == RC_OK ? RC_INVALID : rc;
    } else {
        rc = kind == NULL ? RC_CORRUPT : run_step(s, kind);
    }
    if (!is_for_later(rc) && (rc != RC_OK || s->finished))
        end_task(s, rc);
    t->cursor = s->cursor;
    if (s->data != NULL)
        t->data = json_text(s->arena, s->data);
    t->updated_us = clock_wall_us(s->api->o.clock);
    *saved = task_run_save(s->api, t);
    if (*saved == RC_OK)
        task_run_show(s->api, t);
    return rc;
}

/* A task that cannot be read is running all the same: nobody else ends it, so it is tried until it can be. Once, the log says so. */
static void try_reading_again(struct runner *r, enum rc rc)
{
    if (!r->is_told && rc != RC_BUSY)
        LOG(API_TASKS_UNREADABLE, F_INT("task", r->num), F_TEXT("why", rc_name(rc)));
    r->is_told = r->is_told || rc != RC_BUSY;
    r->wait_us = r->is_told ? second_us : busy_us;
}

/* True: another step is to follow, after r->wait_us. */
static bool step_once(struct runner *r)
{
    struct api *api = r->api;
    struct arena a;
    arena_init(&a);
    struct store_task t;
    struct api_step s = { .api = api, .task = &t, .arena = &a };
    int64_t began_us = clock_mono_us(api->o.clock);
    enum rc saved = RC_OK;
    bool more = false;
    r->wait_us = 0;
    enum rc rc = task_run_load(api, r->num, &a, &t);
    if (rc == RC_OK)
        r->is_told = false;
    else if ((more = rc != RC_NOT_FOUND))
        try_reading_again(r, rc);
    if (rc == RC_OK && str_eq(t.status, STR("running")) && t.hold != STORE_TASK_PAUSED &&
        !store_org_is_held(api->o.store, t.org)) {
        rc = do_step(&s, &saved);
        /* A step that could not be saved is done again: it is safe to repeat. */
        more = saved != RC_OK || str_eq(t.status, STR("running"));
        r->wait_us = rest_of(&s, clock_mono_us(api->o.clock) - began_us);
        if (saved != RC_OK || is_for_later(rc))
            r->wait_us = busy_us;
        if (!more)
            tell_finished(api, &t);
    }
    json_decref(s.input);
    json_decref(s.data);
    arena_fini(&a);
    return more;
}

/* True: it has to look again. */
static bool find_running(struct runner *r)
{
    struct arena a;
    struct store_tx *tx = NULL;
    struct store_task *tasks = NULL;
    size_t count = 0;
    arena_init(&a);
    enum rc rc = store_read(r->api->o.store, &tx);
    if (rc == RC_OK) {
        rc = store_task_running(tx, &a, &tasks, &count);
        store_end(tx);
    }
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        api_task_start(r->api, tasks[i].num);
    arena_fini(&a);
    if (rc != RC_OK)
        try_reading_again(r, rc);
    return rc != RC_OK;
}

static void task_run_submit(struct runner *r);

static void try_again(void *arg)
{
    task_run_submit(arg);
}

static void task_run_wait(struct runner *r, int64_t us)
{
    struct loop *loop = r->api->tasks->loop;
    r->timer.fn = try_again;
    r->timer.arg = r;
    loop_timer_set(loop, &r->timer, loop_now_us(loop) + us);
}

static void unlink_runner(struct runner *r)
{
    *(r->prev != NULL ? &r->prev->next : &r->api->tasks->runners) = r->next;
    if (r->next != NULL)
        r->next->prev = r->prev;
}

static void go_on(void *arg)
{
    struct runner *r = arg;
    bool is_over = r->is_over && !r->is_asked;
    r->is_asked = false;
    if (is_over) {
        unlink_runner(r);
        xfree(r);
    } else if (!r->is_over && r->wait_us > 0) {
        task_run_wait(r, r->wait_us);
    } else {
        task_run_submit(r);
    }
}

/* Worker. Once the server stops, runners stay where they are until api_tasks_fini(). */
static void run_steps(void *arg)
{
    struct runner *r = arg;
    const struct api_tasks *tasks = r->api->tasks;
    if (atomic_load(&tasks->stopping))
        return;
    r->is_over = !(r->num == 0 ? find_running(r) : step_once(r));
    if (atomic_load(&tasks->stopping))
        return;
    r->task = (struct loop_task){ .fn = go_on, .arg = r };
    loop_post(tasks->loop, &r->task);
}

/* Loop. The workers may be gone when the server stops; the task goes on at the next start. */
static void task_run_submit(struct runner *r)
{
    if (atomic_load(&r->api->tasks->stopping))
        return;
    r->job = (struct work_job){ .fn = run_steps, .arg = r };
    if (work_submit(r->api->o.pool, &r->job) != RC_OK)
        task_run_wait(r, busy_us);
}

static struct runner *runner_of(const struct api_tasks *tasks, int64_t num)
{
    struct runner *r = tasks->runners;
    while (r != NULL && r->num != num)
        r = r->next;
    return r;
}

static void take_on(void *arg)
{
    struct runner *r = arg;
    struct api_tasks *tasks = r->api->tasks;
    struct runner *same = runner_of(tasks, r->num);
    if (same != NULL) {
        bool waits = loop_timer_is_set(&same->timer);
        loop_timer_stop(tasks->loop, &same->timer);
        same->is_asked = !waits;
        xfree(r);
        if (waits)
            task_run_submit(same);
        return;
    }
    r->next = tasks->runners;
    if (r->next != NULL)
        r->next->prev = r;
    tasks->runners = r;
    task_run_submit(r);
}

void api_task_start(struct api *api, int64_t num)
{
    struct runner *r = XNEW(struct runner);
    r->api = api;
    r->num = num;
    r->task = (struct loop_task){ .fn = take_on, .arg = r };
    loop_post(api->tasks->loop, &r->task);
}

void api_tasks_init(struct api *api)
{
    api->tasks = XNEW(struct api_tasks);
    atomic_init(&api->tasks->stopping, false);
    api->tasks->loop = api->o.loops[0];
}

/* After the loops' threads ended: what still waits goes on at the next start. */
void api_tasks_fini(struct api *api)
{
    while (api->tasks->runners != NULL) {
        struct runner *r = api->tasks->runners;
        unlink_runner(r);
        loop_timer_stop(api->tasks->loop, &r->timer);
        xfree(r);
    }
    xfree(api->tasks);
}

void api_tasks_start(struct api *api)
{
    api_task_start(api, 0);
}

void api_tasks_stop(struct api *api)
{
    atomic_store(&api->tasks->stopping, true);
}
