/* SPDX-License-Identifier: Apache-2.0
 *
 * Doing what was counted, a page a step. A step that is repeated after a crash finds deliveries that the task has had
 * already and counts them as done; canceling and erasing find nothing left to do. Only requests of a source that are
 * replayed may come once more, at most those of one step: they are few.
 */
#include "api/resource/bulk_priv.h"

#include "api/resource/requeue_priv.h"

enum {
    REQUESTS_AT_ONCE = 10, /* their bodies are in memory, and they are taken in one by one */
    ERASED_AT_ONCE = 10    /* in one commit; a small queue of the store has room for them */
};

static void bulk_run_add(struct api_step *s, const char *name, size_t more)
{
    json_int_t before = json_integer_value(json_object_get(s->data, name));
    json_object_set_new(s->data, name, json_integer(before + (json_int_t)more));
}

/* Rows of a page that are to be acted on. */
struct work {
    const struct api_bulk_row *rows[API_TASK_STEP];
    size_t count;
    size_t done_before; /* by this very step, which was cut short */
    size_t looked;
};

static void bulk_run_choose(const struct api_step *s, const struct api_bulk_page *page,
                            struct work *work)
{
    for (; work->looked < page->count && work->count < s->budget; work->looked++) {
        const struct api_bulk_row *row = &page->rows[work->looked];
        if (row->task == s->task->num)
            work->done_before++;
        else if (row->fits)
            work->rows[work->count++] = row;
    }
}

static enum rc bulk_run_send(struct api_step *s, const struct api_bulk *b, const struct work *work,
                             size_t *done)
{
    struct id ids[API_TASK_STEP];
    for (size_t i = 0; i < work->count; i++)
        ids[i] = work->rows[i]->id;
    if (work->count == 0)
        return RC_OK;
    const struct api_again again = { .app = b->app,
                                     .endpoint = b->to != 0 ? b->to : work->rows[0]->endpoint,
                                     .create_missing = b->to != 0,
                                     .task = s->task->num };
    return api_requeue_many(s->api, &again, ids, work->count, done);
}

static enum rc bulk_run_cancel(struct api_step *s, const struct api_bulk *b,
                               const struct work *work, size_t *done)
{
    struct api_waits list[API_TASK_STEP];
    for (size_t i = 0; i < work->count; i++)
        list[i] =
            (struct api_waits){ work->rows[i]->id, work->rows[i]->endpoint, work->rows[i]->state };
    return api_cancel_many(s->api, b->app, list, work->count, done);
}

static enum rc bulk_run_erase(struct api_step *s, const struct api_bulk *b, const struct work *work,
                              size_t *done)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < work->count; i += ERASED_AT_ONCE) {
        struct id ids[ERASED_AT_ONCE];
        size_t count = 0, erased = 0;
        while (count < ERASED_AT_ONCE && i + count < work->count) {
            ids[count] = work->rows[i + count]->id;
            count++;
        }
        rc = api_expunge_many(s->api, ids, count, b->app, &erased);
        if (rc == RC_NOT_FOUND)
            rc = RC_OK; /* the time of its segment was over meanwhile */
        *done += erased;
    }
    return rc;
}

static enum rc bulk_run_replay(struct api_step *s, const struct work *work, size_t *done)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < work->count; i++) {
        struct id id;
        rc = inbound_replay(s->api->o.inbound, work->rows[i]->request, s->arena, &id);
        *done += rc == RC_OK;
        if (rc == RC_DENIED || rc == RC_INVALID)
            rc = RC_OK;
    }
    if (rc == RC_CONFLICT)
        s->why = "The source is paused.";
    return rc;
}

static enum rc bulk_run_act(struct api_step *s, const struct api_bulk *b, const struct work *work,
                            size_t *done)
{
    if (b->source != 0)
        return bulk_run_replay(s, work, done);
    if (b->action->deed == API_BULK_SENDS)
        return bulk_run_send(s, b, work, done);
    return b->action->deed == API_BULK_ERASES ? bulk_run_erase(s, b, work, done)
                                              : bulk_run_cancel(s, b, work, done);
}

enum rc api_bulk_step(struct api_step *s)
{
    struct api_bulk b;
    struct work work = { .count = 0 };
    size_t done = 0;
    enum rc rc = api_bulk_read(s->input, s->arena, &b);
    if (rc == RC_OK && b.action->deed == API_BULK_SENDS && s->task->endpoint != 0)
        rc = api_step_check_endpoint(s);
    if (rc != RC_OK)
        return rc;
    struct api_bulk_page *page = arena_alloc(s->arena, sizeof(*page));
    page->limit = b.source != 0 ? REQUESTS_AT_ONCE : API_TASK_STEP;
    page->with_body = true;
    rc = api_bulk_look(s->api, &b, s->cursor, s->arena, page);
    if (rc == RC_NOT_FOUND)
        s->why = "The application was deleted.";
    if (rc != RC_OK)
        return rc;
    bulk_run_choose(s, page, &work);
    rc = bulk_run_act(s, &b, &work, &done);
    if (rc != RC_OK)
        return rc;
    bulk_run_add(s, "done", work.done_before + done);
    bulk_run_add(s, "failed", work.count - done);
    s->acted = work.count;
    bool is_whole = work.looked == page->count;
    s->cursor = is_whole ? page->next : api_bulk_after(&b, &page->rows[work.looked - 1], s->arena);
    s->finished = is_whole && page->done;
    return RC_OK;
}
