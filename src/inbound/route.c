/* SPDX-License-Identifier: Apache-2.0
 *
 * Where an accepted request goes: the source's own application, and those of the routes that take
 * it. On the loop when every view is at hand and nothing is to be transformed, else on a worker.
 */
#include "inbound/inbound_priv.h"

#include "filter/language.h"

enum { PAIRS_MAX = 256, WHY_MAX = 256 };

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

static struct str decoded(struct arena *a, struct str text)
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
            out[count++] = (struct filter_pair){ decoded(a, str_sub(part, 0, equals)),
                                                 decoded(a, str_sub(part, equals + 1, part.len)) };
    }
    return count;
}

static bool filter_fits(const struct inbound_route *route, const struct inbound_request *r,
                        struct str event_type, struct arena *a)
{
    struct filter_pair *pairs = arena_array(a, r->engine.header_count + PAIRS_MAX, sizeof(*pairs));
    struct filter_input input = { .body = verify_str(r->engine.body),
                                  .headers = pairs,
                                  .header_count = r->engine.header_count,
                                  .query = pairs + r->engine.header_count,
                                  .path = STR("/in/"), /* the rest of it is a secret */
                                  .method = verify_str(r->engine.method),
                                  .event_type = event_type };
    for (size_t i = 0; i < r->engine.header_count; i++)
        pairs[i] =
            (struct filter_pair){ verify_str(r->headers[i].name), verify_str(r->headers[i].value) };
    input.query_count = read_query(verify_str(r->engine.query), a, pairs + r->engine.header_count);
    return filter_match(route->filter, &input, NULL);
}

bool inbound_route_takes(const struct inbound_route *route, const struct inbound_request *r,
                         struct str event_type, struct arena *a, struct str *reason)
{
    *reason = STR_NONE;
    if (!type_fits(route, event_type))
        *reason = STR("event_type");
    else if (route->filter != NULL && !filter_fits(route, r, event_type, a))
        *reason = STR("filter");
    return reason->len == 0;
}

/* --- the plan --------------------------------------------------------------------------------------- */

static void release(void *app)
{
    core_app_unref(app);
}

static void add(struct inbound_plan *plan, struct core_app *app, const struct inbound_route *route,
                struct str body)
{
    arena_defer(plan->arena, release, app);
    plan->apps[plan->count] = app;
    plan->routes[plan->count] = route;
    plan->bodies[plan->count++] = body;
}

static enum rc find_own(struct inbound *in, const struct inbound_view *v, struct inbound_plan *plan)
{
    struct core_app *app = core_directory_get(in->o.directory, v->app);
    enum rc rc = app != NULL ? RC_OK : RC_NOT_FOUND;
    if (app == NULL && plan->is_worker)
        rc = core_directory_load(in->o.directory, v->app, &app);
    if (rc == RC_OK)
        add(plan, app, NULL, STR_NONE);
    return rc;
}

/* An application that is gone takes nothing more: that is no reason to refuse the provider. */
static enum rc find_named(struct inbound *in, const struct inbound_view *v,
                          const struct inbound_route *route, struct str name, struct str body,
                          struct inbound_plan *plan)
{
    struct core_app *app = core_directory_find(in->o.directory, v->org, name);
    if (app == NULL && !plan->is_worker)
        return RC_NOT_FOUND;
    enum rc rc =
        app != NULL ? RC_OK : core_directory_load_named(in->o.directory, v->org, name, &app);
    if (rc == RC_OK)
        add(plan, app, route, body);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* RC_CONFLICT: this route delivers nothing, because its transform gave nothing or failed. */
static enum rc transform(struct inbound *in, const struct inbound_view *v,
                         const struct inbound_route *route, struct str body, struct arena *a,
                         struct str *out)
{
    struct buf result, why;
    if (in->o.transforms == NULL)
        return RC_CONFLICT;
    buf_init(&result, in->o.transform_limits.output_max);
    buf_init(&why, WHY_MAX);
    enum rc rc = filter_transform_run(in->o.transforms, route->transform, body,
                                      &in->o.transform_limits, &result, &why);
    if (rc == RC_OK) {
        *out = arena_str(a, buf_str(&result));
    } else if (rc == RC_INVALID || rc == RC_LIMIT || rc == RC_NOT_FOUND) {
        if (rc != RC_NOT_FOUND)
            LOG(INBOUND_TRANSFORM_FAILED, F_STR("source", v->id), F_STR("why", buf_str(&why)));
        rc = RC_CONFLICT;
    }
    buf_fini(&result);
    buf_fini(&why);
    return rc;
}

static enum rc follow(struct inbound *in, const struct inbound_view *v,
                      const struct inbound_request *r, const struct inbound_route *route,
                      struct inbound_plan *plan)
{
    struct str body = STR_NONE;
    enum rc rc = RC_OK;
    if (route->transform.len > 0)
        rc = plan->is_worker
                 ? transform(in, v, route, verify_str(r->engine.body), plan->arena, &body)
                 : RC_NOT_FOUND;
    for (size_t i = 0; rc == RC_OK && i < route->app_count; i++)
        rc = find_named(in, v, route, route->apps[i], body, plan);
    return rc == RC_CONFLICT ? RC_OK : rc;
}

enum rc inbound_plan(struct inbound *in, const struct inbound_view *v,
                     const struct inbound_request *r, struct str event_type,
                     struct inbound_plan *plan)
{
    const struct inbound_settings *settings = &v->settings;
    size_t room = 1;
    struct str reason;
    for (size_t i = 0; i < settings->route_count; i++)
        room += settings->routes[i].app_count;
    plan->apps = arena_array(plan->arena, room, sizeof(*plan->apps));
    plan->routes = arena_array(plan->arena, room, sizeof(*plan->routes));
    plan->bodies = arena_array(plan->arena, room, sizeof(*plan->bodies));
    plan->count = 0;
    enum rc rc = find_own(in, v, plan);
    for (size_t i = 0; rc == RC_OK && i < settings->route_count && !v->paused; i++)
        if (inbound_route_takes(&settings->routes[i], r, event_type, plan->arena, &reason))
            rc = follow(in, v, r, &settings->routes[i], plan);
    return rc;
}

/* --- publishing ------------------------------------------------------------------------------------- */

struct core_publish *inbound_publish(struct inbound *in, const struct inbound_view *v,
                                     const struct inbound_plan *plan, const struct store_message *m)
{
    struct core_publish *first = v->paused
                                     ? core_publish_new_to(in->o.publisher, plan->apps[0], m, 0)
                                     : core_publish_new(in->o.publisher, plan->apps[0], m, NULL, 0);
    for (size_t i = 1; i < plan->count; i++) {
        struct store_message other = *m;
        other.id = id_new(store_ids(in->o.store));
        other.org = plan->apps[i]->org;
        other.app = plan->apps[i]->num;
        other.event_id = STR_NONE;
        if (plan->bodies[i].ptr != NULL) {
            other.payload = plan->bodies[i];
            other.content_type = STR("application/json");
        }
        core_publish_also(first, core_publish_new(in->o.publisher, plan->apps[i], &other, NULL, 0));
    }
    return first;
}
