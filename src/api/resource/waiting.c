/* SPDX-License-Identifier: Apache-2.0
 *
 * Why a delivery waits: its own time, the one before it at an endpoint that keeps order, a throttle, or the
 * endpoint's lane as a whole. The store knows the first two, the lane the others.
 */
#include "api/resource/waiting_priv.h"
#include "work/wait.h"

bool api_endpoint_is_ordered(struct api_ctx *c, int64_t app_num, int64_t endpoint)
{
    struct core_app *app = NULL;
    if (core_directory_load(c->api->o.directory, app_num, &app) != RC_OK)
        return false;
    const struct core_endpoint *ep = core_app_endpoint(app, endpoint);
    bool ordered = ep != NULL && ep->ordered;
    core_app_unref(app);
    return ordered;
}

struct lane_question {
    struct work_wait wait;
    struct deliver_lane_info info;
};

static void take_lane(void *arg, const struct deliver_lane_info *info)
{
    struct lane_question *q = arg;
    q->info = *info;
    work_wait_over(&q->wait);
}

struct deliver_lane_info api_lane_of(struct api *api, int64_t endpoint)
{
    struct lane_question q = { 0 };
    if (api->o.deliver == NULL)
        return q.info;
    work_wait_init(&q.wait);
    deliver_lane_ask(api->o.deliver, endpoint, api_loop(api), take_lane, &q);
    work_wait(&q.wait);
    return q.info;
}

static int64_t waiting_later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void api_waiting_at(struct api_ctx *c, int64_t app, int64_t endpoint, struct api_waiting *out)
{
    struct deliver_lane_info lane = api_lane_of(c->api, endpoint);
    *out = (struct api_waiting){
        .store = c->api->o.store,
        .until_us = waiting_later(waiting_later(lane.parked_until_us, lane.held_until_us),
                                  lane.throttled_until_us),
        .throttled_until_us = lane.throttled_until_us,
        .lane = lane,
    };
    size_t count = 0;
    if (api_endpoint_is_ordered(c, app, endpoint) &&
        store_due_list(c->api->o.store, endpoint, 0, NULL, 1, &out->head, &count) == RC_OK)
        out->has_head = count == 1;
}

/* An attempt that was asked for comes at its due time, whatever the schedule says. */
static int64_t ready_at(enum store_trigger trigger, int64_t due_us, int64_t retry_at_us)
{
    return trigger == STORE_MANUAL ? due_us : waiting_later(due_us, retry_at_us);
}

static bool is_waiting(const struct store_delivery_row *row)
{
    return row->state == STORE_PENDING || row->state == STORE_SENDING;
}

bool api_waiting_is_behind(const struct api_waiting *w, const struct store_delivery_row *row)
{
    return is_waiting(row) && w->has_head &&
           memcmp(&w->head.message, &row->message, sizeof(row->message)) != 0;
}

int64_t api_waiting_due(const struct store_delivery_row *row)
{
    return ready_at(row->trigger, row->due_us, row->retry_at_us);
}

int64_t api_waiting_next(const struct api_waiting *w, const struct store_delivery_row *row)
{
    int64_t next_us = api_waiting_due(row);
    if (!is_waiting(row))
        return 0;
    if (api_waiting_is_behind(w, row))
        next_us =
            waiting_later(next_us, ready_at(w->head.trigger, w->head.due_us, w->head.retry_at_us));
    return waiting_later(store_shown_us(w->store, next_us), w->until_us);
}

void api_waiting_write(struct api_out *o, const struct api_waiting *w,
                       const struct store_delivery_row *row)
{
    api_out_opt_date(o, "nextAttempt", api_waiting_next(w, row));
    if (api_waiting_is_behind(w, row))
        api_out_id(o, "blockedBy", STR("msg_"), &w->head.message);
    else
        api_out_null(o, "blockedBy");
    api_out_opt_date(o, "throttledUntil", is_waiting(row) ? w->throttled_until_us : 0);
}
