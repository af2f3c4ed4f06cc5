/* SPDX-License-Identifier: Apache-2.0
 *
 * A shard's turn: lanes whose time has come go to the queues, the queues are served in turn until
 * there are no more places.
 */
#include "deliver/shard_priv.h"

#include "deliver/attempt_priv.h"
#include "deliver/backlog_priv.h"
#include "deliver/dispatch_priv.h"
#include "deliver/health_priv.h"
#include "deliver/item_priv.h"
#include "deliver/lane_priv.h"
#include "deliver/now_priv.h"
#include "deliver/order_priv.h"
#include "deliver/place_priv.h"
#include "deliver/stuck_priv.h"
#include "metrics/metrics.h"

#include <stdio.h>

enum { TURNS_MAX = 1024 }; /* lanes served in one run; then others on the loop have their turn */
static const int64_t sweep_us = 10 * DELIVER_SECOND_US;
static const int64_t ask_again_us = DELIVER_SECOND_US / 4; /* whether it may send */

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
    s->wall = o->wall == NULL ? o->clock : o->wall;
    s->rng = o->rng;
    s->ids = o->ids;
    s->clients = o->clients;
    s->backend = o->backend;
    s->user_agent = str_from(o->user_agent);
    s->wake = o->wake;
    s->wake_ctx = o->wake_ctx;
    deliver_shard_set_limits(s, &o->limits);
    s->lanes = map64_new();
    s->apps = map64_new();
    s->loading = map64_new();
    deliver_items_init(&s->items);
    s->given_up = deliver_given_up_new();
    deliver_heap_init(&s->timed, is_lane_sooner, offsetof(struct deliver_lane, _slot));
    s->now_us = clock_wall_us(s->clock);
    s->wall_us = clock_wall_us(s->wall);
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
    deliver_given_up_free(s->given_up);
    xfree(s);
}

/* --- a run ------------------------------------------------------------------------------------ */

static void shard_collect(struct deliver_shard *s)
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

static bool shard_serve(struct deliver_shard *s)
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
    shard_collect(s);
    bool may_send = s->backend.may_send == NULL || s->backend.may_send(s->backend.ctx);
    bool has_more = may_send && shard_serve(s);
    if (s->now_us - s->swept_us >= sweep_us) {
        s->swept_us = s->now_us;
        deliver_lane_sweep_idle(s);
        deliver_given_up_sweep(s->given_up, s->now_us - s->offset_us);
    }
    s->is_running = false;
    int64_t next_us = s->now_us + (may_send ? sweep_us : ask_again_us);
    const struct deliver_lane *top = deliver_heap_top(&s->timed);
    if (may_send && top != NULL && top->next_us < next_us)
        next_us = top->next_us;
    if (s->unrecorded != NULL && s->record_again_us < next_us)
        next_us = s->record_again_us;
    next_us = deliver_stuck_until(s, next_us);
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

void deliver_shard_ask(struct deliver_shard *s, struct store_message *message,
                       const struct store_due *due)
{
    deliver_shard_tell_time(s);
    struct deliver_lane *lane = deliver_lane_make(s, due->app, due->endpoint);
    deliver_pace_ask(&lane->pace, s->now_us);
    if (!deliver_backlog_ask(s, lane, due))
        deliver_backlog_add(s, lane, due, message);
    deliver_lane_place(s, lane);
}

