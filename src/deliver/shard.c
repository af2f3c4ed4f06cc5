/* SPDX-License-Identifier: Apache-2.0
 *
 * A shard's turn: lanes whose time has come go to the queues, the queues are served in turn until
 * there are no more places.
 */
#include "deliver/attempt_priv.h"

#include "metrics/metrics.h"

enum { TURNS_MAX = 1024 }; /* lanes served in one run; then others on the loop have their turn */
static const int64_t sweep_us = 10 * DELIVER_SECOND_US;
static const int64_t jump_us = DELIVER_SECOND_US; /* of the wall clock, against the monotonic one */

static bool is_lane_sooner(const void *a, const void *b)
{
    return ((const struct deliver_lane *)a)->next_us < ((const struct deliver_lane *)b)->next_us;
}

void deliver_shard_set_limits(struct deliver_shard *s, const struct deliver_limits *limits)
{
    MUST(limits->items_max > 0 && limits->in_flight_max > 0 && limits->window_start > 0);
    MUST(limits->window_max > 0 && limits->retry.count <= CORE_RETRY_MAX);
    s->limits = *limits;
    if (s->limits.window_start > s->limits.window_max)
        s->limits.window_start = s->limits.window_max;
    if (limits->retry.count > 0)
        memcpy(s->delays_us, limits->retry.delays_us,
               limits->retry.count * sizeof(s->delays_us[0]));
    s->limits.retry.delays_us = s->delays_us;
}

struct deliver_shard *deliver_shard_new(const struct deliver_shard_options *o)
{
    struct deliver_shard *s = XNEW(struct deliver_shard);
    s->clock = o->clock;
    s->rng = o->rng;
    s->ids = o->ids;
    s->fetch = o->fetch;
    s->broker = o->broker;
    s->backend = o->backend;
    s->user_agent = str_from(o->user_agent);
    s->wake = o->wake;
    s->wake_ctx = o->wake_ctx;
    deliver_shard_set_limits(s, &o->limits);
    s->lanes = map64_new();
    s->apps = map64_new();
    s->loading = map64_new();
    deliver_items_init(&s->items);
    deliver_heap_init(&s->timed, is_lane_sooner, offsetof(struct deliver_lane, _slot));
    s->now_us = clock_wall_us(s->clock);
    s->offset_us = s->now_us - clock_mono_us(s->clock);
    return s;
}

void deliver_shard_free(struct deliver_shard *s)
{
    if (s == NULL)
        return;
    MUST(deliver_shard_is_quiet(s));
    size_t at = 0;
    uint64_t key = 0;
    void *lane = NULL;
    s->is_stopping = true;
    while (at = 0, map64_next(s->lanes, &at, &key, &lane)) {
        deliver_backlog_give_back(s, lane);
        deliver_lane_free(s, lane);
    }
    deliver_attempt_free_pool(s);
    deliver_heap_fini(&s->timed);
    deliver_items_fini(&s->items);
    for (at = 0; map64_next(s->apps, &at, &key, &lane);) {
        core_app_unref(((struct deliver_app *)lane)->view);
        xfree(lane);
    }
    map64_free(s->lanes);
    map64_free(s->apps);
    map64_free(s->loading);
    xfree(s);
}

/* --- time ------------------------------------------------------------------------------------- */

/* Due times are the calendar's and stay; what counts from "now" moves along. */
static void jump(struct deliver_shard *s, int64_t by_us)
{
    size_t at = 0;
    uint64_t key = 0;
    void *value = NULL;
    s->swept_us += by_us;
    s->record_again_us += by_us;
    while (map64_next(s->apps, &at, &key, &value))
        ((struct deliver_app *)value)->retry_at_us += by_us;
    at = 0;
    while (map64_next(s->lanes, &at, &key, &value)) {
        struct deliver_lane *lane = value;
        deliver_pace_shift(&lane->pace, by_us);
        lane->idle_since_us += by_us;
        deliver_lane_place(s, lane);
    }
}

