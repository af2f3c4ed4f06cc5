/* SPDX-License-Identifier: Apache-2.0
 *
 * What each kind of background task does in a step. The cursor is the id of the last message (or
 * application) looked at. A step that is repeated, after a crash or as the disk was full, finds the same
 * work and counts the same: each delivery says which task asked for it last, so that none is asked for
 * twice by the same one, and results are added up once the whole step is done.
 */
#include "api/resource/task_steps_priv.h"

#include "api/resource/message_in.h"
#include "api/resource/requeue_priv.h"
#include "core/filters.h"

static int64_t input_time(const struct api_step *s, const char *name)
{
    return json_integer_value(json_object_get(s->input, name));
}

static void count_up(struct api_step *s, const char *name, size_t more)
{
    json_int_t before = json_integer_value(json_object_get(s->data, name));
    json_object_set_new(s->data, name, json_integer(before + (json_int_t)more));
}

static struct str msg_text(struct api_step *s, const struct id *id)
{
    char text[ID_TEXT_MAX + 1];
    return arena_str(s->arena, id_format(STR("msg_"), id, text));
}

static struct store_message_filter task_steps_window(const struct api_step *s)
{
    return (struct store_message_filter){ .app = s->task->app,
                                          .after_us = input_time(s, "since"),
                                          .before_us = input_time(s, "until") };
}

static struct store_page page_of(const struct api_step *s)
{
    bool oldest_first = json_is_true(json_object_get(s->input, "oldestFirst"));
    return (struct store_page){ .limit = API_TASK_STEP,
                                .after = s->cursor,
                                .descending = !oldest_first };
}

static void fill_replay_data(struct api_step *s)
{
    char time[TIME_TEXT_LEN + 1];
    if (json_object_get(s->data, "since") != NULL)
        return;
    time_format(input_time(s, "since"), time);
    json_object_set_new(s->data, "since", json_string(time));
    time_format(input_time(s, "until"), time);
    json_object_set_new(s->data, "until", json_string(time));
    json_object_set_new(s->data, "messages_sent", json_integer(0));
    const json_t *endpoint = json_object_get(s->input, "endpointId");
    if (endpoint != NULL)
        json_object_set(s->data, "endp_id", (json_t *)(uintptr_t)endpoint);
}

enum rc api_step_check_endpoint(struct api_step *s)
{
    struct core_app *app = NULL;
    enum rc rc = core_directory_load(s->api->o.directory, s->task->app, &app);
    if (rc == RC_NOT_FOUND)
        s->why = "The application was deleted.";
    if (rc != RC_OK)
        return rc;
    const struct core_endpoint *ep = core_app_endpoint(app, s->task->endpoint);
    if (ep == NULL)
        s->why = "The endpoint was deleted.";
    else if (ep->disabled)
        s->why = "The endpoint was disabled.";
    core_app_unref(app);
    return s->why == NULL ? RC_OK : RC_NOT_FOUND;
}

/* What a page gives a step to do. */
struct page_work {
    struct id ids[API_TASK_STEP];
    size_t count;
    size_t done_before; /* by this very step, which was cut short */
    size_t looked;      /* rows of the page that were judged: the step had no budget for more */
};

/* `fits`: it is to be sent again. `task`: the last one that had it. */
static void add_work(const struct api_step *s, struct page_work *work, const struct id *id,
                     int64_t task, bool fits)
{
    if (task == s->task->num)
        work->done_before++;
    else if (fits)
        work->ids[work->count++] = *id;
}

/* Each try gets on by what it can do; the count moves with the cursor. */
static enum rc requeue_page(struct api_step *s, const struct page_work *work, bool create)
{
    size_t done = 0;
    const struct api_again again = { .app = s->task->app,
                                     .endpoint = s->task->endpoint,
                                     .create_missing = create,
                                     .task = s->task->num };
    enum rc rc = api_requeue_many(s->api, &again, work->ids, work->count, &done);
    if (rc != RC_OK)
        return rc;
    count_up(s, "messages_sent", work->done_before + done);
    count_up(s, "done", work->done_before + done);
    count_up(s, "failed", work->count - done);
    s->acted = work->count;
    return RC_OK;
}

/* Through with the rows that were looked at; `last`: the message of the last of them. */
static void end_page(struct api_step *s, const struct store_page_end *end, size_t looked,
                     const struct id *last)
{
    if (looked > 0)
        s->cursor = msg_text(s, last);
    s->finished = looked == end->count && (end->done || end->count == 0);
}

/* --- recover and bulk-replay: deliveries there are -------------------------------------------- */

