/* SPDX-License-Identifier: Apache-2.0
 *
 * What lanes know of their endpoints: the view of an application is held once for all its lanes,
 * and let go when it changed or an old key in it ended.
 */
#include "deliver/shard_priv.h"

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

static void let_go(struct deliver_app *app)
{
    for (struct deliver_lane *lane = app->lanes; lane != NULL; lane = lane->app_next)
        lane->ep = NULL;
    core_app_unref(app->view);
    app->view = NULL;
}

static bool get_view(struct deliver_shard *s, struct deliver_app *app)
{
    if (app->view != NULL && app->view->fresh_until_us <= s->now_us)
        let_go(app);
    if (app->view == NULL)
        app->view = s->backend.app(s->backend.ctx, app->num);
    if (app->view != NULL)
        return true;
    if (!app->is_wanted && app->retry_at_us <= s->now_us) {
        app->is_wanted = true;
        app->has_changed = false;
        s->backend.want_app(s->backend.ctx, s, app->num);
    }
    return false;
}

/* A new target, or one switched on or off, makes a fresh start: what is known of the old one does
 * not count, and a disabled one has its deliveries canceled without waiting for the breaker. */
static void meet(struct deliver_shard *s, struct deliver_lane *lane)
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
    lane->is_url_good = http_url_parse(ep->url, &lane->url, NULL) == RC_OK;
    if (!lane->is_health_dirty)
        lane->failing_since_us = ep->failing_since_us;
}

bool deliver_view_resolve(struct deliver_shard *s, struct deliver_lane *lane)
{
    struct deliver_app *app = lane->app;
    if (lane->ep != NULL && app->view->fresh_until_us > s->now_us)
        return true;
    lane->is_gone = app->is_gone;
    if (app->is_gone)
        return true;
    lane->awaits_app = !get_view(s, app);
    if (lane->awaits_app)
        return false;
    lane->ep = core_app_endpoint(app->view, lane->endpoint);
    lane->is_gone = lane->ep == NULL;
    if (!lane->is_gone)
        meet(s, lane);
    return true;
}

static void look_again(struct deliver_shard *s, struct deliver_app *app)
{
    for (struct deliver_lane *lane = app->lanes; lane != NULL; lane = lane->app_next) {
        lane->is_recheck_due = true;
        lane->awaits_app = false;
        deliver_lane_place(s, lane);
    }
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
    if (rc == RC_OK && !app->has_changed && app->view == NULL)
        app->view = core_app_ref(view);
    look_again(s, app);
    deliver_view_release(s, app);
}

void deliver_shard_app_changed(struct deliver_shard *s, int64_t num)
{
    struct deliver_app *app = map64_get(s->apps, (uint64_t)num);
    if (app == NULL)
        return;
    deliver_shard_tell_time(s);
    app->has_changed = true;
    app->is_gone = false;
    let_go(app);
    look_again(s, app);
}
