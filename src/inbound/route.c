/* SPDX-License-Identifier: Apache-2.0
 *
 * Where an accepted request goes: the source's own application, and those of the routes that take
 * it, for each of its events. On the loop when every view is at hand and nothing is to be filtered by
 * endpoints or transformed, else on a worker.
 */
#include "inbound/route_priv.h"

#include "transform/message.h"

enum { PAIRS_MAX = 256, WHY_MAX = 256, LINES_MAX = 65536 };

/* --- which routes take it --------------------------------------------------------------------------- */

static bool type_fits(const struct inbound_route *route, struct str type)
{
    for (size_t i = 0; i < route->event_type_count; i++) {
        struct str wanted = route->event_types[i];
        bool is_prefix = str_ends(wanted, STR(".*"));
        if (is_prefix ? str_starts(type, str_sub(wanted, 0, wanted.len - 1)) : str_eq(type, wanted))
            return true;
    }
    return route->event_type_count == 0;
}

static struct str route_decoded(struct arena *a, struct str text)
{
    struct buf plain;
    buf_init(&plain, text.len + 1);
    struct str out =
        percent_decode(text, true, &plain) == RC_OK ? arena_str(a, buf_str(&plain)) : text;
    buf_fini(&plain);
    return out;
}

static size_t read_query(struct str query, struct arena *a, struct filter_pair *out)
{
    size_t count = 0;
    struct str part;
    while (count < PAIRS_MAX && str_split(&query, '&', &part)) {
        size_t equals = str_find(part, '=');
        if (part.len > 0)
            out[count++] =
                (struct filter_pair){ route_decoded(a, str_sub(part, 0, equals)),
                                      route_decoded(a, str_sub(part, equals + 1, part.len)) };
    }
    return count;
}

struct filter_input inbound_filter_input(const struct inbound_request *r, struct arena *a)
{
    size_t header_count = r->engine.header_count;
    struct filter_pair *pairs = arena_array(a, header_count + PAIRS_MAX, sizeof(*pairs));
    for (size_t i = 0; i < header_count; i++)
        pairs[i] =
            (struct filter_pair){ verify_str(r->headers[i].name), verify_str(r->headers[i].value) };
    return (struct filter_input){ .headers = pairs,
                                  .header_count = header_count,
                                  .query = pairs + header_count,
                                  .query_count = read_query(verify_str(r->engine.query), a,
                                                            pairs + header_count),
                                  .path = STR("/in/"), /* the rest of it is a secret */
                                  .method = verify_str(r->engine.method) };
}

bool inbound_route_takes(const struct inbound_route *route, const struct filter_input *input,
                         struct str *reason)
{
    *reason = STR_NONE;
    if (!type_fits(route, input->event_type))
        *reason = STR("event_type");
    else if (route->filter != NULL && !filter_match(route->filter, input, NULL))
        *reason = STR("filter");
    return reason->len == 0;
}

/* --- transforms ------------------------------------------------------------------------------------- */

static bool route_is_set(const struct transform_message_result *result, struct str name)
{
    for (size_t i = 0; i < result->header_count; i++)
        if (str_ieq(result->headers[i].name, name))
            return true;
    return false;
}

/* The transform's headers, and those of the request that it did not set. */
static struct str header_lines(const struct transform_message_result *result, struct str forwarded,
                               struct arena *a)
{
    struct buf lines;
    struct str line;
    if (result->header_count == 0)
        return STR_NONE;
    buf_init(&lines, LINES_MAX);
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < result->header_count; i++)
        rc = buf_addf(&lines, "%.*s: %.*s\r\n", STR_ARGS(result->headers[i].name),
                      STR_ARGS(result->headers[i].value));
    while (rc == RC_OK && str_split(&forwarded, '\n', &line))
        if (line.len > 0 && !route_is_set(result, str_sub(line, 0, str_find(line, ':'))))
            rc = buf_addf(&lines, "%.*s\n", STR_ARGS(line));
    struct str text = rc == RC_OK ? arena_str(a, buf_str(&lines)) : STR_NONE;
    buf_fini(&lines);
    return text;
}

struct transformed {
    struct str body, headers; /* as of a destination */
};

