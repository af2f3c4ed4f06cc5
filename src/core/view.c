/* SPDX-License-Identifier: Apache-2.0
 *
 * Making a view of an application: its rows are read in one snapshot, texts are copied to the
 * view's arena, JSON is taken apart and secrets are opened once, so that publishing and delivering
 * only look.
 */
#include "core/broker.h"
#include "core/view_priv.h"

#include <stdlib.h>
#include <strings.h>

#include "core/filters.h"
#include "core/options.h"
#include "core/retry.h"
#include "store/application.h"
#include "json/json.h"

static const double us_per_s = 1e6;
static const int64_t us_per_ms = 1000;
static const double delay_max_s = 366.0 * 86400;

struct building {
    const struct core_view_source *source;
    struct core_app *app;
    struct arena *arena; /* the view's */
    int64_t now_us;
};

static int compare_str(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* A JSON array of strings, sorted; NULL when there is none (which stands for "all"). */
static const struct str *string_list(struct arena *a, struct str text, size_t *count)
{
    json_t *array = NULL;
    *count = 0;
    if (text.ptr == NULL || json_parse(text, &array, NULL) != RC_OK)
        return NULL;
    size_t total = json_array_size(array);
    struct str *list = arena_array(a, total + 1, sizeof(*list));
    for (size_t i = 0; i < total; i++) {
        const json_t *value = json_array_get(array, i);
        if (json_is_string(value))
            list[(*count)++] =
                arena_str(a, str_of(json_string_value(value), json_string_length(value)));
    }
    json_decref(array);
    qsort(list, *count, sizeof(*list), compare_str);
    return list;
}

/* Delays in units of `unit_us`. Anything that is no number of sane size ends the list there. */
static void read_schedule(struct building *b, const json_t *array, double unit_us,
                          struct core_endpoint *ep)
{
    if (!json_is_array(array))
        return;
    size_t count =
        json_array_size(array) < CORE_RETRY_MAX ? json_array_size(array) : CORE_RETRY_MAX;
    int64_t *delays = arena_array(b->arena, count + 1, sizeof(*delays));
    size_t used = 0;
    while (used < count && json_is_number(json_array_get(array, used))) {
        double us = json_number_value(json_array_get(array, used)) * unit_us;
        if (!(us >= 0 && us <= delay_max_s * us_per_s))
            break;
        delays[used++] = (int64_t)(us + 0.5);
    }
    ep->retry_us = delays;
    ep->retry_count = used;
}

static void read_options(struct building *b, const struct sign_key *current,
                         struct core_endpoint *ep)
{
    json_t *object = NULL;
    if (ep->options.ptr == NULL || json_parse(ep->options, &object, NULL) != RC_OK) {
        core_endpoint_read_broker(b->arena, NULL, ep);
        return;
    }
    const json_t *timeout = json_object_get(object, "timeoutMs");
    if (json_is_integer(timeout) && json_integer_value(timeout) > 0 &&
        json_integer_value(timeout) < INT64_MAX / us_per_ms)
        ep->timeout_us = json_integer_value(timeout) * us_per_ms;
    read_schedule(b, json_object_get(object, "retrySchedule"), us_per_s, ep);
    read_schedule(b, json_object_get(object, "retryScheduleMs"), (double)us_per_ms, ep);
    core_endpoint_read_broker(b->arena, object, ep);
    core_endpoint_read_filter(b->arena, object, ep);
    b->app->has_filters = b->app->has_filters || ep->has_filter;
    core_endpoint_read_scheme(b->arena, object, current, ep);
    const char *encoding = json_string_value(json_object_get(object, "encoding"));
    ep->is_form = ep->scheme == CORE_SCHEME_STANDARD && str_eq(str_from(encoding), STR("form"));
    json_decref(object);
}

static bool is_line_safe(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' && *text != '\t')
            return false;
    return true;
}

/* Names that would break the framing or forge what we sign for. */
static bool is_reserved(const char *name)
{
    static const char *const reserved[] = {
        "host",           "content-length",    "transfer-encoding",   "connection",
        "webhook-id",     "webhook-timestamp", "webhook-signature",   "svix-id",
        "svix-timestamp", "svix-signature",    "preservica-signature"
    };
    for (size_t i = 0; i < COUNT_OF(reserved); i++)
        if (strcasecmp(name, reserved[i]) == 0)
            return true;
    return false;
}

static void wipe_headers(void *arg)
{
    const struct core_endpoint *ep = arg;
    char *text = NULL;
    memcpy(&text, &ep->headers.ptr,
           sizeof(text)); /* the arena's own bytes, const for everyone else */
    if (text != NULL)
        mem_wipe(text, ep->headers.len);
}

static void read_headers(struct building *b, const struct store_endpoint *row,
                         struct core_endpoint *ep)
{
    struct arena scratch;
    struct str json = STR_NONE;
    json_t *object = NULL;
    const char *name = NULL;
    json_t *value = NULL;
    arena_init(&scratch);
    if (core_open_json(b->source->vault, CORE_SECRET_HEADERS, row->id, row->headers, &scratch,
                       &json) != RC_OK ||
        json_parse(json, &object, NULL) != RC_OK) {
        LOG(CORE_SECRET_UNREADABLE, F_STR("endpoint", row->id), F_TEXT("what", "headers"));
        arena_fini(&scratch);
        return;
    }
    struct buf lines;
    buf_init(&lines, json.len * 2 + 64);
    json_object_foreach(object, name, value)
    {
        const char *text = json_string_value(value);
        if (text != NULL && !is_reserved(name) && is_line_safe(name) && is_line_safe(text))
            buf_say(&lines, "%s: %s\r\n", name, text);
    }
    ep->headers = arena_str(b->arena, buf_str(&lines));
    arena_defer(b->arena, wipe_headers, ep);
    if (lines.ptr != NULL)
        mem_wipe(lines.ptr, lines.len);
    buf_fini(&lines);
    json_decref(object);
    arena_fini(&scratch);
}

static void free_keyring(void *ring)
{
    sign_keyring_free(ring);
}

/* The current key and the older ones that have not ended; when the next ends the view is stale. Options
 * are read while the key is at hand: a scheme may sign with its text. */
static void read_keys_and_options(struct building *b, const struct store_endpoint *row,
                                  struct core_endpoint *ep)
{
    struct sign_key keys[SIGN_KEYS_MAX];
    struct sign_keyring *ring = NULL;
    size_t count = 0;
    enum rc rc = RC_OK;
    for (size_t i = 0; i < row->key_count && count < SIGN_KEYS_MAX && rc == RC_OK; i++) {
        int64_t ends_us = row->keys[i].expires_us;
        if (ends_us != 0 && ends_us <= b->now_us)
            continue;
        rc = core_open_key(b->source->vault, row->id, row->keys[i].sealed, &keys[count]);
        count += rc == RC_OK ? 1 : 0;
        if (ends_us != 0 && ends_us < b->app->fresh_until_us)
            b->app->fresh_until_us = ends_us;
    }
    if (rc == RC_OK && count > 0)
        rc = sign_keyring_new(keys, count, &ring);
    if (rc != RC_OK)
        LOG(CORE_SECRET_UNREADABLE, F_STR("endpoint", row->id), F_TEXT("what", "key"));
    if (ring != NULL)
        arena_defer(b->arena, free_keyring, ring);
    ep->keyring = ring;
    read_options(b, ring == NULL ? NULL : &keys[0], ep);
    mem_wipe(keys, sizeof(keys));
}

static struct str keep(struct building *b, struct str s)
{
    return s.ptr == NULL ? STR_NONE : arena_str(b->arena, s);
}

static void read_endpoint(struct building *b, const struct store_endpoint *row,
                          struct core_endpoint *ep)
{
    ep->num = row->num;
    ep->app = row->app;
    ep->id = keep(b, row->id);
    ep->uid = keep(b, row->uid);
    ep->url = keep(b, row->url);
    ep->kind = row->kind.len == 0 ? STR("http") : keep(b, row->kind);
    ep->options = keep(b, row->options);
    ep->throttle = row->throttle;
    ep->disabled = row->disabled;
    ep->failing_since_us = row->failing_since_us;
    ep->event_types = string_list(b->arena, row->event_types, &ep->event_type_count);
    ep->channels = string_list(b->arena, row->channels, &ep->channel_count);
    if (row->options_sealed.ptr != NULL &&
        core_open_json(b->source->vault, CORE_SECRET_OPTIONS, row->id, row->options_sealed,
                       b->arena, &ep->options_sealed) != RC_OK)
        LOG(CORE_SECRET_UNREADABLE, F_STR("endpoint", row->id), F_TEXT("what", "options"));
    read_keys_and_options(b, row, ep);
    if (row->headers.ptr != NULL)
        read_headers(b, row, ep);
}

static int compare_row(const void *a, const void *b)
{
    int64_t left = ((const struct store_endpoint *)a)->num;
    int64_t right = ((const struct store_endpoint *)b)->num;
    return (left > right) - (left < right);
}

static struct core_app *build(const struct core_view_source *source,
                              const struct store_application *row, const struct store_org *org,
                              struct store_endpoint *rows, size_t count)
{
    struct core_app *app = XNEW(struct core_app);
    arena_init(&app->_arena);
    atomic_init(&app->_refs, 1);
    atomic_init(&app->_paced_until_us, 0);
    struct building b = { source, app, &app->_arena, clock_wall_us(source->clock) };
    app->fresh_until_us = INT64_MAX;
    app->num = row->num;
    app->org = row->org;
    app->id = keep(&b, row->id);
    app->uid = keep(&b, row->uid);
    app->org_id = keep(&b, org->id);
    app->org_name = keep(&b, org->name);
    app->throttle = row->throttle;
    struct core_endpoint *endpoints = arena_array(b.arena, count + 1, sizeof(*endpoints));
    if (count > 0)
        qsort(rows, count, sizeof(*rows), compare_row);
    for (size_t i = 0; i < count; i++)
        read_endpoint(&b, &rows[i], &endpoints[i]);
    app->endpoints = endpoints;
    app->endpoint_count = count;
    core_view_index(app);
    return app;
}

static enum rc find_application(struct store_tx *tx, const struct core_view_key *key,
                                struct arena *a, struct store_application *row)
{
    enum rc rc = key->num != 0 ? store_application_by_num(tx, key->num, a, row)
                               : store_application_find(tx, key->org, key->name, a, row);
    return rc == RC_OK && row->deleted ? RC_NOT_FOUND : rc;
}

enum rc core_view_load(const struct core_view_source *source, const struct core_view_key *key,
                       struct core_app **out)
{
    struct store_tx *tx = NULL;
    struct arena scratch;
    struct store_application row = { 0 };
    struct store_org org = { 0 };
    struct store_endpoint *rows = NULL;
    size_t count = 0;
    enum rc rc = store_read(source->store, &tx);
    if (rc != RC_OK)
        return rc;
    arena_init(&scratch);
    rc = find_application(tx, key, &scratch, &row);
    if (rc == RC_OK)
        rc = store_org_by_num(tx, row.org, &scratch, &org);
    if (rc == RC_OK)
        rc = store_endpoint_all(tx, row.num, &scratch, &rows, &count);
    store_end(tx);
    if (rc == RC_OK)
        *out = build(source, &row, &org, rows, count);
    arena_fini(&scratch);
    return rc;
}
