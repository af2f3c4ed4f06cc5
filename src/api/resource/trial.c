/* SPDX-License-Identifier: Apache-2.0
 *
 * A change of an endpoint's rules, tried on what was sent lately before it is saved: each of the last messages is judged by
 * the endpoint as it is saved and as it would be. Nothing is sent and nothing is kept. A message at a time is in memory,
 * and the trial stops after a time and a number of bytes, so that it costs no more than its answer is worth.
 */
#include "api/resource/rules_priv.h"
#include "api/resource/transform_priv.h"
#include "api/schemas/schemas.h"
#include "deliver/transform.h"

enum {
    LAST_DEFAULT = 200,
    LISTED_MAX = 50,  /* messages that differ, in one answer */
    SHOWN_MAX = 10,   /* of these with the bodies that are made of them */
    BODY_MAX = 65536, /* bytes of a body that is shown */
    WHY_MAX = 1024
};
#define TRIAL_US INT64_C(3000000)
#define TRIAL_BYTES (INT64_C(64) * 1024 * 1024) /* of payloads */

enum effect { EFFECT_NONE, EFFECT_GAINED, EFFECT_LOST, EFFECT_CHANGED, EFFECT_FAILS, EFFECT_COUNT };
static const char *const effect_names[EFFECT_COUNT] = { "none", "gained", "lost", "changed",
                                                        "fails" };

enum outcome { OUTCOME_SEND, OUTCOME_NOTHING, OUTCOME_CANCEL, OUTCOME_FAIL };
static const char *const outcome_names[] = { "send", "nothing", "cancel", "fail" };

struct trial {
    struct api_ctx *c;
    struct core_endpoint saved, changed; /* their rules only */
    bool is_transform_changed;
    struct transform_limits limits;
    int64_t until_us; /* monotonic clock */
    int64_t bytes_left;
    struct store_delivery_row *had; /* what the endpoint has of these messages, newest first */
    size_t had_count;
    struct api_out list; /* of those that differ */
    size_t listed_count, shown_count;
    int64_t tried, gone, wanted_before, wanted_after, missing, by_effect[EFFECT_COUNT];
    int64_t oldest_us, newest_us;
    bool is_stopped;
};

/* What the endpoint makes of one message, by the saved rules or by the changed ones. */
struct side {
    const struct core_endpoint *rules_of;
    struct api_rules_verdict rules;
    bool has_run; /* its transform */
    enum rc rc;
    struct transform_message_result made;
    struct buf out, why;
};

/* --- the two sets of rules --------------------------------------------------------------------------- */

static void release_view(void *view)
{
    core_app_unref(view);
}

static void free_program(void *program)
{
    filter_program_free(program);
}

static int compare_names(const void *a, const void *b)
{
    const struct str *first = a;
    const struct str *second = b;
    return str_cmp(*first, *second);
}

/* A list of the body as views have it: sorted; NULL for null and the empty list, which both mean "all". */
static const struct str *names_of(struct api_ctx *c, const char *member, size_t *count)
{
    const json_t *list = api_get(c, member);
    *count = json_array_size(list);
    if (*count == 0)
        return NULL;
    struct str *names = arena_array(c->arena, *count, sizeof(*names));
    for (size_t i = 0; i < *count; i++)
        names[i] = json_str_of(json_array_get(list, i));
    qsort(names, *count, sizeof(*names), compare_names);
    return names;
}

/* False: answered. */
static bool read_saved(struct trial *t)
{
    struct api_ctx *c = t->c;
    struct core_app *view = NULL;
    if (!api_ok(c, core_directory_load(c->api->o.directory, c->app.num, &view)))
        return false;
    arena_defer(c->arena, release_view, view);
    const struct core_endpoint *now = core_app_endpoint(view, c->endpoint.num);
    if (now == NULL) {
        api_fail(c, RC_NOT_FOUND);
        return false;
    }
    t->saved.event_types = now->event_types;
    t->saved.event_type_count = now->event_type_count;
    t->saved.channels = now->channels;
    t->saved.channel_count = now->channel_count;
    t->saved.has_filter = now->has_filter;
    t->saved.filter = now->filter;
    t->saved.transform = now->transform;
    return true;
}