/* RC_CONFLICT: this route delivers nothing, because its transform gave nothing or failed. */
static enum rc route_transform(struct inbound *in, const struct inbound_view *v,
                               const struct inbound_route *route, const struct filter_input *input,
                               const struct inbound_event *e, const struct inbound_plan *plan,
                               struct transformed *out)
{
    struct buf text, why;
    struct transform_message_result result;
    char id[ID_TEXT_MAX + 1], timestamp[TIME_TEXT_LEN + 1];
    if (in->o.transforms == NULL)
        return RC_CONFLICT;
    struct transform_limits limits = in->o.transform_limits;
    limits.owner = (uint64_t)v->org;
    buf_init(&text, limits.output_max);
    buf_init(&why, WHY_MAX);
    time_format(clock_wall_us(in->o.clock), timestamp);
    const struct transform_message seen = { .id = id_format(STR("msg_"), &e->id, id),
                                            .event_type = e->type,
                                            .timestamp = str_from(timestamp),
                                            .method = input->method,
                                            .path = input->path,
                                            .body = e->body,
                                            .headers = input->headers,
                                            .header_count = input->header_count,
                                            .query = input->query,
                                            .query_count = input->query_count };
    enum rc rc = transform_message_transform(in->o.transforms, route->transform, &seen, &limits,
                                             plan->arena, &text, &result, &why);
    if (rc == RC_INVALID || rc == RC_LIMIT)
        LOG(INBOUND_TRANSFORM_FAILED, F_STR("source", v->id), F_STR("why", buf_str(&why)));
    if (rc == RC_OK && result.body.ptr != NULL)
        out->body = arena_str(plan->arena, result.body);
    if (rc == RC_OK)
        out->headers = header_lines(&result, plan->forwarded, plan->arena);
    if (rc == RC_INVALID || rc == RC_LIMIT || (rc == RC_OK && result.cancel))
        rc = RC_CONFLICT;
    buf_fini(&text);
    buf_fini(&why);
    return rc;
}

/* --- the plan --------------------------------------------------------------------------------------- */

static void route_release(void *app)
{
    core_app_unref(app);
}

/* Filters of endpoints take time: not on a loop. */
static enum rc route_keep(struct inbound_plan *plan, struct core_app *app)
{
    arena_defer(plan->arena, route_release, app);
    return app->has_filters && !plan->is_worker ? RC_NOT_FOUND : RC_OK;
}

static enum rc find_own(struct inbound *in, const struct inbound_view *v, struct inbound_plan *plan)
{
    enum rc rc = RC_OK;
    plan->own = core_directory_get(in->o.directory, v->app);
    if (plan->own == NULL)
        rc = plan->is_worker ? core_directory_load(in->o.directory, v->app, &plan->own)
                             : RC_NOT_FOUND;
    return rc == RC_OK ? route_keep(plan, plan->own) : rc;
}

/* An application that is gone takes nothing more: that is no reason to refuse the provider. */
static enum rc add_named(struct inbound *in, const struct inbound_view *v, struct str name,
                         const struct transformed *made, struct inbound_destination ***end,
                         struct inbound_plan *plan)
{
    struct core_app *app = core_directory_find(in->o.directory, v->org, name);
    if (app == NULL && !plan->is_worker)
        return RC_NOT_FOUND;
    if (app == NULL) {
        enum rc rc = core_directory_load_named(in->o.directory, v->org, name, &app);
        if (rc != RC_OK)
            return rc == RC_NOT_FOUND ? RC_OK : rc;
    }
    struct inbound_destination *d = ARENA_NEW(plan->arena, struct inbound_destination);
    *d = (struct inbound_destination){ .app = app, .body = made->body, .headers = made->headers };
    **end = d;
    *end = &d->next;
    plan->message_count++;
    return route_keep(plan, app);
}

static enum rc route_follow(struct inbound *in, const struct inbound_view *v,
                            const struct inbound_route *route, const struct filter_input *input,
                            const struct inbound_event *e, struct inbound_destination ***end,
                            struct inbound_plan *plan)
{
    struct transformed made = { 0 };
    enum rc rc = RC_OK;
    if (plan->message_count + route->app_count > INBOUND_MESSAGES_MAX)
        return RC_LIMIT;
    if (route->transform.len > 0)
        rc = plan->is_worker ? route_transform(in, v, route, input, e, plan, &made) : RC_NOT_FOUND;
    for (size_t i = 0; rc == RC_OK && i < route->app_count; i++)
        rc = add_named(in, v, route->apps[i], &made, end, plan);
    return rc == RC_CONFLICT ? RC_OK : rc;
}

