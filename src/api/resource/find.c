/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding by a word: an id of any kind, a uid, a name, a URL, an event id, an idempotency key. An id costs one look-up,
 * as its prefix tells the kind and its time the segment. Everything else is looked for within bounds of rows and of
 * time, and the answer says when it is not complete. What a token may not see is not found.
 */
#include "store/find.h"

#include "api/kit/kit_priv.h"
#include "api/schemas/schemas.h"

enum { FOUND_MAX = 20, PER_KIND = 6, WORD_MIN = 2, WORD_MAX = 512, APPS_AT_A_TIME = 500 };
#define FIND_US INT64_C(300000) /* no new part of a search is begun after this time */

struct hit {
    const char *kind;
    struct str id, uid, title, detail;
    int64_t app, source, endpoint; /* numbers; 0: none */
    struct id message;
    bool has_message;
    int64_t at_us;
    const char *matched;
};

struct search {
    struct api_ctx *c;
    struct str word;
    struct hit hits[FOUND_MAX];
    size_t count;
    int64_t until_us;
    bool is_complete;
};

static struct hit *hit_new(struct search *s)
{
    if (s->count < FOUND_MAX)
        return &s->hits[s->count++];
    s->is_complete = false;
    return NULL;
}

/* --- what is configured ------------------------------------------------------------------------------- */

static const struct {
    enum store_thing thing;
    const char *kind, *prefix;
} named[] = {
    { STORE_THING_APPLICATION, "application", "app_" },
    { STORE_THING_ENDPOINT, "endpoint", "ep_" },
    { STORE_THING_SOURCE, "source", "src_" },
    { STORE_THING_FILTER, "filter", "flt_" },
    { STORE_THING_EVENT_TYPE, "event_type", "evtype_" },
    { STORE_THING_TASK, "task", "qtask_" },
};

static bool find_thing(struct search *s, size_t at, bool by_id)
{
    struct api_ctx *c = s->c;
    struct store_named rows[PER_KIND + 1];
    size_t count = 0;
    if (named[at].thing == STORE_THING_TASK && c->who->app != 0)
        return true; /* they are the organisation's */
    const struct store_find f = {
        .org = c->who->org, .app = c->who->app, .text = s->word, .by_id = by_id
    };
    enum rc rc = store_find_named(c->tx, named[at].thing, &f, c->arena, rows, PER_KIND + 1, &count,
                                  &s->is_complete);
    if (count > PER_KIND) {
        count = PER_KIND;
        s->is_complete = false;
    }
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        struct hit *hit = hit_new(s);
        if (hit != NULL)
            *hit = (struct hit){ .kind = named[at].kind,
                                 .id = rows[i].id,
                                 .uid = rows[i].uid,
                                 .title = rows[i].title,
                                 .detail = rows[i].detail,
                                 .app = rows[i].app,
                                 .matched = by_id ? "id" : "text" };
    }
    return api_ok(c, rc);
}

/* False: answered. */
static bool find_names(struct search *s)
{
    bool fine = api_tx_read(s->c);
    for (size_t i = 0; fine && i < COUNT_OF(named); i++)
        fine = find_thing(s, i, false);
    api_tx_end(s->c);
    return fine;
}

/* --- what flows ------------------------------------------------------------------------------------------ */

static const struct {
    enum store_flowing flow;
    const char *kind, *prefix;
} flowing[] = {
    { STORE_FLOW_MESSAGE, "message", "msg_" },
    { STORE_FLOW_REQUEST, "request", "req_" },
    { STORE_FLOW_RUN, "filter_run", "frun_" },
    { STORE_FLOW_ATTEMPT, "attempt", "atmpt_" },
};

static void add_flowing(struct search *s, const struct store_flowing_row *row, const char *matched)
{
    struct api_ctx *c = s->c;
    if (c->who->app != 0 && row->app != c->who->app)
        return;
    struct hit *hit = hit_new(s);
    if (hit == NULL)
        return;
    *hit = (struct hit){ .kind = flowing[row->kind].kind,
                         .id = api_id_text(c, flowing[row->kind].prefix, &row->id),
                         .title = row->title,
                         .detail = row->event_id,
                         .app = row->app,
                         .source = row->source,
                         .endpoint = row->endpoint,
                         .message = row->message,
                         .has_message = row->kind == STORE_FLOW_ATTEMPT,
                         .at_us = row->at_us,
                         .matched = matched };
    if (row->kind == STORE_FLOW_ATTEMPT)
        hit->detail =
            row->status == 0 ? STR("no response") : arena_fmt(c->arena, "status %d", row->status);
}

