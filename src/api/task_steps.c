/* SPDX-License-Identifier: Apache-2.0
 *
 * What each kind of background task does in a step. The cursor is the id of the last message (or
 * application) looked at, so that a step that is repeated after a crash finds the same work: what
 * was requeued already is pending and is passed over.
 */
#include "api/message_priv.h"
#include "api/task_priv.h"
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

static struct store_message_filter window(const struct api_step *s)
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

/* The endpoint still takes deliveries? */
static bool endpoint_lives(struct api_step *s)
{
    struct core_app *app = NULL;
    if (core_directory_load(s->api->o.directory, s->task->app, &app) != RC_OK)
        return false;
    const struct core_endpoint *ep = core_app_endpoint(app, s->task->endpoint);
    bool lives = ep != NULL && !ep->disabled;
    core_app_unref(app);
    return lives;
}

static enum rc requeue_page(struct api_step *s, const struct id *ids, size_t count, bool create)
{
    size_t done = 0;
    enum rc rc =
        api_requeue_many(s->api, ids, count, s->task->app, s->task->endpoint, create, &done);
    count_up(s, "messages_sent", done);
    return rc;
}

/* --- recover and bulk-replay: deliveries there are
 * ------------------------------------------------- */

/* True: the last attempt of the delivery was answered with a status of the class asked for. */
static bool class_fits(struct api_step *s, const struct id *message)
{
    const json_t *wanted = json_object_get(s->input, "statusCodeClass");
    if (!json_is_integer(wanted))
        return true;
    struct store_attempt_filter f = { .app = s->task->app,
                                      .endpoint = s->task->endpoint,
                                      .message = message,
                                      .status = -1,
                                      .status_class = (int)json_integer_value(wanted) };
    struct store_page page = { .limit = 1, .descending = true };
    struct store_attempt_row row;
    struct store_page_end end = { 0 };
    return store_attempt_list(s->api->o.store, &f, &page, s->arena, &row, &end) == RC_OK &&
           end.count > 0;
}

static bool state_fits(const struct api_step *s, enum store_state state)
{
    const json_t *wanted = json_object_get(s->input, "status");
    if (json_is_integer(wanted))
        return store_state_svix(state) == (int)json_integer_value(wanted);
    return state == STORE_FAILED || state == STORE_CANCELED ||
           (state == STORE_SUCCESS && json_is_true(json_object_get(s->input, "all")));
}

static void fill_filter(struct api_step *s, struct store_message_filter *f)
{
    f->channel = api_json_str(json_object_get(s->input, "channel"));
    f->tag = api_json_str(json_object_get(s->input, "tag"));
    const json_t *types = json_object_get(s->input, "eventTypes");
    size_t count = json_array_size(types);
    struct str *names = arena_array(s->arena, count + 1, sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = api_json_str(json_array_get(types, i));
    f->event_types = names;
    f->event_type_count = count;
}

static enum rc step_existing(struct api_step *s)
{
    fill_replay_data(s);
    if (!endpoint_lives(s))
        return RC_NOT_FOUND;
    struct store_message_filter f = window(s);
    fill_filter(s, &f);
    struct store_page page = page_of(s);
    struct store_delivery_row *rows = arena_array(s->arena, API_TASK_STEP, sizeof(*rows));
    struct store_page_end end = { 0 };
    enum rc rc = store_delivery_by_endpoint(s->api->o.store, &f, s->task->endpoint, 0, &page,
                                            s->arena, rows, &end);
    if (rc != RC_OK)
        return rc;
    struct id ids[API_TASK_STEP];
    size_t count = 0;
    for (size_t i = 0; i < end.count; i++)
        if (state_fits(s, rows[i].state) && class_fits(s, &rows[i].message))
            ids[count++] = rows[i].message;
    rc = requeue_page(s, ids, count, false);
    if (rc != RC_OK)
        return rc;
    if (end.count > 0)
        s->cursor = msg_text(s, &rows[end.count - 1].message);
    s->finished = end.done || end.count == 0;
    return RC_OK;
}

/* --- replay-missing: messages the endpoint never got
 * ----------------------------------------------- */

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
        out->names[out->count++] = api_json_str(json_array_get(out->json, i));
}

/* Filters look at the payload, which the list does not bring along. One that is gone cannot be sent anyway. */
static bool passes(struct api_step *s, const struct core_app *app, int64_t endpoint,
                   const struct id *id)
{
    struct store_message *whole = NULL;
    if (!app->has_filters || store_message_load(s->api->o.store, id, &whole) != RC_OK)
        return true;
    bool fine = core_filter(app, whole, &endpoint, 1) == 1;
    store_message_unref(whole);
    return fine;
}

bool api_endpoint_wants(const struct core_app *app, int64_t endpoint, const struct store_message *m)
{
    int64_t *matched = xcalloc(app->endpoint_count + 1, sizeof(int64_t));
    struct channel_list channels;
    read_channels(m->channels, &channels);
    size_t count = core_match(app, m->event_type, channels.names, channels.count, matched,
                              app->endpoint_count);
    bool found = false;
    for (size_t i = 0; i < count; i++)
        found = found || matched[i] == endpoint;
    json_decref(channels.json);
    xfree(matched);
    return found;
}