/* Was the last attempt of the delivery answered with a status of the class asked for? */
static enum rc class_fits(struct api_step *s, const struct id *message, bool *fits)
{
    const json_t *wanted = json_object_get(s->input, "statusCodeClass");
    *fits = !json_is_integer(wanted);
    if (*fits)
        return RC_OK;
    struct store_attempt_filter f = { .app = s->task->app,
                                      .endpoint = s->task->endpoint,
                                      .message = message,
                                      .status = -1,
                                      .status_class = (int)json_integer_value(wanted) };
    struct store_page page = { .limit = 1, .descending = true };
    struct store_attempt_row row;
    struct store_page_end end = { 0 };
    enum rc rc = store_attempt_list(s->api->o.store, &f, &page, s->arena, &row, &end);
    *fits = end.count > 0;
    return rc;
}

/* What failed and waits for its next try is sent now, too; what was not tried yet is on its way, or put off. */
static bool state_fits(const struct api_step *s, enum store_state state)
{
    const json_t *wanted = json_object_get(s->input, "status");
    if (json_is_integer(wanted))
        return store_state_is(state, (int)json_integer_value(wanted), false);
    return state == STORE_FAILED || state == STORE_CANCELED || state == STORE_SENDING ||
           (state == STORE_SUCCESS && json_is_true(json_object_get(s->input, "all")));
}

static enum rc row_fits(struct api_step *s, const struct store_delivery_row *row, bool *fits)
{
    *fits = false;
    if (row->task == s->task->num || !state_fits(s, row->state))
        return RC_OK;
    return class_fits(s, &row->message, fits);
}

