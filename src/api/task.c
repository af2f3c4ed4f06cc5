/* SPDX-License-Identifier: Apache-2.0
 *
 * Background tasks: making, showing and running them. Between two steps of a task others get
 * their turn at the
 * workers; a full queue or a busy store only delays the next step.
 */
#include "api/task_priv.h"

#include "api/schemas.h"

#include <stdio.h>

enum { TASKS_KEPT_DAYS = 90 };

struct runner {
    struct work_job job;
    struct loop_timer timer; /* between tries when workers or store are busy */
    struct loop_task task;
    struct api *api;
    int64_t num;
    struct runner *next, *prev; /* of those whose timer is set */
};

/* Whatever waits does so on one loop, which owns the list. */
struct api_tasks {
    atomic_bool stopping;
    struct loop *loop;
    struct runner *waiting;
};

/* --- running ---------------------------------------------------------------------------------- */

static const struct api_task_kind *kind_of(struct str name)
{
    for (size_t i = 0; i < api_task_kind_count; i++)
        if (str_eq(name, str_from(api_task_kinds[i].name)))
            return &api_task_kinds[i];
    return NULL;
}

static enum rc load(struct api *api, int64_t num, struct arena *a, struct store_task *t)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_read(api->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    rc = store_task_by_num(tx, num, a, t);
    store_end(tx);
    return rc;
}

static enum rc save(struct api *api, const struct store_task *t)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_write(api->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    rc = store_task_update(tx, t);
    if (rc == RC_OK)
        return store_commit(tx);
    store_end(tx);
    return rc;
}

static void tell_finished(struct api *api, const struct store_task *t)
{
    json_t *data = json_object();
    json_t *result = NULL;
    if (json_parse(t->data, &result, NULL) != RC_OK)
        result = json_object();
    json_object_set_new(data, "taskId", json_stringn(t->id.ptr, t->id.len));
    json_object_set_new(data, "task", json_stringn(t->kind.ptr, t->kind.len));
    json_object_set_new(data, "status", json_stringn(t->status.ptr, t->status.len));
    json_object_set_new(data, "data", result);
    core_events_emit(api->o.events, t->org, "background_task.finished", data);
}

static enum rc run_step(struct api_step *s, const struct api_task_kind *kind)
{
    if (json_parse(s->task->input, &s->input, NULL) != RC_OK ||
        json_parse(s->task->data, &s->data, NULL) != RC_OK)
        return RC_CORRUPT;
    return kind->step(s);
}

/* True: another step is to follow. */
static bool step_once(struct api *api, int64_t num, bool *wait)
{
    struct arena a;
    arena_init(&a);
    struct store_task t;
    struct api_step s = { .api = api, .task = &t, .arena = &a };
    bool more = false;
    enum rc rc = RC_OK;
    const struct api_task_kind *kind = NULL;
    if (load(api, num, &a, &t) != RC_OK || !str_eq(t.status, STR("running")))
        goto out;
    kind = kind_of(t.kind);
    s.cursor = t.cursor;
    rc = kind == NULL ? RC_CORRUPT : run_step(&s, kind);
    *wait = rc == RC_BUSY || rc == RC_IO; /* a disk that is full has room again some day */
    more = *wait || (rc == RC_OK && !s.finished);
    if (!more)
        t.status = rc == RC_OK ? STR("finished") : STR("failed");
    t.cursor = s.cursor;
    if (s.data != NULL)
        t.data = json_text(&a, s.data);
    t.updated_us = clock_wall_us(api->o.clock);
    if (save(api, &t) != RC_OK)
        *wait = more = true; /* the step is done again: it is safe to repeat */
    else if (!more)
        tell_finished(api, &t);
out:
    json_decref(s.input);
    json_decref(s.data);
    arena_fini(&a);
    return more;
}

static void submit(struct runner *r);

static void unlink_waiting(struct runner *r)
{
    *(r->prev != NULL ? &r->prev->next : &r->api->tasks->waiting) = r->next;
    if (r->next != NULL)
        r->next->prev = r->prev;
    r->next = r->prev = NULL;
}

static void try_again(void *arg)
{
    unlink_waiting(arg);
    submit(arg);
}

static void set_timer(void *arg)
{
    enum { AGAIN_US = 200000 };
    struct runner *r = arg;
    struct api_tasks *tasks = r->api->tasks;
    r->timer.fn = try_again;
    r->timer.arg = r;
    r->next = tasks->waiting;
    if (r->next != NULL)
        r->next->prev = r;
    tasks->waiting = r;
    loop_timer_set(tasks->loop, &r->timer, loop_now_us(tasks->loop) + AGAIN_US);
}

static void wait_and_submit(struct runner *r)
{
    r->task = (struct loop_task){ .fn = set_timer, .arg = r };
    loop_post(r->api->tasks->loop, &r->task);
}

static void run(void *arg)
{
    struct runner *r = arg;
    bool wait = false;
    bool more = !atomic_load(&r->api->tasks->stopping) && step_once(r->api, r->num, &wait);
    if (!more || atomic_load(&r->api->tasks->stopping))
        xfree(r);
    else if (wait)
        wait_and_submit(r);
    else
        submit(r);
}

static void submit(struct runner *r)
{
    r->job = (struct work_job){ .fn = run, .arg = r };
    if (work_submit(r->api->o.pool, &r->job) != RC_OK)
        wait_and_submit(r);
}

static void start(struct api *api, int64_t num)
{
    struct runner *r = XNEW(struct runner);
    r->api = api;
    r->num = num;
    submit(r);
}