/* False: answered. */
static bool find_remembered(struct search *s, const struct store_find_app *apps, size_t count,
                            bool by_event)
{
    struct api_ctx *c = s->c;
    struct store_flowing_row rows[FOUND_MAX];
    size_t found = 0;
    size_t key_count = 0;
    struct store_find_key *keys = arena_array(c->arena, 2 * count + 1, sizeof(*keys));
    for (size_t i = 0; i < count; i++) {
        const struct str names[] = { apps[i].id, apps[i].uid };
        for (size_t n = 0; n < (by_event ? 1 : COUNT_OF(names)); n++) {
            struct store_find_key *key = &keys[key_count];
            key->app = apps[i].num;
            if (!by_event && names[n].len > 0)
                api_key_of(s->word, arena_fmt(c->arena, "/api/v1/app/%.*s/msg", STR_ARGS(names[n])),
                           c->who->org, 0, key->key);
            key_count += by_event || names[n].len > 0;
        }
    }
    const struct store_find_keys f = { .event_id = by_event ? s->word : STR_NONE,
                                       .keys = keys,
                                       .key_count = key_count,
                                       .until_us = s->until_us };
    enum rc rc = store_find_messages(c->api->o.store, &f, c->arena, rows, FOUND_MAX - s->count,
                                     &found, &s->is_complete);
    for (size_t i = 0; rc == RC_OK && i < found; i++)
        add_flowing(s, &rows[i], by_event ? "event_id" : "idempotency_key");
    return api_ok(c, rc);
}

static bool read_apps(struct search *s, int64_t before, struct store_find_app **apps, size_t *count)
{
    struct api_ctx *c = s->c;
    if (!api_tx_read(c))
        return false;
    enum rc rc = store_find_apps(c->tx, c->who->org, before, APPS_AT_A_TIME, c->arena, apps, count);
    api_tx_end(c);
    return api_ok(c, rc);
}

/* Messages of all applications, some at a time, newest applications first, while there is time. False: answered. */
static bool find_by_keys(struct search *s)
{
    const struct api_ctx *c = s->c;
    int64_t before = c->who->app != 0 ? c->who->app + 1 : INT64_MAX;
    for (bool done = false; !done && s->count < FOUND_MAX;) {
        struct store_find_app *apps = NULL;
        size_t count = 0;
        if (clock_mono_us(c->api->o.clock) > s->until_us) {
            s->is_complete = false;
            break;
        }
        if (!read_apps(s, before, &apps, &count))
            return false;
        if (c->who->app != 0 && count > 0)
            count = apps[0].num == c->who->app ? 1 : 0;
        if (!find_remembered(s, apps, count, true) || !find_remembered(s, apps, count, false))
            return false;
        done = count < APPS_AT_A_TIME;
        before = count > 0 ? apps[count - 1].num : 0;
    }
    return true;
}

/* --- by id -------------------------------------------------------------------------------------------------- */

/* *is_id: it has the form of one. False: answered. */
static bool find_by_id(struct search *s, bool *is_id)
{
    struct api_ctx *c = s->c;
    struct id id;
    *is_id = true;
    for (size_t i = 0; i < COUNT_OF(flowing); i++)
        if (id_parse(str_from(flowing[i].prefix), s->word, &id) == RC_OK) {
            struct store_flowing_row row;
            enum rc rc = store_find_flowing(c->api->o.store, flowing[i].flow, &id, c->arena, &row,
                                            &s->is_complete);
            if (rc == RC_OK)
                add_flowing(s, &row, "id");
            return rc == RC_NOT_FOUND || api_ok(c, rc);
        }
    for (size_t i = 0; i < COUNT_OF(named); i++)
        if (id_parse(str_from(named[i].prefix), s->word, &id) == RC_OK) {
            bool fine = api_tx_read(c) && find_thing(s, i, true);
            api_tx_end(c);
            return fine;
        }
    *is_id = false;
    return true;
}

/* --- the answer ----------------------------------------------------------------------------------------------- */

/* Where a hit belongs. */
struct place {
    struct store_application app;
    struct store_source source;
    struct store_endpoint endpoint;
    bool has_app, has_source, has_endpoint;
};

/* False: it is another organisation's, or gone. */
static bool find_place(struct search *s, struct hit *hit, struct place *p)
{
    struct api_ctx *c = s->c;
    *p = (struct place){ 0 };
    if (hit->app == 0)
        return true;
    p->has_source = store_source_by_app(c->tx, hit->app, c->arena, &p->source) == RC_OK &&
                    p->source.org == c->who->org;
    p->has_app = !p->has_source &&
                 store_application_by_num(c->tx, hit->app, c->arena, &p->app) == RC_OK &&
                 p->app.org == c->who->org && !p->app.deleted;
    p->has_endpoint = hit->endpoint != 0 &&
                      store_endpoint_by_num(c->tx, hit->endpoint, c->arena, &p->endpoint) == RC_OK;
    return p->has_source || p->has_app;
}

/* The message of a request has its id. */
static void turn_into_request(struct api_ctx *c, struct hit *hit)
{
    struct id id;
    if (id_parse(STR("msg_"), hit->id, &id) != RC_OK)
        return;
    hit->kind = "request";
    hit->id = api_id_text(c, "req_", &id);
}