/* The saved rules with what the body has in their place. False: answered. */
static bool read_changed(struct trial *t)
{
    struct api_ctx *c = t->c;
    struct core_endpoint *changed = &t->changed;
    struct filter_program *program = NULL;
    t->changed = t->saved;
    if (api_has(c, "eventTypes"))
        changed->event_types = names_of(c, "eventTypes", &changed->event_type_count);
    if (api_has(c, "channels"))
        changed->channels = names_of(c, "channels", &changed->channel_count);
    if (api_has(c, "transform"))
        changed->transform = api_get_str(c, "transform");
    t->is_transform_changed = !str_eq(t->saved.transform, changed->transform);
    if (!api_has(c, "filter"))
        return true;
    if (!api_transform_filter(c, &program))
        return false;
    changed->has_filter = program != NULL;
    changed->filter = program;
    if (program != NULL)
        arena_defer(c->arena, free_program, program);
    return true;
}

/* --- one message -------------------------------------------------------------------------------------- */

static void side_init(struct side *s, const struct core_endpoint *rules_of, size_t output_max)
{
    *s = (struct side){ .rules_of = rules_of };
    buf_init(&s->out, output_max);
    buf_init(&s->why, WHY_MAX);
}

static void side_fini(struct side *s)
{
    buf_fini(&s->out);
    buf_fini(&s->why);
}

static bool side_wants(const struct side *s)
{
    return s->rules.reason_count == 0;
}

static enum outcome side_outcome(const struct side *s)
{
    if (!side_wants(s))
        return OUTCOME_NOTHING;
    if (!s->has_run)
        return OUTCOME_SEND;
    if (s->rc != RC_OK)
        return OUTCOME_FAIL;
    return s->made.cancel ? OUTCOME_CANCEL : OUTCOME_SEND;
}

static void side_run(struct trial *t, struct side *s, const struct store_message *m,
                     struct arena *a)
{
    struct transform_pool *pool = t->c->api->o.transforms;
    if (!side_wants(s) || s->rules_of->transform.ptr == NULL)
        return;
    s->has_run = true;
    s->rc = RC_INVALID;
    if (pool == NULL) {
        buf_say(&s->why, "this server runs no transforms");
        return;
    }
    s->rc = deliver_transform_message(pool, s->rules_of->transform, m, &t->limits, a, &s->out,
                                      &s->made, &s->why);
    /* No helper was free: this says nothing of the program. */
    t->is_stopped = t->is_stopped || s->rc == RC_BUSY || s->rc == RC_IO;
}

static struct str side_body(const struct side *s, const struct store_message *m)
{
    return s->has_run && s->made.body.ptr != NULL ? s->made.body : m->payload;
}

static bool has_same_headers(const struct side *a, const struct side *b)
{
    if (a->made.header_count != b->made.header_count)
        return false;
    for (size_t i = 0; i < a->made.header_count; i++)
        if (!str_eq(a->made.headers[i].name, b->made.headers[i].name) ||
            !str_eq(a->made.headers[i].value, b->made.headers[i].value))
            return false;
    return true;
}

static enum effect effect_of(const struct side *before, const struct side *after,
                             const struct store_message *m)
{
    bool was_sent = side_outcome(before) == OUTCOME_SEND;
    bool is_sent = side_outcome(after) == OUTCOME_SEND;
    if (is_sent != was_sent)
        return is_sent ? EFFECT_GAINED : EFFECT_LOST;
    if (is_sent &&
        (!str_eq(side_body(before, m), side_body(after, m)) || !has_same_headers(before, after)))
        return EFFECT_CHANGED;
    bool is_new_fault = side_outcome(after) == OUTCOME_FAIL && side_outcome(before) != OUTCOME_FAIL;
    return is_new_fault ? EFFECT_FAILS : EFFECT_NONE;
}

static bool endpoint_had(const struct trial *t, const struct id *message)
{
    for (size_t i = 0; i < t->had_count; i++)
        if (memcmp(&t->had[i].message, message, sizeof(*message)) == 0)
            return true;
    return false;
}

/* --- what is said of it ------------------------------------------------------------------------------- */