static void resume_all(void *arg)
{
    struct runner *r = arg;
    struct api *api = r->api;
    xfree(r);
    struct arena a;
    arena_init(&a);
    struct store_tx *tx = NULL;
    struct store_task *tasks = NULL;
    size_t count = 0;
    if (store_read(api->o.store, &tx) == RC_OK) {
        if (store_task_running(tx, &a, &tasks, &count) != RC_OK)
            count = 0;
        store_end(tx);
    }
    for (size_t i = 0; i < count; i++)
        start(api, tasks[i].num);
    arena_fini(&a);
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
    while (api->tasks->waiting != NULL) {
        struct runner *r = api->tasks->waiting;
        unlink_waiting(r);
        loop_timer_stop(api->tasks->loop, &r->timer);
        xfree(r);
    }
    xfree(api->tasks);
}

void api_start(struct api *api)
{
    struct runner *r = XNEW(struct runner);
    r->api = api;
    r->job = (struct work_job){ .fn = resume_all, .arg = r };
    MUST(work_submit(api->o.pool, &r->job) == RC_OK); /* the first job there is */
}

void api_stop(struct api *api)
{
    atomic_store(&api->tasks->stopping, true);
}

/* --- making ----------------------------------------------------------------------------------- */

static void write_task(struct api_out *o, const struct store_task *t)
{
    api_out_str(o, "id", t->id);
    api_out_str(o, "status", t->status);
    api_out_str(o, "task", t->kind);
    api_out_date(o, "updatedAt", t->updated_us);
}

static struct str input_text(struct api_ctx *c, const struct api_task *task)
{
    json_t *input = task->filter == NULL ? json_object() : task->filter;
    json_object_set_new(input, "since", json_integer(task->since_us));
    json_object_set_new(input, "until", json_integer(task->until_us));
    struct str text = json_text(c->arena, input);
    json_decref(input);
    return text;
}

void api_task_create(struct api_ctx *c, const struct api_task *task, const json_t *unresolved)
{
    struct store_tx *tx;
    struct store_task t = { .org = c->who->org,
                            .app = task->app,
                            .endpoint = task->endpoint,
                            .id = api_new_id_text(c, "qtask_"),
                            .kind = task->kind,
                            .status = STR("running"),
                            .input = input_text(c, task),
                            .data = STR("{}"),
                            .created_us = c->now_us,
                            .updated_us = c->now_us };
    if (!api_write(c, &tx))
        return;
    enum rc rc = store_task_prune(tx, c->now_us - TASKS_KEPT_DAYS * INT64_C(86400000000));
    if (rc == RC_OK)
        rc = store_task_insert(tx, &t);
    if (rc != RC_OK) {
        api_abort(c, tx, rc);
        return;
    }
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    write_task(&o, &t);
    if (unresolved != NULL)
        api_out_raw(&o, "unresolvedAppIds", json_text(c->arena, unresolved));
    api_out_end(&o, '}');
    api_reply(c, 202, &o);
    if (api_commit(c, tx))
        start(c->api, t.num);
}

/* --- showing ---------------------------------------------------------------------------------- */

static void write_whole(struct api_out *o, const struct store_task *t)
{
    api_out_begin(o, '{');
    write_task(o, t);
    api_out_raw(o, "data", t->data);
    api_out_end(o, '}');
}

static void list_tasks(struct http_request *req)
{
    struct api_ctx c;
    struct store_page page;
    struct store_tx *tx;
    struct str status = STR_NONE;
    struct str kind = STR_NONE;
    if (!api_begin(req, &c) || !api_page(&c, "qtask_", true, &page) ||
        !api_query_chars(&c, "status", API_CHARS_NAME, &status) ||
        !api_query_chars(&c, "task", API_CHARS_NAME, &kind) || !api_read(&c, &tx))
        return;
    struct store_task *tasks = arena_array(c.arena, (size_t)page.limit, sizeof(*tasks));
    struct store_page_end end = { 0 };
    enum rc rc = store_task_list(tx, c.who->org, status, kind, &page, c.arena, tasks, &end);
    store_end(tx);
    if (rc != RC_OK) {
        api_fail(&c, rc);
        return;
    }
    struct api_out o;
    api_list_open(&c, &o);
    for (size_t i = 0; i < end.count; i++) {
        api_out_key(&o, NULL);
        write_whole(&o, &tasks[i]);
    }
    api_list_reply(&c, &o, &end, end.count == 0 ? STR_NONE : tasks[0].id,
                   end.count == 0 ? STR_NONE : tasks[end.count - 1].id);
}

static void get_task(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    struct store_task t;
    if (!api_begin(req, &c) || !api_read(&c, &tx))
        return;
    enum rc rc = store_task_find(tx, c.who->org, api_param(&c, "task_id"), c.arena, &t);
    store_end(tx);
    if (rc != RC_OK) {
        api_fail(&c, rc);
        return;
    }
    struct api_out o;
    api_out_open(&c, &o);
    write_whole(&o, &t);
    api_reply(&c, 200, &o);
}

static const struct http_route routes[] = {
    { HTTP_GET, "/api/v1/background-task", HTTP_WORKER, list_tasks, API_ORG,
      "v1.background-task.list", "List background tasks, newest first" },
    { HTTP_GET, "/api/v1/background-task/{task_id}", HTTP_WORKER, get_task, API_ORG,
      "v1.background-task.get", "Get a background task" },
};
API_ROUTES(task, routes);