static struct str path_of_source(struct api_ctx *c, const struct hit *hit, const struct place *p)
{
    const char *tail = strcmp(hit->kind, "request") == 0    ? "request"
                       : strcmp(hit->kind, "endpoint") == 0 ? "endpoint"
                                                            : NULL;
    struct str base = arena_fmt(c->arena, "/ingest/api/v1/source/%.*s", STR_ARGS(p->source.id));
    return tail == NULL
               ? base
               : arena_fmt(c->arena, "%.*s/%s/%.*s", STR_ARGS(base), tail, STR_ARGS(hit->id));
}

/* Where the API has it. */
static struct str find_path_of(struct api_ctx *c, const struct hit *hit, const struct place *p)
{
    static const struct {
        const char *kind, *step;
    } steps[] = { { "endpoint", "endpoint" },
                  { "message", "msg" },
                  { "filter", "filter" },
                  { "filter_run", "filter-run" } };
    if (strcmp(hit->kind, "event_type") == 0)
        return arena_fmt(c->arena, "/api/v1/event-type/%.*s", STR_ARGS(hit->id));
    if (strcmp(hit->kind, "task") == 0)
        return arena_fmt(c->arena, "/api/v1/background-task/%.*s", STR_ARGS(hit->id));
    if (p->has_source)
        return path_of_source(c, hit, p);
    struct str base = arena_fmt(c->arena, "/api/v1/app/%.*s", STR_ARGS(p->app.id));
    for (size_t i = 0; i < COUNT_OF(steps); i++)
        if (strcmp(hit->kind, steps[i].kind) == 0)
            return arena_fmt(c->arena, "%.*s/%s/%.*s", STR_ARGS(base), steps[i].step,
                             STR_ARGS(hit->id));
    if (hit->has_message)
        return arena_fmt(c->arena, "%.*s/msg/%.*s/attempt/%.*s", STR_ARGS(base),
                         STR_ARGS(api_id_text(c, "msg_", &hit->message)), STR_ARGS(hit->id));
    return base;
}

static void write_hit(struct api_ctx *c, struct api_out *o, const struct hit *hit,
                      const struct place *p)
{
    bool is_source = strcmp(hit->kind, "source") == 0;
    api_out_key(o, NULL);
    api_out_begin(o, '{');
    api_out_str(o, "kind", str_from(hit->kind));
    api_out_str(o, "id", hit->id);
    api_out_opt(o, "uid", hit->uid);
    api_out_str(o, "title", hit->title);
    api_out_opt(o, "detail", hit->detail);
    api_out_opt(o, "applicationId", p->has_app ? p->app.id : STR_NONE);
    api_out_opt(o, "applicationUid", p->has_app ? p->app.uid : STR_NONE);
    api_out_opt(o, "applicationName", p->has_app ? p->app.name : STR_NONE);
    api_out_opt(o, "sourceId", p->has_source && !is_source ? p->source.id : STR_NONE);
    api_out_opt(o, "sourceName", p->has_source && !is_source ? p->source.name : STR_NONE);
    api_out_opt(o, "endpointId", p->has_endpoint ? p->endpoint.id : STR_NONE);
    if (hit->has_message)
        api_out_id(o, "msgId", STR("msg_"), &hit->message);
    else
        api_out_null(o, "msgId");
    api_out_opt_date(o, "timestamp", hit->at_us);
    api_out_str(o, "matched", str_from(hit->matched));
    api_out_str(o, "path", find_path_of(c, hit, p));
    api_out_end(o, '}');
}

static void find_answer(struct search *s)
{
    struct api_ctx *c = s->c;
    struct api_out o;
    if (!api_tx_read(c))
        return;
    api_list_open(c, &o);
    for (size_t i = 0; i < s->count; i++) {
        struct place p;
        if (!find_place(s, &s->hits[i], &p))
            continue;
        if (p.has_source)
            turn_into_request(c, &s->hits[i]);
        write_hit(c, &o, &s->hits[i], &p);
    }
    api_out_end(&o, ']');
    api_out_bool(&o, "complete", s->is_complete);
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

static bool read_word(struct api_ctx *c, struct str *word)
{
    struct str given = STR_NONE;
    (void)http_query(c->req, "q", 0, &given);
    *word = str_trim(given);
    if (word->len >= WORD_MIN && word->len <= WORD_MAX && str_is_utf8(*word))
        return true;
    http_invalid(c->req, "query.q", "value_error",
                 "Expected what to look for: text of %d to %d bytes.", WORD_MIN, WORD_MAX);
    return false;
}

static void get_found(struct api_ctx *c)
{
    struct search *s = ARENA_NEW(c->arena, struct search);
    bool is_id = false;
    *s = (struct search){ .c = c,
                          .until_us = clock_mono_us(c->api->o.clock) + FIND_US,
                          .is_complete = true };
    if (!read_word(c, &s->word) || !find_by_id(s, &is_id))
        return;
    if (is_id || (find_by_keys(s) && find_names(s)))
        find_answer(s);
}

static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, "/api/v1/find", API_ANY | API_CAN(ACCESS_MAY_VIEW), "v1.find",
                "Find anything by its id, uid, name, URL, event id or idempotency key"),
      .run = get_found, .out = &api_schema_FoundListOut, .status = 200, .query = "q" },
};
API_ROUTES(find, routes);