enum rc inbound_plan(struct inbound *in, const struct inbound_view *v,
                     const struct inbound_request *r, struct inbound_plan *plan)
{
    const struct inbound_settings *settings = &v->settings;
    size_t route_count = v->paused ? 0 : settings->route_count;
    struct filter_input input = { 0 };
    struct str reason;
    plan->message_count = plan->event_count;
    enum rc rc = find_own(in, v, plan);
    if (route_count > 0)
        input = inbound_filter_input(r, plan->arena);
    for (size_t k = 0; rc == RC_OK && k < plan->event_count; k++) {
        struct inbound_event *e = &plan->events[k];
        struct inbound_destination **end = &e->destinations;
        e->destinations = NULL;
        input.body = e->body;
        input.event_type = e->type;
        for (size_t i = 0; rc == RC_OK && i < route_count; i++)
            if (inbound_route_takes(&settings->routes[i], &input, &reason))
                rc = route_follow(in, v, &settings->routes[i], &input, e, &end, plan);
    }
    return rc;
}

/* --- publishing ------------------------------------------------------------------------------------- */

static struct core_publish *publish_event(struct inbound *in, const struct inbound_view *v,
                                          const struct inbound_plan *plan,
                                          const struct inbound_event *e,
                                          const struct store_message *shared)
{
    struct store_message m = *shared;
    m.id = e->id;
    m.org = plan->own->org;
    m.app = v->app;
    m.event_type = e->type;
    m.event_id = e->event_id;
    m.payload = e->body;
    if (plan->is_split)
        m.content_type = STR("application/json");
    struct core_publish *p = v->paused ? core_publish_new_to(in->o.publisher, plan->own, &m, 0)
                                       : core_publish_new(in->o.publisher, plan->own, &m, NULL, 0);
    p->store.has_key = e->has_key;
    memcpy(p->store.key, e->key, sizeof(p->store.key));
    return p;
}

static struct core_publish *publish_routed(struct inbound *in, const struct inbound_plan *plan,
                                           const struct inbound_event *e,
                                           const struct inbound_destination *d,
                                           const struct store_message *shared)
{
    struct store_message m = *shared;
    m.id = id_new(store_ids(in->o.store));
    m.org = d->app->org;
    m.app = d->app->num;
    m.event_type = e->type;
    m.payload = d->body.ptr == NULL ? e->body : d->body;
    if (plan->is_split || d->body.ptr != NULL)
        m.content_type = STR("application/json");
    if (d->headers.ptr != NULL)
        m.headers = d->headers;
    return core_publish_new(in->o.publisher, d->app, &m, NULL, 0);
}

struct core_publish *inbound_publish(struct inbound *in, const struct inbound_view *v,
                                     const struct inbound_plan *plan, const struct store_message *m)
{
    struct core_publish *first = NULL;
    for (size_t i = 0; i < plan->event_count; i++) {
        const struct inbound_event *e = &plan->events[i];
        struct core_publish *p = publish_event(in, v, plan, e, m);
        if (first == NULL) {
            first = p;
        } else {
            core_publish_leads(p);
            core_publish_also(first, p);
        }
        for (const struct inbound_destination *d = e->destinations; d != NULL; d = d->next)
            core_publish_also(first, publish_routed(in, plan, e, d, m));
    }
    if (plan->is_split)
        core_publish_as_items(first);
    return first;
}

void inbound_describe_events(const struct inbound_plan *plan, struct store_request *out)
{
    const struct inbound_event *first = &plan->events[0];
    bool is_one_type = true;
    for (size_t i = 1; i < plan->event_count; i++)
        is_one_type = is_one_type && str_eq(plan->events[i].type, first->type);
    out->id = first->id;
    out->has_message = true;
    out->event_type = is_one_type ? first->type : STR_NONE;
    out->dedupe_id = plan->event_count == 1 ? first->event_id : STR_NONE;
    out->item_count = plan->is_split ? plan->total : 0;
}