/* JSON as it is; other text as a string; other bytes as null. */
static void write_body(struct api_out *o, struct str body)
{
    struct json_span span;
    if (json_scan(body, &span, NULL) == RC_OK)
        api_out_raw(o, "body", span.text);
    else
        api_out_opt(o, "body", str_is_utf8(body) ? body : STR_NONE);
}

static void write_side(struct api_out *o, const struct side *s, const struct store_message *m,
                       bool shows_body, struct arena *a)
{
    struct str body = side_body(s, m);
    bool is_sent = side_outcome(s) == OUTCOME_SEND;
    shows_body = shows_body && is_sent && body.len <= BODY_MAX;
    api_out_begin(o, '{');
    api_out_str(o, "outcome", str_from(outcome_names[side_outcome(s)]));
    api_rules_write(o, &s->rules, a);
    api_out_bool(o, "bodyShown", shows_body);
    if (shows_body)
        write_body(o, body);
    else
        api_out_null(o, "body");
    api_out_key(o, "headers");
    api_out_begin(o, '{');
    for (size_t i = 0; is_sent && i < s->made.header_count; i++)
        api_out_str(o, arena_cstr(a, s->made.headers[i].name), s->made.headers[i].value);
    api_out_end(o, '}');
    api_out_opt(o, "error", s->has_run && s->rc != RC_OK ? buf_str(&s->why) : STR_NONE);
    api_out_end(o, '}');
}

static void list_message(struct trial *t, const struct store_message *m, enum effect effect,
                         const struct side *before, const struct side *after, struct arena *a)
{
    struct api_out *o = &t->list;
    if (effect == EFFECT_NONE || t->listed_count == LISTED_MAX)
        return;
    bool shows_body = before->has_run || after->has_run;
    shows_body = shows_body && t->shown_count < SHOWN_MAX;
    t->listed_count++;
    t->shown_count += shows_body;
    api_out_key(o, NULL);
    api_out_begin(o, '{');
    api_out_id(o, "msgId", STR("msg_"), &m->id);
    api_out_str(o, "eventType", m->event_type);
    api_out_opt(o, "eventId", m->event_id);
    api_out_date(o, "timestamp", m->created_us);
    api_out_str(o, "effect", str_from(effect_names[effect]));
    api_out_bool(o, "had", endpoint_had(t, &m->id));
    api_out_key(o, "before");
    write_side(o, before, m, shows_body, a);
    api_out_key(o, "after");
    write_side(o, after, m, shows_body, a);
    api_out_end(o, '}');
}

static void count_message(struct trial *t, const struct store_message *m, enum effect effect,
                          const struct side *before, const struct side *after)
{
    t->tried++;
    t->wanted_before += side_outcome(before) == OUTCOME_SEND;
    t->wanted_after += side_outcome(after) == OUTCOME_SEND;
    t->by_effect[effect]++;
    t->missing += effect == EFFECT_GAINED && !endpoint_had(t, &m->id);
}

static void try_message(struct trial *t, const struct store_message *m, struct arena *a)
{
    struct side before, after;
    struct api_rules_channels channels = api_rules_channels_of(m, a);
    side_init(&before, &t->saved, t->limits.output_max);
    side_init(&after, &t->changed, t->limits.output_max);
    api_rules_ask(before.rules_of, m, channels, a, &before.rules);
    api_rules_ask(after.rules_of, m, channels, a, &after.rules);
    /* The same program makes the same of it, so that there is nothing to compare. */
    if (t->is_transform_changed || side_wants(&before) != side_wants(&after)) {
        side_run(t, &before, m, a);
        side_run(t, &after, m, a);
    }
    if (!t->is_stopped) {
        enum effect effect = effect_of(&before, &after, m);
        count_message(t, m, effect, &before, &after);
        list_message(t, m, effect, &before, &after, a);
    }
    side_fini(&before);
    side_fini(&after);
}

/* --- all of them -------------------------------------------------------------------------------------- */

