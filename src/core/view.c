/* SPDX-License-Identifier: Apache-2.0
 *
 * Making a view of an application: its rows are read in one snapshot, texts are copied to the
 * endpoint's arena, JSON is taken apart and secrets are opened once, so that publishing and delivering
 * only look. When something changed, only what did is read and made again (core_view_renew).
 */
#include "core/view_priv.h"

#include <stdlib.h>
#include <strings.h>

#include "core/app_priv.h"
#include "core/endpoint_priv.h"
#include "core/filters.h"
#include "core/options.h"
#include "core/retry.h"
#include "metrics/metrics.h"
#include "store/application.h"
#include "json/json.h"

static const double us_per_s = 1e6;
static const int64_t us_per_ms = 1000;
static const double delay_max_s = 366.0 * 86400;

struct building {
    const struct core_view_source *source;
    struct arena *arena; /* the endpoint's */
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
            list[(*count)++] = arena_str(a, json_str_of(value));
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

/* Statuses that are not worth a retry; an empty list: all are. */
static void read_except(struct building *b, const json_t *array, struct core_endpoint *ep)
{
    if (!json_is_array(array))
        return;
    struct core_statuses *set = arena_array(b->arena, 1, sizeof(*set));
    *set = (struct core_statuses){ 0 };
    for (size_t i = 0; i < json_array_size(array); i++)
        (void)core_statuses_add(set, (int64_t)json_number_value(json_array_get(array, i)));
    ep->retry_except = set;
}

static void read_options(struct building *b, struct str kind, const struct sign_key *current,
                         struct core_endpoint *ep)
{
    json_t *object = NULL;
    if (ep->options.ptr != NULL && json_parse(ep->options, &object, NULL) != RC_OK)
        object = NULL;
    const json_t *timeout = json_object_get(object, "timeoutMs");
    if (json_is_integer(timeout) && json_integer_value(timeout) > 0 &&
        json_integer_value(timeout) < INT64_MAX / us_per_ms)
        ep->timeout_us = json_integer_value(timeout) * us_per_ms;
    read_schedule(b, json_object_get(object, "retrySchedule"), us_per_s, ep);
    read_schedule(b, json_object_get(object, "retryScheduleMs"), (double)us_per_ms, ep);
    read_except(b, json_object_get(object, "retryExceptStatuses"), ep);
    ep->ordered = json_is_true(json_object_get(object, "ordered"));
    core_endpoint_read_filter(b->arena, object, ep);
    core_endpoint_read_handshake(object, ep); /* proofs are of the URL without credentials */
    const struct core_targets *t = &b->source->targets;
    if (t->compile != NULL)
        t->compile(t->ctx, b->arena, kind, object, current, ep);
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
static bool is_reserved(const struct core_targets *t, const char *name)
{
    static const char *const reserved[] = {
        "host",           "content-length",    "transfer-encoding", "connection",
        "webhook-id",     "webhook-timestamp", "webhook-signature", "svix-id",
        "svix-timestamp", "svix-signature"
    };
    for (size_t i = 0; i < COUNT_OF(reserved); i++)
        if (strcasecmp(name, reserved[i]) == 0)
            return true;
    return t->is_reserved != NULL && t->is_reserved(t->ctx, name);
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

/* False: they do not open. */
static bool view_read_headers(struct building *b, const struct store_endpoint *row,
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
        return false;
    }
    struct buf lines;
    buf_init(&lines, json.len * 2 + 64);
    json_object_foreach(object, name, value)
    {
        const char *text = json_string_value(value);
        if (text != NULL && !is_reserved(&b->source->targets, name) && is_line_safe(name) &&
            is_line_safe(text))
            buf_say(&lines, "%s: %s\r\n", name, text);
    }
    ep->headers = arena_str(b->arena, buf_str(&lines));
    arena_defer(b->arena, wipe_headers, ep);
    if (lines.ptr != NULL)
        mem_wipe(lines.ptr, lines.len);
    buf_fini(&lines);
    json_decref(object);
    arena_fini(&scratch);
    return true;
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
        metrics_add(METRIC_VIEW_KEYS, 1);
        count += rc == RC_OK ? 1 : 0;
        if (ends_us != 0 && ends_us < ep->fresh_until_us)
            ep->fresh_until_us = ends_us;
    }
    if (rc == RC_OK && count > 0)
        rc = sign_keyring_new(keys, count, &ring);
    if (rc != RC_OK)
        LOG(CORE_SECRET_UNREADABLE, F_STR("endpoint", row->id), F_TEXT("what", "key"));
    if (ring != NULL)
        arena_defer(b->arena, free_keyring, ring);
    ep->keyring = ring;
    read_options(b, row->kind, ring == NULL ? NULL : &keys[0], ep);
    mem_wipe(keys, sizeof(keys));
}

static struct str view_keep(struct building *b, struct str s)
{
    return s.ptr == NULL ? STR_NONE : arena_str(b->arena, s);
}

static void read_endpoint(struct building *b, const struct store_endpoint *row,
                          struct core_endpoint *ep)
{
    ep->num = row->num;
    ep->app = row->app;
    ep->id = view_keep(b, row->id);
    ep->uid = view_keep(b, row->uid);
    ep->url = view_keep(b, row->url);
    ep->options = view_keep(b, row->options);
    ep->throttle = row->throttle;
    ep->disabled = row->disabled;
    core_endpoint_fares(ep, row->failing_since_us, row->last_failure_us);
    ep->event_types = string_list(b->arena, row->event_types, &ep->event_type_count);
    ep->channels = string_list(b->arena, row->channels, &ep->channel_count);
    bool is_whole = row->options_sealed.ptr == NULL ||
                    core_open_json(b->source->vault, CORE_SECRET_OPTIONS, row->id,
                                   row->options_sealed, b->arena, &ep->options_sealed) == RC_OK;
    if (!is_whole)
        LOG(CORE_SECRET_UNREADABLE, F_STR("endpoint", row->id), F_TEXT("what", "options"));
    read_keys_and_options(b, row, ep);
    if (row->headers.ptr != NULL && !view_read_headers(b, row, ep))
        is_whole = false;
    if (!is_whole)
        ep->keyring = NULL; /* nothing is sent without the half of it that is missing */
}

static struct core_endpoint *make_endpoint(const struct core_view_source *source,
                                           const struct store_endpoint *row)
{
    struct core_endpoint *ep = core_endpoint_new();
    struct building b = { source, &ep->_arena, clock_wall_us(source->clock) };
    metrics_add(METRIC_VIEW_ENDPOINTS, 1);
    read_endpoint(&b, row, ep);
    return ep;
}

static void put_row(const struct core_view_source *source, struct core_app *app,
                    const struct store_endpoint *row)
{
    struct core_endpoint *ep = make_endpoint(source, row);
    core_app_put(app, ep);
    core_endpoint_unref(ep);
}

/* --- the whole view ------------------------------------------------------------------------------- */

static enum rc find_application(struct store_tx *tx, const struct core_view_key *key,
                                struct arena *a, struct store_application *row)
{
    enum rc rc = key->num != 0 ? store_application_by_num(tx, key->num, a, row)
                               : store_application_find(tx, key->org, key->name, a, row);
    return rc == RC_OK && row->deleted ? RC_NOT_FOUND : rc;
}

/* The application itself, without endpoints. */
static enum rc read_application(struct store_tx *tx, const struct core_view_key *key,
                                struct arena *scratch, struct core_app *app)
{
    struct store_application row = { 0 };
    struct store_org org = { 0 };
    enum rc rc = find_application(tx, key, scratch, &row);
    if (rc == RC_OK)
        rc = store_org_by_num(tx, row.org, scratch, &org);
    if (rc == RC_OK)
        core_app_describe(app, &(struct core_app){ .num = row.num,
                                                   .org = row.org,
                                                   .throttle = row.throttle,
                                                   .id = row.id,
                                                   .uid = row.uid,
                                                   .org_id = org.id,
                                                   .org_name = org.name });
    return rc;
}

enum rc core_view_load(const struct core_view_source *source, const struct core_view_key *key,
                       struct core_app **out)
{
    struct store_tx *tx = NULL;
    struct arena scratch;
    struct store_endpoint *rows = NULL;
    size_t count = 0;
    enum rc rc = store_read(source->store, &tx);
    if (rc != RC_OK)
        return rc;
    struct core_app *app = core_app_new();
    arena_init(&scratch);
    rc = read_application(tx, key, &scratch, app);
    if (rc == RC_OK)
        rc = store_endpoint_all(tx, app->num, &scratch, &rows, &count);
    store_end(tx);
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        put_row(source, app, &rows[i]);
    arena_fini(&scratch);
    if (rc == RC_OK)
        *out = app;
    else
        core_app_unref(app);
    return rc;
}

/* --- what changed ---------------------------------------------------------------------------------- */

static enum rc renew_endpoint(const struct core_view_source *source, struct store_tx *tx,
                              int64_t num, struct arena *scratch, struct core_app *app)
{
    struct store_endpoint row = { 0 };
    enum rc rc = store_endpoint_by_num(tx, num, scratch, &row);
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    if (rc == RC_OK && !row.deleted && row.app == app->num)
        put_row(source, app, &row);
    else
        core_app_remove(app, num);
    return RC_OK;
}

/* Endpoints of which an old key has ended. */
static enum rc renew_ended(const struct core_view_source *source, struct store_tx *tx,
                           int64_t now_us, struct arena *scratch, struct core_app *app)
{
    enum rc rc = RC_OK;
    while (rc == RC_OK && app->fresh_until_us <= now_us) {
        size_t count = 0;
        rc = renew_endpoint(source, tx, core_index_at(&app->_ending, 0, &count)->ep->num, scratch,
                            app);
    }
    return rc;
}

enum rc core_view_renew(const struct core_view_source *source, const struct core_app *old,
                        int64_t what, struct core_app **out)
{
    struct store_tx *tx = NULL;
    struct arena scratch;
    const struct core_view_key key = { .num = old->num, .org = 0, .name = STR_NONE };
    if (what == CORE_CHANGED_ALL)
        return core_view_load(source, &key, out);
    enum rc rc = store_read(source->store, &tx);
    if (rc != RC_OK)
        return rc;
    struct core_app *app = core_app_new();
    arena_init(&scratch);
    if (what == CORE_CHANGED_ITSELF)
        rc = read_application(tx, &key, &scratch, app);
    else
        core_app_describe(app, old);
    core_app_take_endpoints(app, old);
    if (rc == RC_OK && what != CORE_CHANGED_ITSELF)
        rc = renew_endpoint(source, tx, what, &scratch, app);
    if (rc == RC_OK)
        rc = renew_ended(source, tx, clock_wall_us(source->clock), &scratch, app);
    store_end(tx);
    arena_fini(&scratch);
    if (rc == RC_OK)
        *out = app;
    else
        core_app_unref(app);
    return rc;
}

enum rc core_view_health(const struct core_view_source *source, const struct core_app *app,
                         int64_t endpoint)
{
    struct store_tx *tx = NULL;
    int64_t failing_since_us = 0;
    int64_t last_failure_us = 0;
    const struct core_endpoint *ep = core_app_endpoint(app, endpoint);
    if (ep == NULL)
        return RC_OK;
    enum rc rc = store_read(source->store, &tx);
    if (rc == RC_OK)
        rc = store_endpoint_health(tx, endpoint, &failing_since_us, &last_failure_us);
    store_end(tx);
    if (rc == RC_OK)
        core_endpoint_fares(ep, failing_since_us, last_failure_us);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}