static bool has_delivery(struct api_step *s, const struct id *message)
{
    struct store_delivery_row *rows = NULL;
    size_t count = 0;
    if (store_delivery_by_message(s->api->o.store, s->task->app, message, s->arena, &rows,
                                  &count) != RC_OK)
        return true;
    for (size_t i = 0; i < count; i++)
        if (rows[i].endpoint == s->task->endpoint)
            return true;
    return false;
}

static enum rc step_missing(struct api_step *s)
{
    fill_replay_data(s);
    if (!endpoint_lives(s))
        return RC_NOT_FOUND;
    struct core_app *app = NULL;
    enum rc rc = core_directory_load(s->api->o.directory, s->task->app, &app);
    if (rc != RC_OK)
        return rc;
    struct store_message_filter f = window(s);
    struct store_page page = page_of(s);
    struct store_message_row *rows = arena_array(s->arena, API_TASK_STEP, sizeof(*rows));
    struct store_page_end end = { 0 };
    rc = store_message_list(s->api->o.store, &f, &page, s->arena, rows, &end);
    struct id ids[API_TASK_STEP];
    size_t count = 0;
    for (size_t i = 0; rc == RC_OK && i < end.count; i++)
        if (api_endpoint_wants(app, s->task->endpoint, &rows[i].message) &&
            !has_delivery(s, &rows[i].message.id) &&
            passes(s, app, s->task->endpoint, &rows[i].message.id))
            ids[count++] = rows[i].message.id;
    core_app_unref(app);
    if (rc == RC_OK)
        rc = requeue_page(s, ids, count, true);
    if (rc != RC_OK)
        return rc;
    if (end.count > 0)
        s->cursor = msg_text(s, &rows[end.count - 1].message.id);
    s->finished = end.done || end.count == 0;
    return RC_OK;
}

/* --- purge
 * ----------------------------------------------------------------------------------------- */

static enum rc step_purge(struct api_step *s)
{
    struct store_message_filter f = { .app = s->task->app, .before_us = input_time(s, "until") };
    struct store_page page = page_of(s);
    struct store_message_row *rows = arena_array(s->arena, API_TASK_STEP, sizeof(*rows));
    struct store_page_end end = { 0 };
    enum rc rc = store_message_list(s->api->o.store, &f, &page, s->arena, rows, &end);
    size_t purged = 0;
    for (size_t i = 0; rc == RC_OK && i < end.count; i++) {
        rc = api_expunge(s->api, &rows[i].message.id, s->task->app, NULL);
        if (rc == RC_NOT_FOUND)
            rc = RC_OK; /* its segment's time was over meanwhile */
        else
            purged += rc == RC_OK;
    }
    if (rc != RC_OK)
        return rc;
    count_up(s, "messages_purged", purged);
    if (end.count > 0)
        s->cursor = msg_text(s, &rows[end.count - 1].message.id);
    s->finished = end.done || end.count == 0;
    return RC_OK;
}

/* --- statistics: an application a step
 * ------------------------------------------------------------- */

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
        if (str_eq(id, api_json_str(json_array_get(wanted, i))))
            return true;
    return false;
}

static json_t *text_or_null(struct str s)
{
    return s.ptr == NULL ? json_null() : json_stringn(s.ptr, s.len);
}

static enum rc step_usage(struct api_step *s)
{
    struct store_application app;
    struct store_endpoint *eps = NULL;
    size_t count = 0;
    json_t *list = result_list(s, "app_stats");
    enum rc rc = next_app(s, &app, &eps, &count);
    s->finished = rc == RC_NOT_FOUND;
    if (rc != RC_OK)
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    s->cursor = app.id;
    if (!app_is_wanted(s, app.id))
        return RC_OK;
    int64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        struct store_counts counts = { 0 };
        rc = store_delivery_counts(s->api->o.store, app.num, eps[i].num, input_time(s, "since"),
                                   input_time(s, "until"), &counts);
        if (rc != RC_OK)
            return rc;
        for (size_t k = 0; k < COUNT_OF(counts.by_state); k++)
            total += counts.by_state[k];
    }
    json_t *row = json_object();
    json_object_set_new(row, "appId", text_or_null(app.id));
    json_object_set_new(row, "appUid", text_or_null(app.uid));
    json_object_set_new(row, "messageDestinations", json_integer(total));
    json_array_append_new(list, row);
    return RC_OK;
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

static enum rc step_aggregate(struct api_step *s)
{
    struct store_application app;
    struct store_endpoint *eps = NULL;
    size_t count = 0;
    json_t *list = result_list(s, "event_types");
    enum rc rc = next_app(s, &app, &eps, &count);
    s->finished = rc == RC_NOT_FOUND;
    if (rc != RC_OK)
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    s->cursor = app.id;
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
    json_t *row = json_object();
    json_object_set_new(row, "appId", text_or_null(app.id));
    json_object_set_new(row, "explicitlySubscribedEventTypes", names);
    json_object_set_new(row, "hasCatchAllEndpoint", json_boolean(all));
    json_array_append_new(list, row);
    return RC_OK;
}

const struct api_task_kind api_task_kinds[] = {
    { "endpoint.recover", step_existing }, { "endpoint.bulk-replay", step_existing },
    { "endpoint.replay", step_missing },   { "application.purge_content", step_purge },
    { "application.stats", step_usage },   { "event-type.aggregate", step_aggregate },
};
const size_t api_task_kind_count = COUNT_OF(api_task_kinds);