void deliver_shard_tell_time(struct deliver_shard *s)
{
    s->now_us = clock_wall_us(s->clock);
    int64_t offset_us = s->now_us - clock_mono_us(s->clock);
    int64_t by_us = offset_us - s->offset_us;
    s->offset_us = offset_us;
    if (by_us > jump_us || by_us < -jump_us)
        jump(s, by_us);
}

void deliver_shard_wake(struct deliver_shard *s)
{
    if (s->is_running || s->is_woken)
        return;
    s->is_woken = true;
    s->wake(s->wake_ctx);
}

/* --- a run ------------------------------------------------------------------------------------ */

static void collect(struct deliver_shard *s)
{
    struct deliver_lane *lane = NULL;
    while ((lane = deliver_heap_top(&s->timed)) != NULL && lane->next_us <= s->now_us)
        deliver_lane_place(s, lane);
    size_t hungry = s->items.count < s->limits.items_max ? s->hungry.len : 0;
    for (; hungry > 0; hungry--)
        deliver_lane_place(s, s->hungry.first);
}

/* Lanes that are not known to be well share half of the places. */
static struct deliver_lane *next_lane(const struct deliver_shard *s, bool is_untrusted_turn)
{
    if (s->is_stopping || s->in_flight >= s->limits.in_flight_max || !deliver_attempt_has_room(s))
        return NULL;
    bool may_untrusted = s->untrusted_in_flight < (s->limits.in_flight_max + 1) / 2;
    struct deliver_lane *untrusted = may_untrusted ? s->untrusted.first : NULL;
    struct deliver_lane *trusted = s->ready.first;
    if (trusted == NULL || (is_untrusted_turn && untrusted != NULL))
        return untrusted;
    return trusted;
}

static bool serve(struct deliver_shard *s)
{
    size_t refused = 0;
    for (int turn = 0; turn < TURNS_MAX; turn++) {
        struct deliver_lane *lane = next_lane(s, turn % 2 == 1);
        if (lane == NULL || refused > s->ready.len + s->untrusted.len)
            return false;
        refused = deliver_lane_serve(s, lane) ? 0 : refused + 1;
    }
    return next_lane(s, false) != NULL;
}

int64_t deliver_shard_run(struct deliver_shard *s)
{
    s->is_running = true;
    s->is_woken = false;
    deliver_shard_tell_time(s);
    deliver_attempt_record_again(s);
    collect(s);
    bool has_more = serve(s);
    if (s->now_us - s->swept_us >= sweep_us) {
        s->swept_us = s->now_us;
        deliver_lane_sweep_idle(s);
    }
    s->is_running = false;
    int64_t next_us = s->now_us + sweep_us;
    const struct deliver_lane *top = deliver_heap_top(&s->timed);
    if (top != NULL && top->next_us < next_us)
        next_us = top->next_us;
    if (s->unrecorded != NULL && s->record_again_us < next_us)
        next_us = s->record_again_us;
    return (has_more ? s->now_us : next_us) - s->offset_us;
}

/* --- what comes in ---------------------------------------------------------------------------- */

void deliver_shard_backlog(struct deliver_shard *s, int64_t app, int64_t endpoint,
                           int64_t first_due_us)
{
    deliver_shard_tell_time(s);
    struct deliver_lane *lane = deliver_lane_make(s, app, endpoint);
    deliver_backlog_leave(lane, first_due_us);
    deliver_lane_place(s, lane);
}

void deliver_shard_add(struct deliver_shard *s, struct store_message *message, int64_t endpoint,
                       int64_t due_us, int attempt_count, enum store_trigger trigger)
{
    struct store_due due = { .message = message->id,
                             .app = message->app,
                             .endpoint = endpoint,
                             .due_us = due_us,
                             .attempt_count = attempt_count,
                             .state = STORE_PENDING,
                             .trigger = trigger };
    deliver_shard_tell_time(s);
    struct deliver_lane *lane = deliver_lane_make(s, message->app, endpoint);
    deliver_backlog_add(s, lane, &due, message);
    deliver_lane_place(s, lane);
}

/* --- stopping and looking --------------------------------------------------------------------- */