static void fill_filter(struct api_step *s, struct store_message_filter *f)
{
    f->channel = json_str_member(s->input, "channel");
    f->tag = json_str_member(s->input, "tag");
    const json_t *types = json_object_get(s->input, "eventTypes");
    size_t count = json_array_size(types);
    struct str *names = arena_array(s->arena, count + 1, sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = json_str_of(json_array_get(types, i));
    f->event_types = names;
    f->event_type_count = count;
}

enum rc api_step_existing(struct api_step *s)
{
    fill_replay_data(s);
    enum rc rc = api_step_check_endpoint(s);
    if (rc != RC_OK)
        return rc;
    struct store_message_filter f = task_steps_window(s);
    fill_filter(s, &f);
    struct store_page page = page_of(s);
    struct store_delivery_row *rows = arena_array(s->arena, API_TASK_STEP, sizeof(*rows));
    struct store_page_end end = { 0 };
    rc = store_delivery_by_endpoint(s->api->o.store, &f, s->task->endpoint, 0, &page, s->arena,
                                    rows, &end);
    struct page_work work = { .count = 0 };
    for (; rc == RC_OK && work.looked < end.count && work.count < s->budget; work.looked++) {
        const struct store_delivery_row *row = &rows[work.looked];
        bool fits = false;
        rc = row_fits(s, row, &fits);
        add_work(s, &work, &row->message, row->task, fits);
    }
    if (rc == RC_OK)
        rc = requeue_page(s, &work, false);
    if (rc == RC_OK)
        end_page(s, &end, work.looked, &rows[work.looked == 0 ? 0 : work.looked - 1].message);
    return rc;
}

/* What a recovery has to do is in the counts; what a filter leaves of the rest is not. */
enum rc api_step_measure_recover(struct api_step *s, int64_t *total)
{
    struct store_counts counts = { 0 };
    enum rc rc = store_delivery_counts(s->api->o.store, s->task->app, s->task->endpoint,
                                       input_time(s, "since"), input_time(s, "until"), &counts);
    if (rc == RC_OK)
        *total = counts.by_state[STORE_FAILED] + counts.by_state[STORE_CANCELED] +
                 counts.by_state[STORE_SENDING];
    return rc;
}

/* --- replay-missing: messages the endpoint never got ------------------------------------------ */

struct channel_list {
    struct str names[API_CHANNELS_MAX];
    size_t count;
    json_t *json;
};

static void read_channels(struct str text, struct channel_list *out)
{
    *out = (struct channel_list){ 0 };
    if (text.ptr == NULL || json_parse(text, &out->json, NULL) != RC_OK)
        return;
    for (size_t i = 0; i < json_array_size(out->json) && i < API_CHANNELS_MAX; i++)
        out->names[out->count++] = json_str_of(json_array_get(out->json, i));
}

/* Filters look at the payload, which the list does not bring along. One that is gone cannot be sent anyway. */
static enum rc task_steps_passes(struct api_step *s, const struct core_app *app,
                                 const struct id *id, bool *does)
{
    struct store_message *whole = NULL;
    int64_t endpoint = s->task->endpoint;
    *does = true;
    if (!app->has_filters)
        return RC_OK;
    enum rc rc = store_message_load(s->api->o.store, id, &whole);
    if (rc == RC_OK)
        *does = core_filter(app, whole, &endpoint, 1) == 1;
    store_message_unref(whole);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

bool api_endpoint_wants(const struct core_app *app, int64_t endpoint, const struct store_message *m)
{
    const struct core_endpoint *ep = core_app_endpoint(app, endpoint);
    struct channel_list channels;
    read_channels(m->channels, &channels);
    bool wants = ep != NULL && core_match_one(ep, m->event_type, channels.names, channels.count);
    json_decref(channels.json);
    return wants;
}

/* The endpoint's delivery of a message; state 0: there is none. */
static enum rc find_delivery(struct api_step *s, const struct id *message,
                             struct store_delivery_row *out)
{
    struct store_delivery_row *rows = NULL;
    size_t count = 0;
    enum rc rc =
        store_delivery_by_message(s->api->o.store, s->task->app, message, s->arena, &rows, &count);
    *out = (struct store_delivery_row){ 0 };
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        if (rows[i].endpoint == s->task->endpoint)
            *out = rows[i];
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* Is it missing at the endpoint? What waits for another try is, and is sent now. `row`: its delivery, if it has one. */
static enum rc is_missing(struct api_step *s, const struct core_app *app,
                          const struct store_message *m, struct store_delivery_row *row,
                          bool *missing)
{
    *missing = false;
    enum rc rc = find_delivery(s, &m->id, row);
    if (rc != RC_OK)
        return rc;
    if (row->state != 0) {
        *missing = row->state == STORE_SENDING;
        return RC_OK;
    }
    return api_endpoint_wants(app, s->task->endpoint, m)
               ? task_steps_passes(s, app, &m->id, missing)
               : RC_OK;
}

static enum rc missing_of_page(struct api_step *s, const struct store_message_row *rows,
                               size_t row_count, struct page_work *work)
{
    struct core_app *app = NULL;
    enum rc rc = core_directory_load(s->api->o.directory, s->task->app, &app);
    for (; rc == RC_OK && work->looked < row_count && work->count < s->budget; work->looked++) {
        const struct store_message *m = &rows[work->looked].message;
        bool missing = false;
        struct store_delivery_row row = { 0 };
        rc = is_missing(s, app, m, &row, &missing);
        add_work(s, work, &m->id, row.task, missing);
    }
    core_app_unref(app);
    return rc;
}

enum rc api_step_missing(struct api_step *s)
{
    fill_replay_data(s);
    enum rc rc = api_step_check_endpoint(s);
    if (rc != RC_OK)
        return rc;
    struct store_message_filter f = task_steps_window(s);
    struct store_page page = page_of(s);
    struct store_message_row *rows = arena_array(s->arena, API_TASK_STEP, sizeof(*rows));
    struct store_page_end end = { 0 };
    struct page_work work = { .count = 0 };
    rc = store_message_list(s->api->o.store, &f, &page, s->arena, rows, &end);
    if (rc == RC_OK)
        rc = missing_of_page(s, rows, end.count, &work);
    if (rc == RC_OK)
        rc = requeue_page(s, &work, true);
    if (rc == RC_OK)
        end_page(s, &end, work.looked, &rows[work.looked == 0 ? 0 : work.looked - 1].message.id);
    return rc;
}

/* --- purge ------------------------------------------------------------------------------------ */

enum { PURGED_AT_ONCE = 10 }; /* in one commit; a small queue of the store has room for them */

static enum rc purge_some(struct api_step *s, const struct store_message_row *rows, size_t count,
                          size_t *purged)
{
    struct id ids[PURGED_AT_ONCE];
    size_t done = 0;
    if (count > PURGED_AT_ONCE)
        count = PURGED_AT_ONCE;
    for (size_t i = 0; i < count; i++)
        ids[i] = rows[i].message.id;
    enum rc rc = api_expunge_many(s->api, ids, count, s->task->app, &done);
    *purged += done;
    return rc == RC_NOT_FOUND ? RC_OK : rc; /* the time of its segment was over meanwhile */
}

enum rc api_step_purge(struct api_step *s)
{
    struct store_message_filter f = { .app = s->task->app, .before_us = input_time(s, "until") };
    struct store_page page = page_of(s);
    page.limit = (int)s->budget;
    struct store_message_row *rows = arena_array(s->arena, API_TASK_STEP, sizeof(*rows));
    struct store_page_end end = { 0 };
    enum rc rc = store_message_list(s->api->o.store, &f, &page, s->arena, rows, &end);
    size_t purged = 0;
    for (size_t i = 0; rc == RC_OK && i < end.count; i += PURGED_AT_ONCE)
        rc = purge_some(s, &rows[i], end.count - i, &purged);
    if (rc != RC_OK)
        return rc;
    count_up(s, "messages_purged", purged);
    count_up(s, "done", purged);
    count_up(s, "failed", end.count - purged);
    s->acted = end.count;
    end_page(s, &end, end.count, &rows[end.count == 0 ? 0 : end.count - 1].message.id);
    return RC_OK;
}

/* --- statistics: an application a step -------------------------------------------------------- */

/* The next application after the cursor, with its endpoints. RC_NOT_FOUND: that was the last. */
static enum rc next_app(struct api_step *s, struct store_application *app,
                        struct store_endpoint **eps, size_t *count)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_read(s->api->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    struct store_page page = { .limit = 1, .after = s->cursor };
    struct store_page_end end = { 0 };
    rc = store_application_list(tx, s->task->org, NULL, &page, s->arena, app, &end);
    if (rc == RC_OK && end.count == 0)
        rc = RC_NOT_FOUND;
    if (rc == RC_OK)
        rc = store_endpoint_all(tx, app->num, s->arena, eps, count);
    store_end(tx);
    return rc;
}

static json_t *result_list(struct api_step *s, const char *name)
{
    json_t *list = json_object_get(s->data, name);
    if (list == NULL) {
        list = json_array();
        json_object_set_new(s->data, name, list);
    }
    return list;
}

static bool app_is_wanted(const struct api_step *s, struct str id)
{
    const json_t *wanted = json_object_get(s->input, "appIds");
    if (!json_is_array(wanted))
        return true;
    for (size_t i = 0; i < json_array_size(wanted); i++)
        if (str_eq(id, json_str_of(json_array_get(wanted, i))))
            return true;
    return false;
}

static json_t *text_or_null(struct str s)
{
    return s.ptr == NULL ? json_null() : json_stringn(s.ptr, s.len);
}

/* Says of one application what the task is for. */
typedef enum rc (*app_fn)(struct api_step *s, const struct store_application *app,
                          const struct store_endpoint *eps, size_t count, json_t *row);

static enum rc step_app(struct api_step *s, const char *results, app_fn say)
{
    struct store_application app;
    struct store_endpoint *eps = NULL;
    size_t count = 0;
    json_t *list = result_list(s, results);
    enum rc rc = next_app(s, &app, &eps, &count);
    s->finished = rc == RC_NOT_FOUND;
    if (rc != RC_OK)
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    json_t *row = json_object();
    json_object_set_new(row, "appId", text_or_null(app.id));
    bool is_wanted = app_is_wanted(s, app.id);
    if (is_wanted)
        rc = say(s, &app, eps, count, row);
    if (rc == RC_OK) { /* else it is this one's turn again */
        s->cursor = app.id;
        s->acted = 1;
        count_up(s, "done", 1);
        if (is_wanted)
            json_array_append(list, row);
    }
    json_decref(row);
    return rc;
}

static enum rc say_usage(struct api_step *s, const struct store_application *app,
                         const struct store_endpoint *eps, size_t count, json_t *row)
{
    int64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        struct store_counts counts = { 0 };
        enum rc rc = store_delivery_counts(s->api->o.store, app->num, eps[i].num,
                                           input_time(s, "since"), input_time(s, "until"), &counts);
        if (rc != RC_OK)
            return rc;
        for (size_t k = 0; k < COUNT_OF(counts.by_state); k++)
            total += counts.by_state[k];
    }
    json_object_set_new(row, "appUid", text_or_null(app->uid));
    json_object_set_new(row, "messageDestinations", json_integer(total));
    return RC_OK;
}

enum rc api_step_usage(struct api_step *s)
{
    return step_app(s, "app_stats", say_usage);
}

static void add_types(json_t *set, struct str event_types)
{
    json_t *types = NULL;
    if (json_parse(event_types, &types, NULL) != RC_OK)
        return;
    for (size_t i = 0; i < json_array_size(types); i++)
        json_object_set_new(set, json_string_value(json_array_get(types, i)), json_true());
    json_decref(types);
}

static enum rc say_types(struct api_step *s, const struct store_application *app,
                         const struct store_endpoint *eps, size_t count, json_t *row)
{
    (void)s;
    (void)app;
    json_t *set = json_object();
    bool all = false;
    for (size_t i = 0; i < count; i++) {
        if (eps[i].event_types.ptr == NULL)
            all = true;
        else
            add_types(set, eps[i].event_types);
    }
    json_t *names = json_array();
    const char *name;
    json_t *value;
    json_object_foreach(set, name, value) json_array_append_new(names, json_string(name));
    json_decref(set);
    json_object_set_new(row, "explicitlySubscribedEventTypes", names);
    json_object_set_new(row, "hasCatchAllEndpoint", json_boolean(all));
    return RC_OK;
}

enum rc api_step_types(struct api_step *s)
{
    return step_app(s, "event_types", say_types);
}
