/* SPDX-License-Identifier: Apache-2.0
 *
 * Views as data: which endpoints they hold, and in which of their sets an endpoint stands. A view is
 * its maker's until it goes into the directory; then it never changes.
 */
#include "core/app_priv.h"

struct core_app *core_app_new(void)
{
    struct core_app *app = XNEW(struct core_app);
    arena_init_small(&app->_arena);
    atomic_init(&app->_refs, 1);
    atomic_init(&app->_let_until_us, 0);
    atomic_init(&app->_begun_until_us, 0);
    app->fresh_until_us = INT64_MAX;
    return app;
}

struct core_app *core_app_ref(struct core_app *app)
{
    atomic_fetch_add_explicit(&app->_refs, 1, memory_order_relaxed);
    return app;
}

void core_app_unref(struct core_app *app)
{
    if (app == NULL || atomic_fetch_sub_explicit(&app->_refs, 1, memory_order_acq_rel) != 1)
        return;
    struct core_index *sets[] = { &app->_endpoints, &app->_types, &app->_channels, &app->_open,
                                  &app->_ending };
    for (size_t i = 0; i < COUNT_OF(sets); i++)
        core_index_drop(sets[i]);
    arena_fini(&app->_arena);
    xfree(app);
}

/* A copy of what is in the arena of the other, which may go before this one does. */
static struct str app_keep(struct core_app *app, struct str s)
{
    return s.ptr == NULL ? STR_NONE : arena_str(&app->_arena, s);
}

void core_app_describe(struct core_app *app, const struct core_app *as)
{
    app->num = as->num;
    app->org = as->org;
    app->throttle = as->throttle;
    app->id = app_keep(app, as->id);
    app->uid = app_keep(app, as->uid);
    app->org_id = app_keep(app, as->org_id);
    app->org_name = app_keep(app, as->org_name);
}

void core_app_take_endpoints(struct core_app *app, const struct core_app *of)
{
    app->_endpoints = core_index_share(&of->_endpoints);
    app->_types = core_index_share(&of->_types);
    app->_channels = core_index_share(&of->_channels);
    app->_open = core_index_share(&of->_open);
    app->_ending = core_index_share(&of->_ending);
    app->_filter_count = of->_filter_count;
    app->has_filters = of->has_filters;
    app->endpoint_count = of->endpoint_count;
    app->fresh_until_us = of->fresh_until_us;
    atomic_init(&app->_let_until_us,
                atomic_load_explicit(&of->_let_until_us, memory_order_relaxed));
    atomic_init(&app->_begun_until_us,
                atomic_load_explicit(&of->_begun_until_us, memory_order_relaxed));
}

/* --- where an endpoint stands ------------------------------------------------------------------- */

typedef void (*place_fn)(struct core_index *in, const struct core_place *p);

static void each_name(struct core_index *in, const struct core_endpoint *ep,
                      const struct str *names, size_t count, place_fn fn)
{
    for (size_t i = 0; i < count; i++)
        fn(in, &(struct core_place){ .name = names[i], .rank = 0, .ep = ep });
}

static void each_place(struct core_app *app, const struct core_endpoint *ep, place_fn fn)
{
    const struct core_place plain = { .name = STR_NONE, .rank = 0, .ep = ep };
    fn(&app->_endpoints, &plain);
    if (ep->fresh_until_us != INT64_MAX)
        fn(&app->_ending, &(struct core_place){ .name = STR_NONE, ep->fresh_until_us, ep });
    if (ep->disabled)
        return;
    if (ep->event_types != NULL)
        each_name(&app->_types, ep, ep->event_types, ep->event_type_count, fn);
    else if (ep->channels != NULL)
        each_name(&app->_channels, ep, ep->channels, ep->channel_count, fn);
    else
        fn(&app->_open, &plain);
}

static void app_put(struct core_index *in, const struct core_place *p)
{
    core_index_put(in, p);
}

/* Where another version of the endpoint stands by now, it stays. */
static void app_clear(struct core_index *in, const struct core_place *p)
{
    const struct core_place *found = core_index_find(in, p->name, p->rank, p->ep->num);
    if (found != NULL && found->ep == p->ep)
        (void)core_index_remove(in, p);
}

static void app_count(struct core_app *app)
{
    size_t at = 0;
    app->endpoint_count = core_index_count(&app->_endpoints);
    app->has_filters = app->_filter_count > 0;
    app->fresh_until_us = core_index_count(&app->_ending) == 0
                              ? INT64_MAX
                              : core_index_at(&app->_ending, 0, &at)->rank;
}

static void app_take_out(struct core_app *app, const struct core_endpoint *old)
{
    each_place(app, old, app_clear);
    app->_filter_count -= old->has_filter ? 1 : 0;
    core_endpoint_unref(old);
}

/* With a reference, as taking it out of the sets may drop theirs. */
static const struct core_endpoint *app_present(const struct core_app *app, int64_t num)
{
    const struct core_endpoint *ep = core_app_endpoint(app, num);
    return ep == NULL ? NULL : core_endpoint_ref(ep);
}

void core_app_put(struct core_app *app, const struct core_endpoint *ep)
{
    const struct core_endpoint *old = app_present(app, ep->num);
    each_place(app, ep, app_put);
    app->_filter_count += ep->has_filter ? 1 : 0;
    if (old != NULL)
        app_take_out(app, old);
    app_count(app);
}

void core_app_remove(struct core_app *app, int64_t num)
{
    const struct core_endpoint *old = app_present(app, num);
    if (old != NULL)
        app_take_out(app, old);
    app_count(app);
}

/* --- looking ------------------------------------------------------------------------------------- */

const struct core_endpoint *core_app_endpoint(const struct core_app *app, int64_t num)
{
    const struct core_place *p = core_index_find(&app->_endpoints, STR_NONE, 0, num);
    return p == NULL ? NULL : p->ep;
}

const struct core_endpoint *core_app_endpoint_at(const struct core_app *app, size_t i)
{
    size_t count = 0;
    return core_index_at(&app->_endpoints, i, &count)->ep;
}
