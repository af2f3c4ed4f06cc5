/* SPDX-License-Identifier: Apache-2.0
 *
 * What lanes know of their endpoints: the view of an application is held once for all its lanes,
 * and let go when it changed or an old key in it ended. A lane holds its endpoint besides, so that a change
 * of another one does not concern it. A lane that has an endpoint has a view, too.
 */
#include "deliver/view_priv.h"

#include "deliver/now_priv.h"
#include "deliver/park_priv.h"
#include "deliver/place_priv.h"

static const int64_t load_again_us = DELIVER_SECOND_US;

struct deliver_app *deliver_view_app(struct deliver_shard *s, int64_t num)
{
    struct deliver_app *app = map64_get(s->apps, (uint64_t)num);
    if (app == NULL) {
        app = XNEW(struct deliver_app);
        app->num = num;
        (void)map64_set(s->apps, (uint64_t)num, app);
    }
    return app;
}

void deliver_view_release(struct deliver_shard *s, struct deliver_app *app)
{
    if (app->lanes != NULL || app->is_wanted)
        return;
    (void)map64_remove(s->apps, (uint64_t)app->num);
    core_app_unref(app->view);
    xfree(app);
}

void deliver_view_leave(struct deliver_lane *lane)
{
    core_endpoint_unref(lane->ep);
    lane->ep = NULL;
}

static void let_go(struct deliver_app *app)
{
    for (struct deliver_lane *lane = app->lanes; lane != NULL; lane = lane->app_next)
        deliver_view_leave(lane);
    core_app_unref(app->view);
    app->view = NULL;
}

/* A view of which an old key has ended stays until the new one is here, for the other lanes. */
static bool get_view(struct deliver_shard *s, struct deliver_app *app)
{
    if (app->view != NULL && app->view->fresh_until_us > s->now_us)
        return true;
    struct core_app *fresh = s->backend.app(s->backend.ctx, app->num);
    if (fresh != NULL) {
        core_app_unref(app->view);
        app->view = fresh;
        return true;
    }
    if (!app->is_wanted && app->retry_at_us <= s->now_us) {
        app->is_wanted = true;
        app->has_changed = false;
        s->backend.want_app(s->backend.ctx, s, app->num);
    }
    return false;
}

/* A new target, or one switched on or off, makes a fresh start: what is known of the old one does
 * not count, and a disabled one has its deliveries canceled without waiting for the breaker. */
static void view_meet(struct deliver_shard *s, struct deliver_lane *lane)
{
    const struct core_endpoint *ep = lane->ep;
    uint64_t hash = str_hash(ep->url);
    bool is_renewed = lane->url_hash != hash || lane->was_disabled != ep->disabled;
    if (lane->url_hash != 0 && is_renewed) {
        deliver_lane_unpark(s, lane, lane->ep == NULL ? STR_NONE : lane->ep->id);
        deliver_pace_init(&lane->pace, &s->limits);
    }
    lane->url_hash = hash;
    lane->was_disabled = ep->disabled;
    lane->is_disabled = false;
    lane->is_ordered = ep->ordered;
    int64_t last_failure_us = atomic_load(&ep->last_failure_us);
    if (!lane->is_health_dirty)
        lane->failing_since_us = atomic_load(&ep->failing_since_us);
    if (lane->last_failure_us < last_failure_us)
        lane->last_failure_us = lane->failure_told_us = last_failure_us;
}

bool deliver_view_resolve(struct deliver_shard *s, struct deliver_lane *lane)
{
    struct deliver_app *app = lane->app;
    if (lane->ep != NULL && lane->ep->fresh_until_us > s->now_us)
        return true;
    deliver_view_leave(lane);
    lane->is_gone = app->is_gone;
    if (app->is_gone)
        return true;
    lane->awaits_app = !get_view(s, app);
    if (lane->awaits_app)
        return false;
    const struct core_endpoint *ep = core_app_endpoint(app->view, lane->endpoint);
    lane->is_gone = ep == NULL;
    if (lane->is_gone)
        return true;
    lane->ep = core_endpoint_ref(ep);
    view_meet(s, lane);
    return true;
}

static void look_again_at(struct deliver_shard *s, struct deliver_lane *lane)
{
    lane->is_recheck_due = true;
    lane->awaits_app = false;
    deliver_lane_place(s, lane);
}

static void look_again(struct deliver_shard *s, struct deliver_app *app)
{
    for (struct deliver_lane *lane = app->lanes; lane != NULL; lane = lane->app_next)
        look_again_at(s, lane);
}

void deliver_shard_app_loaded(struct deliver_shard *s, int64_t num, enum rc rc,
                              struct core_app *view)
{
    struct deliver_app *app = map64_get(s->apps, (uint64_t)num);
    if (app == NULL || !app->is_wanted)
        return;
    deliver_shard_tell_time(s);
    app->is_wanted = false;
    app->is_gone = rc == RC_NOT_FOUND && !app->has_changed;
    app->retry_at_us = rc == RC_OK || rc == RC_NOT_FOUND ? 0 : s->now_us + load_again_us;
    if (app->is_gone)
        let_go(app);
    if (rc == RC_OK && !app->has_changed) {
        core_app_unref(app->view);
        app->view = core_app_ref(view);
    }
    look_again(s, app);
    deliver_view_release(s, app);
}

/* The lanes of the other endpoints stay with what they have. False: the new view is not at hand. */
static bool change_one(struct deliver_shard *s, struct deliver_app *app, int64_t endpoint)
{
    struct core_app *fresh = app->view == NULL ? NULL : s->backend.app(s->backend.ctx, app->num);
    struct deliver_lane *lane = deliver_lane_find(s, endpoint);
    if (fresh == NULL)
        return false;
    core_app_unref(app->view);
    app->view = fresh;
    if (lane != NULL) {
        deliver_view_leave(lane);
        look_again_at(s, lane);
    }
    return true;
}

static void change_app(struct deliver_shard *s, struct deliver_app *app, int64_t what)
{
    app->has_changed = true;
    app->is_gone = false;
    if (what > 0 && change_one(s, app, what))
        return;
    let_go(app);
    look_again(s, app);
}

void deliver_shard_app_changed(struct deliver_shard *s, int64_t num, int64_t what)
{
    size_t at = 0;
    uint64_t key = 0;
    void *app = map64_get(s->apps, (uint64_t)num);
    deliver_shard_tell_time(s);
    if (app != NULL)
        change_app(s, app, what);
    while (num == 0 && map64_next(s->apps, &at, &key, &app))
        change_app(s, app, what);
}