/* What expired since it was listed is as good as gone. */
static enum rc try_stored(struct trial *t, const struct id *id)
{
    struct store_message *m = NULL;
    struct arena a;
    enum rc rc = store_message_load(t->c->api->o.store, id, &m);
    if (rc == RC_NOT_FOUND || (rc == RC_OK && m->payload.ptr == NULL))
        t->gone++;
    if (rc == RC_OK && m->payload.ptr != NULL) {
        arena_init(&a);
        try_message(t, m, &a);
        arena_fini(&a);
        t->bytes_left -= (int64_t)m->payload.len;
    }
    store_message_unref(m);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static bool trial_is_over(const struct trial *t)
{
    return t->is_stopped || t->bytes_left <= 0 || clock_mono_us(t->c->api->o.clock) >= t->until_us;
}

/* The endpoint's own deliveries of the same messages: no more of them than messages. */
static enum rc read_had(struct trial *t, const struct store_page *page)
{
    const struct store_message_filter mine = { .app = t->c->app.num };
    struct store_page_end end = { 0 };
    t->had = arena_array(t->c->arena, (size_t)page->limit, sizeof(*t->had));
    enum rc rc = store_delivery_by_endpoint(t->c->api->o.store, &mine, t->c->endpoint.num, 0, page,
                                            t->c->arena, t->had, &end);
    t->had_count = end.count;
    return rc;
}

static enum rc trial_run(struct trial *t)
{
    struct api_ctx *c = t->c;
    const struct store_message_filter all = { .app = c->app.num };
    const struct store_page page = { .limit = (int)api_get_int(c, "last", LAST_DEFAULT),
                                     .descending = true };
    struct store_message_row *rows = arena_array(c->arena, (size_t)page.limit, sizeof(*rows));
    struct store_page_end end = { 0 };
    enum rc rc = read_had(t, &page);
    if (rc == RC_OK)
        rc = store_message_list(c->api->o.store, &all, &page, c->arena, rows, &end);
    size_t at = 0;
    for (; rc == RC_OK && at < end.count && !trial_is_over(t); at++) {
        rc = try_stored(t, &rows[at].message.id);
        t->oldest_us = rows[at].message.created_us;
    }
    if (end.count > 0)
        t->newest_us = rows[0].message.created_us;
    bool is_whole = end.done || end.count == (size_t)page.limit;
    t->is_stopped = t->is_stopped || at < end.count || !is_whole;
    return rc;
}

static void trial_answer(struct trial *t)
{
    struct api_out o;
    api_out_open(t->c, &o);
    api_out_begin(&o, '{');
    api_out_int(&o, "tried", t->tried);
    api_out_int(&o, "payloadGone", t->gone);
    api_out_opt_date(&o, "oldest", t->oldest_us);
    api_out_opt_date(&o, "newest", t->newest_us);
    api_out_bool(&o, "complete", !t->is_stopped);
    api_out_int(&o, "wantedBefore", t->wanted_before);
    api_out_int(&o, "wantedAfter", t->wanted_after);
    for (enum effect e = EFFECT_GAINED; e < EFFECT_COUNT; e++)
        api_out_int(&o, effect_names[e], t->by_effect[e]);
    api_out_int(&o, "missing", t->missing);
    api_out_raw(&o, "data", buf_str(t->list.b));
    api_out_end(&o, '}');
    if (o.rc == RC_OK)
        o.rc = t->list.rc;
    api_reply(t->c, 200, &o);
}

static void try_endpoint(struct api_ctx *c)
{
    struct trial *t = ARENA_NEW(c->arena, struct trial);
    t->c = c;
    t->limits = api_transform_limits(c);
    t->until_us = clock_mono_us(c->api->o.clock) + TRIAL_US;
    t->bytes_left = TRIAL_BYTES;
    if (!read_saved(t) || !read_changed(t))
        return;
    api_out_open(c, &t->list);
    api_out_begin(&t->list, '[');
    enum rc rc = trial_run(t);
    api_out_end(&t->list, ']');
    if (api_ok(c, rc))
        trial_answer(t);
}

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_POST, "/api/v1/app/{app_id}/endpoint/{endpoint_id}/trial",
                API_APP | API_CAN(ACCESS_MAY_VIEW), "v1.endpoint.trial",
                "Try changed rules of an endpoint on the last messages, without sending anything"),
      .run = try_endpoint, .check = api_transform_check,
      .steps = API_BODY_MAYBE | API_FINDS_ENDPOINT, .in = &api_schema_EndpointTrialIn,
      .out = &api_schema_EndpointTrialOut, .status = 200 },
};
API_ROUTES(trial, routes);