void deliver_shard_erase(struct deliver_shard *s, const struct id *message, int64_t endpoint,
                         bool lets_finish)
{
    struct deliver_item *item = deliver_items_find(&s->items, message, endpoint);
    if (item == NULL || item->where == DELIVER_GONE)
        return;
    deliver_shard_tell_time(s);
    if (item->where != DELIVER_WAITING) {
        if (lets_finish)
            item->is_erased = true;
        else
            deliver_attempt_erase(s, item);
        return;
    }
    struct deliver_lane *lane = item->lane;
    deliver_backlog_drop(s, item);
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

/* A time that is still to come, or 0. */
static int64_t shard_still(int64_t at_us, int64_t now_us)
{
    return at_us > now_us ? at_us : 0;
}

static struct deliver_lane_info info_of(const struct deliver_lane *lane, int64_t now_us)
{
    bool is_parked = lane->pace.parked_until_us > now_us;
    return (struct deliver_lane_info){
        .waiting = (int64_t)lane->waiting.len,
        .in_flight = lane->in_flight,
        .window = deliver_pace_slots(&lane->pace),
        .parked = is_parked,
        .parked_until_us = shard_still(lane->pace.parked_until_us, now_us),
        .held_until_us = shard_still(lane->pace.held_until_us, now_us),
        .throttled_until_us = shard_still(lane->pace.wait_until_us, now_us),
        .failures_in_row = lane->pace.failures_in_row
    };
}

bool deliver_shard_lane(const struct deliver_shard *s, int64_t endpoint,
                        struct deliver_lane_info *out)
{
    const struct deliver_lane *lane = deliver_lane_find(s, endpoint);
    int64_t now_us = clock_wall_us(s->clock);
    *out = lane == NULL ? (struct deliver_lane_info){ 0 } : info_of(lane, now_us);
    out->retry_count = s->limits.retry.count;
    for (size_t i = 0; i < out->retry_count; i++)
        out->retry_us[i] = s->delays_us[i];
    if (lane == NULL)
        return false;
    int64_t *shown[] = { &out->parked_until_us, &out->held_until_us, &out->throttled_until_us };
    for (size_t i = 0; i < COUNT_OF(shown); i++)
        *shown[i] += *shown[i] == 0 ? 0 : clock_wall_us(s->wall) - now_us;
    return true;
}

/* The lane's endpoint's id, into `out`; "?" if it is not known. */
static void say_id(const struct deliver_shard *s, const struct deliver_lane *lane,
                   char out[static DELIVER_ID_ROOM])
{
    /* The lane itself looks its endpoint up only when it has something to send. */
    struct core_app *view =
        lane->ep == NULL ? s->backend.app(s->backend.ctx, lane->app->num) : NULL;
    const struct core_endpoint *ep =
        view == NULL ? lane->ep : core_app_endpoint(view, lane->endpoint);
    struct str id = ep == NULL ? STR("?") : ep->id;
    snprintf(out, DELIVER_ID_ROOM, "%.*s", STR_ARGS(id));
    core_app_unref(view);
}

static void describe_lane(const struct deliver_shard *s, const struct deliver_lane *lane,
                          int64_t now_us, struct buf *out)
{
    struct deliver_lane_info info = info_of(lane, now_us);
    char id[DELIVER_ID_ROOM];
    say_id(s, lane, id);
    buf_say(out,
            "endpoint=%s num=%lld waiting=%lld in_flight=%d window=%d failures=%d parked_ms=%lld"
            " more_in_store=%d\n",
            id, (long long)lane->endpoint, (long long)info.waiting, info.in_flight, info.window,
            info.failures_in_row,
            info.parked ? (long long)(info.parked_until_us - now_us) / 1000 : 0, lane->has_more);
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

/* A place among the busiest, in their order; NULL: enough others have more waiting. */
static struct deliver_busy *place_among(struct deliver_busiest *b, int64_t waiting)
{
    size_t at = b->count;
    while (at > 0 && b->lanes[at - 1].info.waiting < waiting)
        at--;
    if (at == DELIVER_BUSY_MAX)
        return NULL;
    size_t after = (b->count < DELIVER_BUSY_MAX ? b->count++ : DELIVER_BUSY_MAX - 1) - at;
    memmove(&b->lanes[at + 1], &b->lanes[at], after * sizeof(b->lanes[0]));
    return &b->lanes[at];
}

void deliver_shard_busiest(const struct deliver_shard *s, struct deliver_busiest *out)
{
    size_t at = 0;
    uint64_t key = 0;
    void *value = NULL;
    while (map64_next(s->lanes, &at, &key, &value)) {
        const struct deliver_lane *lane = value;
        struct deliver_busy *place =
            lane->place == DELIVER_IDLE ? NULL : place_among(out, (int64_t)lane->waiting.len);
        if (place == NULL)
            continue;
        *place = (struct deliver_busy){ .endpoint = lane->endpoint, .has_more = lane->has_more };
        (void)deliver_shard_lane(s, lane->endpoint, &place->info);
        say_id(s, lane, place->id);
    }
}

/* The due time of what has waited longest. A lane that waits as it was told to (its throttle has no place, what
 * comes first in its order has a later try) does not wait for us. */
static int64_t oldest_of(const struct deliver_lane *lane, int64_t now_us)
{
    const struct deliver_item *top = deliver_heap_top(&lane->waiting);
    bool is_turn_later = top != NULL && deliver_order_ready(lane, top) > now_us;
    bool is_told_to = lane->pace.wait_until_us > now_us || (lane->is_ordered && is_turn_later);
    int64_t oldest_us = DELIVER_NEVER;
    if (is_told_to)
        return oldest_us;
    if (top != NULL)
        oldest_us = top->due_us;
    if (lane->has_more && lane->store_due_us < oldest_us)
        oldest_us = lane->store_due_us;
    return oldest_us;
}

void deliver_shard_stats(const struct deliver_shard *s, struct deliver_shard_stats *out)
{
    size_t at = 0;
    uint64_t key = 0;
    void *value = NULL;
    int64_t oldest_us = INT64_MAX;
    int64_t now_us = clock_wall_us(s->clock);
    while (map64_next(s->lanes, &at, &key, &value)) {
        int64_t due_us = oldest_of(value, now_us);
        if (due_us < oldest_us)
            oldest_us = due_us;
    }
    *out = (struct deliver_shard_stats){ .lanes = map64_count(s->lanes),
                                         .parked = s->parked,
                                         .items = s->items.count,
                                         .payload_bytes = s->payload_bytes,
                                         .in_flight = s->in_flight,
                                         .recording = s->recording,
                                         .oldest_due_us = oldest_us <= now_us ? oldest_us : 0 };
}

/* --- what is late --------------------------------------------------------------------------------- */

/* When what has waited longest was due, whatever it waits for. */
static int64_t due_since(const struct deliver_lane *lane)
{
    const struct deliver_item *top = deliver_heap_top(&lane->waiting);
    int64_t oldest_us = top == NULL ? DELIVER_NEVER : top->due_us;
    return lane->has_more && lane->store_due_us < oldest_us ? lane->store_due_us : oldest_us;
}

static size_t youngest_of(const struct deliver_late *list, size_t count)
{
    size_t youngest = 0;
    for (size_t i = 1; i < count; i++)
        if (list[i].oldest_us > list[youngest].oldest_us)
            youngest = i;
    return youngest;
}

size_t deliver_shard_late(const struct deliver_shard *s, int64_t org, int64_t late_us,
                          struct deliver_late *out)
{
    size_t at = 0, count = 0, youngest = 0;
    uint64_t key = 0;
    void *value = NULL;
    int64_t now_us = clock_wall_us(s->clock);
    int64_t shown_us = clock_wall_us(s->wall) - now_us;
    while (map64_next(s->lanes, &at, &key, &value)) {
        const struct deliver_lane *lane = value;
        bool is_theirs = lane->app->view != NULL && lane->app->view->org == org;
        bool is_parked = lane->pace.parked_until_us > now_us;
        int64_t due_us = due_since(lane);
        if (!is_theirs || (!is_parked && due_us > now_us - late_us))
            continue;
        struct deliver_late late = { .app = lane->app->num,
                                     .endpoint = lane->endpoint,
                                     .oldest_us = due_us > now_us ? 0 : due_us + shown_us,
                                     .parked = is_parked,
                                     .parked_until_us =
                                         is_parked ? lane->pace.parked_until_us + shown_us : 0,
                                     .failures_in_row = lane->pace.failures_in_row };
        if (count < DELIVER_LATE_MAX) {
            out[count++] = late;
            youngest = youngest_of(out, count);
        } else if (late.oldest_us < out[youngest].oldest_us) {
            out[youngest] = late;
            youngest = youngest_of(out, count);
        }
    }
    return count;
}