void deliver_shard_stop(struct deliver_shard *s)
{
    size_t at = 0;
    uint64_t key = 0;
    void *lane = NULL;
    s->is_stopping = true;
    while (map64_next(s->lanes, &at, &key, &lane))
        deliver_health_flush(s, lane);
}

void deliver_shard_cut(struct deliver_shard *s)
{
    deliver_attempt_cut(s);
}

bool deliver_shard_is_quiet(const struct deliver_shard *s)
{
    return s->in_flight == 0 && s->recording == 0;
}

static struct deliver_lane_info info_of(const struct deliver_lane *lane, int64_t now_us)
{
    bool is_parked = lane->pace.parked_until_us > now_us;
    return (struct deliver_lane_info){ .waiting = (int64_t)lane->waiting.len,
                                       .in_flight = lane->in_flight,
                                       .window = deliver_pace_slots(&lane->pace),
                                       .parked = is_parked,
                                       .parked_until_us =
                                           is_parked ? lane->pace.parked_until_us : 0,
                                       .failures_in_row = lane->pace.failures_in_row };
}

bool deliver_shard_lane(const struct deliver_shard *s, int64_t endpoint,
                        struct deliver_lane_info *out)
{
    const struct deliver_lane *lane = deliver_lane_find(s, endpoint);
    *out = (struct deliver_lane_info){ 0 };
    if (lane == NULL)
        return false;
    *out = info_of(lane, clock_wall_us(s->clock));
    return true;
}

static void describe_lane(const struct deliver_shard *s, const struct deliver_lane *lane,
                          int64_t now_us, struct buf *out)
{
    struct deliver_lane_info info = info_of(lane, now_us);
    /* The lane itself looks its endpoint up only when it has something to send. */
    struct core_app *view =
        lane->ep == NULL ? s->backend.app(s->backend.ctx, lane->app->num) : NULL;
    const struct core_endpoint *ep =
        view == NULL ? lane->ep : core_app_endpoint(view, lane->endpoint);
    struct str id = ep == NULL ? STR("?") : ep->id;
    buf_say(out,
            "endpoint=%.*s num=%lld waiting=%lld in_flight=%d window=%d failures=%d parked_ms=%lld"
            " more_in_store=%d\n",
            (int)id.len, id.ptr, (long long)lane->endpoint, (long long)info.waiting, info.in_flight,
            info.window, info.failures_in_row,
            info.parked ? (long long)(info.parked_until_us - now_us) / 1000 : 0, lane->has_more);
    core_app_unref(view);
}

void deliver_shard_describe(const struct deliver_shard *s, size_t max, struct buf *out)
{
    size_t at = 0;
    uint64_t key = 0;
    void *value = NULL;
    size_t count = 0;
    int64_t now_us = clock_wall_us(s->clock);
    while (map64_next(s->lanes, &at, &key, &value)) {
        const struct deliver_lane *lane = value;
        if (lane->place != DELIVER_IDLE && count++ < max)
            describe_lane(s, lane, now_us, out);
    }
    if (count > max)
        buf_say(out, "... and %zu more\n", count - max);
}

void deliver_shard_stats(const struct deliver_shard *s, struct deliver_shard_stats *out)
{
    size_t at = 0;
    uint64_t key = 0;
    void *value = NULL;
    int64_t oldest_us = INT64_MAX;
    while (map64_next(s->lanes, &at, &key, &value)) {
        const struct deliver_lane *lane = value;
        const struct deliver_item *top = deliver_heap_top(&lane->waiting);
        if (top != NULL && top->due_us < oldest_us)
            oldest_us = top->due_us;
        if (lane->has_more && lane->store_due_us < oldest_us)
            oldest_us = lane->store_due_us;
    }
    *out = (struct deliver_shard_stats){ .lanes = map64_count(s->lanes),
                                         .parked = s->parked,
                                         .items = s->items.count,
                                         .payload_bytes = s->payload_bytes,
                                         .in_flight = s->in_flight,
                                         .recording = s->recording,
                                         .oldest_due_us =
                                             oldest_us <= clock_wall_us(s->clock) ? oldest_us : 0 };
}
