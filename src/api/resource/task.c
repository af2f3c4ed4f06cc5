/* SPDX-License-Identifier: Apache-2.0
 *
 * Background tasks: making and showing them.
 */
#include "api/resource/task_priv.h"

#include "api/kit/actor.h"
#include "api/resource/task_kinds_priv.h"
#include "api/schemas/schemas.h"

enum { TASKS_KEPT_DAYS = 90 };

/* --- making ----------------------------------------------------------------------------------- */

static void write_task(struct api_out *o, const struct store_task *t)
{
    api_out_str(o, "id", t->id);
    api_out_str(o, "status", t->status);
    api_out_str(o, "task", t->kind);
    api_out_date(o, "updatedAt", t->updated_us);
}

static struct str data_text(struct api_ctx *c, const struct api_task *task)
{
    struct str text = task->data == NULL ? STR("{}") : json_text(c->arena, task->data);
    json_decref(task->data);
    return text;
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
    struct str input = input_text(c, task);
    struct str data = data_text(c, task);
    if (!api_tx_write(c))
        return;
    struct store_task t = { .org = c->who->org,
                            .app = task->app,
                            .endpoint = task->endpoint,
                            .id = task->id.ptr != NULL ? task->id : api_new_id_text(c, "qtask_"),
                            .kind = task->kind,
                            .status = STR("running"),
                            .input = input,
                            .data = data,
                            .rate = task->rate,
                            .created_us = c->now_us,
                            .updated_us = c->now_us,
                            .started_by = api_actor(c) };
    enum rc rc = store_task_prune(c->tx, c->now_us - TASKS_KEPT_DAYS * INT64_C(86400000000));
    if (rc == RC_OK)
        rc = store_task_insert(c->tx, &t);
    if (rc == RC_CONFLICT) {
        http_error(c->req, 409, "conflict", "This was started already: it is the task %.*s.",
                   STR_ARGS(t.id));
        return;
    }
    if (!api_ok(c, rc))
        return;
    struct api_out o;
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    write_task(&o, &t);
    if (unresolved != NULL)
        api_out_raw(&o, "unresolvedAppIds", json_text(c->arena, unresolved));
    api_out_end(&o, '}');
    api_reply(c, 202, &o);
    if (api_tx_commit(c))
        api_task_start(c->api, t.num);
}

/* --- showing ---------------------------------------------------------------------------------- */

static const char *task_state_of(const struct store_task *t)
{
    bool is_held = t->hold != STORE_TASK_GOES;
    if (str_eq(t->status, STR("finished")))
        return "finished";
    if (str_eq(t->status, STR("failed")))
        return t->hold == STORE_TASK_CANCELED ? "canceled" : "failed";
    if (is_held)
        return t->hold == STORE_TASK_CANCELED ? "canceling" : "paused";
    return "running";
}

static int64_t number_in(const json_t *data, const char *name)
{
    return json_integer_value(json_object_get(data, name));
}

int64_t api_task_through(const json_t *data)
{
    return number_in(data, "done") + number_in(data, "failed");
}

/* When it will have ended, as fast as it went since it goes on like this; 0: nobody can tell. */
static int64_t end_of(const struct store_task *t, const json_t *data)
{
    enum { DAYS_MAX = 366 };
    const double day_us = 86400e6;
    int64_t through = api_task_through(data);
    int64_t left = number_in(data, "total") - through;
    int64_t recent = through - t->paced_done;
    int64_t took_us = t->updated_us - t->paced_from_us;
    double need_us = 0;
    if (strcmp(task_state_of(t), "running") != 0 || left <= 0)
        return 0;
    if (recent > 0 && took_us > 0)
        need_us = (double)left * (double)took_us / (double)recent;
    else if (t->rate > 0)
        need_us = (double)left * 1e6 / (double)t->rate;
    else
        return 0;
    return need_us > DAYS_MAX * day_us ? 0 : t->updated_us + (int64_t)need_us;
}

static void set_number(json_t *data, const char *name, int64_t value)
{
    json_object_set_new(data, name, json_integer(value));
}

static void set_end(json_t *data, int64_t at_us)
{
    char text[TIME_TEXT_LEN + 1];
    if (at_us == 0) {
        json_object_set_new(data, "eta", json_null());
        return;
    }
    time_format(at_us, text);
    json_object_set_new(data, "eta", json_string(text));
}

json_t *api_task_data(const struct store_task *t)
{
    json_t *data = NULL;
    json_t *by = NULL;
    if (json_parse(t->data, &data, NULL) != RC_OK)
        data = json_object();
    if (t->started_by.ptr == NULL || json_parse(t->started_by, &by, NULL) != RC_OK)
        by = json_null();
    set_number(data, "done", number_in(data, "done"));
    set_number(data, "failed", number_in(data, "failed"));
    if (json_object_get(data, "total") == NULL)
        json_object_set_new(data, "total", json_null());
    json_object_set_new(data, "rate", t->rate == 0 ? json_null() : json_integer(t->rate));
    json_object_set_new(data, "state", json_string(task_state_of(t)));
    set_end(data, end_of(t, data));
    json_object_set_new(data, "startedBy", by);
    return data;
}

void api_task_write(struct api_ctx *c, struct api_out *o, const struct store_task *t)
{
    json_t *data = api_task_data(t);
    api_out_begin(o, '{');
    write_task(o, t);
    api_out_raw(o, "data", json_text(c->arena, data));
    api_out_end(o, '}');
    json_decref(data);
}

/* Kinds of Svix's that nothing here runs: lists of them are empty. */
static const char *const other_kinds[] = { "message.broadcast", "sdk.generate" };
static const char *const statuses[] = { "running", "finished", "failed" };

static bool is_among(struct str value, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(value, str_from(words[i])))
            return true;
    return false;
}

/* False: answered. */
static bool read_task_filter(struct api_ctx *c, struct str *status, struct str *kind)
{
    if (!api_query_chars(c, "status", API_CHARS_NAME, status) ||
        !api_query_chars(c, "task", API_CHARS_NAME, kind))
        return false;
    if (status->len > 0 && !is_among(*status, statuses, COUNT_OF(statuses))) {
        http_invalid(c->req, "query.status", "value_error",
                     "There is no status '%.*s': expected running, finished or failed.",
                     STR_ARGS(*status));
        return false;
    }
    if (kind->len == 0 || api_task_kind_of(*kind) != NULL ||
        is_among(*kind, other_kinds, COUNT_OF(other_kinds)))
        return true;
    struct buf *words = api_buf(c, 1024);
    for (size_t i = 0; i < api_task_kind_count; i++)
        buf_say(words, "%s%s", i == 0 ? "" : ", ", api_task_kinds[i].name);
    http_invalid(c->req, "query.task", "value_error",
                 "There is no kind of task '%.*s': expected one of %.*s.", STR_ARGS(*kind),
                 STR_ARGS(buf_str(words)));
    return false;
}

static void task_write_row(struct api_ctx *c, struct api_out *o, const void *row, const void *arg)
{
    (void)arg;
    api_task_write(c, o, row);
}

void api_task_list(struct api_ctx *c, bool is_bulk)
{
    struct store_page page;
    struct str status = STR_NONE;
    struct str kind = STR_NONE;
    if (!api_page(c, "qtask_", true, &page) || !read_task_filter(c, &status, &kind))
        return;
    struct store_task *tasks = api_page_room(c, &page, sizeof(*tasks));
    struct store_page_end end = { 0 };
    const struct store_task_filter f = {
        .org = c->who->org, .app = c->who->app, .status = status, .kind = kind, .is_bulk = is_bulk
    };
    enum rc rc = store_task_list(c->tx, &f, &page, c->arena, tasks, &end);
    api_reply_page(c, rc, &page, &end, API_ROWS(tasks, id, NULL, task_write_row, NULL));
}

static void list_tasks(struct api_ctx *c)
{
    api_task_list(c, false);
}

/* An application's token sees the tasks of its application. */
void api_task_reply(struct api_ctx *c, struct str kind)
{
    struct store_task t;
    enum rc rc = store_task_find(c->tx, c->who->org, api_param(c, "task_id"), c->arena, &t);
    bool is_theirs = c->who->app == 0 || c->who->app == t.app;
    if (rc == RC_OK && (!is_theirs || !str_starts(t.kind, kind)))
        rc = RC_NOT_FOUND;
    if (!api_ok(c, rc))
        return;
    struct api_out o;
    api_out_open(c, &o);
    api_task_write(c, &o, &t);
    api_reply(c, 200, &o);
}

static void get_task(struct api_ctx *c)
{
    api_task_reply(c, STR_NONE);
}

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, "/api/v1/background-task", API_ORG, "v1.background-task.list",
                "List background tasks, newest first"),
      .run = list_tasks, .steps = API_READS, .out = &api_schema_BackgroundTaskOut, .status = 200,
      .is_list = true, .query = API_PAGE_ORDER " status task" },
    { API_ROUTE(HTTP_GET, "/api/v1/background-task/{task_id}", API_ANY | API_CAN(ACCESS_MAY_VIEW),
                "v1.background-task.get", "Get a background task"),
      .run = get_task, .steps = API_READS, .out = &api_schema_BackgroundTaskOut, .status = 200 },
};
API_ROUTES(task, routes);
