/* SPDX-License-Identifier: Apache-2.0
 *
 * Accepted events wait here for a worker. A worker takes the first whose lane has room.
 */
#include "receiver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { STORED_OVERHEAD = 1 << 16, READ_TRIES = 60, IDLE_MAX = 4 /* workers that wait for work */ };

static void start_workers(struct grapnel_receiver *r);

bool gn_queue_init(struct gn_queue *q)
{
    memset(q, 0, sizeof(*q));
    q->last = &q->first;
    return pthread_mutex_init(&q->mutex, NULL) == 0 && pthread_cond_init(&q->changed, NULL) == 0;
}

static void receiver_queue_forget(struct grapnel_receiver *r, struct gn_waiting *w)
{
    if (w->stored != NULL) {
        gn_budget_give(&r->budget, w->stored->size);
        gn_stored_free(w->stored);
    }
    free(w);
}

void gn_queue_fini(struct grapnel_receiver *r)
{
    struct gn_queue *q = &r->queue;
    while (q->first != NULL) {
        struct gn_waiting *w = q->first;
        q->first = w->next;
        receiver_queue_forget(r, w);
    }
    (void)pthread_mutex_destroy(&q->mutex);
    (void)pthread_cond_destroy(&q->changed);
}

/* --- putting -------------------------------------------------------------------------------------- */

static void find_lane(struct grapnel_receiver *r, const struct grapnel_event *event,
                      struct grapnel_lane *lane)
{
    *lane = (struct grapnel_lane){ 0 };
    if (r->config.on_lane != NULL) {
        r->config.on_lane(r->config.ctx, event, lane);
    }
}

static bool receiver_queue_has_room(struct grapnel_receiver *r, const struct grapnel_lane *lane)
{
    struct gn_queue *q = &r->queue;
    size_t count = 0;
    if (q->count >= r->config.queue_max) {
        return false;
    }
    if (lane->queue_max == 0) {
        return true;
    }
    for (const struct gn_waiting *w = q->first; w != NULL; w = w->next) {
        count += w->lane.id == lane->id ? 1 : 0;
    }
    return count < lane->queue_max;
}

/* `forced`: it is in the spool from before and counts whatever the limit. */
static bool receiver_queue_append(struct grapnel_receiver *r, struct gn_waiting *w, bool forced)
{
    struct gn_queue *q = &r->queue;
    pthread_mutex_lock(&q->mutex);
    bool ok = forced || (!q->is_stopping && receiver_queue_has_room(r, &w->lane));
    if (ok) {
        *q->last = w;
        q->last = &w->next;
        q->count++;
        start_workers(r);
        pthread_cond_broadcast(&q->changed); /* a signal might wake one that waits for the end */
    }
    pthread_mutex_unlock(&q->mutex);
    return ok;
}

static unsigned receiver_queue_refuse(struct grapnel_receiver *r, struct gn_waiting *w,
                                      const char **reason, const char *why)
{
    *reason = why;
    if (w != NULL) {
        receiver_queue_forget(r, w);
    }
    return 503;
}

unsigned gn_queue_put(struct grapnel_receiver *r, const struct grapnel_event *event,
                      const struct gn_replay_keys *keys, const char **reason)
{
    struct gn_waiting *w = calloc(1, sizeof(*w));
    struct gn_stored *stored = gn_stored_make(event, keys);

    if (w == NULL || stored == NULL) {
        gn_stored_free(stored);
        return receiver_queue_refuse(r, w, reason, "no_memory");
    }
    find_lane(r, event, &w->lane);
    if (r->spool.fd < 0) {
        if (!gn_budget_take(&r->budget, stored->size)) {
            gn_stored_free(stored);
            return receiver_queue_refuse(r, w, reason, "no_memory");
        }
        w->stored = stored;
        return receiver_queue_append(r, w, false)
                   ? 0
                   : receiver_queue_refuse(r, w, reason, "queue_full");
    }
    /* Look before writing: a full queue must not cost the disk anything. */
    pthread_mutex_lock(&r->queue.mutex);
    bool room = !r->queue.is_stopping && receiver_queue_has_room(r, &w->lane);
    pthread_mutex_unlock(&r->queue.mutex);
    bool written = room && gn_spool_write(&r->spool, stored, &w->number);
    gn_stored_free(stored);
    if (!written) {
        return receiver_queue_refuse(r, w, reason, room ? "spool_failed" : "queue_full");
    }
    (void)receiver_queue_append(r, w, true);
    return 0;
}

unsigned gn_queue_defer(struct grapnel_receiver *r, const struct grapnel_event *event,
                        struct gn_conn *conn, const char **reason)
{
    struct gn_waiting *w = calloc(1, sizeof(*w));

    if (w == NULL) {
        return receiver_queue_refuse(r, w, reason, "no_memory");
    }
    find_lane(r, event, &w->lane);
    w->conn = conn;
    return receiver_queue_append(r, w, false) ? 0
                                              : receiver_queue_refuse(r, w, reason, "queue_full");
}

bool gn_queue_reload(struct grapnel_receiver *r, char *why, size_t cap)
{
    uint64_t *numbers;
    size_t count;
    if (!gn_spool_list(&r->spool, &numbers, &count)) {
        (void)snprintf(why, cap, "the spool cannot be read");
        free(numbers);
        return false;
    }
    uint64_t after = count > 0 ? numbers[count - 1] + 1 : 0;
    uint64_t now = (uint64_t)gn_wall_us(); /* numbers go on even when the spool was emptied */
    atomic_store(&r->spool.next, after > now ? after : now);
    for (size_t i = 0; i < count; i++) {
        bool later;
        struct gn_stored *stored =
            gn_spool_read(&r->spool, numbers[i], r->config.body_max + 8 * STORED_OVERHEAD, &later);
        if (stored == NULL && later) {
            (void)snprintf(why, cap, "the spool's event %llu cannot be read: %s",
                           (unsigned long long)numbers[i], strerror(errno));
            free(numbers);
            return false;
        }
        struct gn_waiting *w = calloc(1, sizeof(*w));
        if (stored == NULL || w == NULL) {
            if (w != NULL) { /* not ours, or from a larger limit: kept for the operator */
                gn_spool_done(&r->spool, numbers[i], true);
            }
            gn_stored_free(stored);
            free(w);
            continue;
        }
        find_lane(r, &stored->event, &w->lane);
        gn_replay_settle(r->replay, &stored->keys, true, stored->event.received_us);
        w->number = numbers[i];
        gn_stored_free(stored);
        (void)receiver_queue_append(r, w, true);
    }
    free(numbers);
    return true;
}

/* --- taking --------------------------------------------------------------------------------------- */

static bool lane_is_free(const struct gn_queue *q, const struct grapnel_lane *lane)
{
    size_t running = 0;
    for (size_t i = 0; i < q->place_count; i++) {
        running += q->is_running[i] && q->lanes[i] == lane->id ? 1 : 0;
    }
    return lane->running_max == 0 || running < lane->running_max;
}

/* With the mutex held; NULL: nothing may run now. */
static struct gn_waiting *receiver_queue_take(struct gn_queue *q)
{
    uint64_t full = 0; /* the lane that was asked last, and had no room */
    bool has_full = false;
    for (struct gn_waiting **at = &q->first; *at != NULL; at = &(*at)->next) {
        struct gn_waiting *w = *at;
        if (has_full && w->lane.id == full) {
            continue;
        }
        if (!lane_is_free(q, &w->lane)) {
            full = w->lane.id;
            has_full = true;
            continue;
        }
        *at = w->next;
        if (q->last == &w->next) {
            q->last = at;
        }
        return w;
    }
    return NULL;
}

/* With the mutex held: where what this worker does is noted. */
static size_t take_place(struct gn_queue *q, const struct grapnel_lane *lane)
{
    size_t place = 0;
    while (q->is_running[place]) { /* there are as many as there may be workers */
        place++;
    }
    q->is_running[place] = true;
    q->lanes[place] = lane->id;
    q->running_count++;
    if (q->place_count <= place) {
        q->place_count = place + 1;
    }
    return place;
}

/* NULL: this worker is needed no longer. */
static struct gn_waiting *wait_for_one(struct gn_queue *q, size_t *place)
{
    struct gn_waiting *w = NULL;
    pthread_mutex_lock(&q->mutex);
    for (;;) {
        bool ends = q->is_stopping && (!q->drains || q->first == NULL);
        w = ends ? NULL : receiver_queue_take(q);
        if (w != NULL || ends || q->worker_count - q->running_count > IDLE_MAX) {
            break;
        }
        pthread_cond_wait(&q->changed, &q->mutex);
    }
    if (w != NULL) {
        *place = take_place(q, &w->lane);
    } else {
        q->worker_count--;
        pthread_cond_broadcast(&q->changed);
    }
    pthread_mutex_unlock(&q->mutex);
    return w;
}

static bool is_ending(struct grapnel_receiver *r)
{
    pthread_mutex_lock(&r->queue.mutex);
    bool ending = r->queue.is_stopping;
    pthread_mutex_unlock(&r->queue.mutex);
    return ending;
}

/* Out of descriptors, or a disk that does not answer: neither is the event's fault. */
static struct gn_stored *read_patiently(struct grapnel_receiver *r, uint64_t number, bool *later)
{
    static const struct timespec pause = { .tv_sec = 1 };
    size_t max = r->config.body_max + 8 * STORED_OVERHEAD;
    struct gn_stored *stored = gn_spool_read(&r->spool, number, max, later);
    for (int i = 0; stored == NULL && *later && i < READ_TRIES && !is_ending(r); i++) {
        (void)nanosleep(&pause, NULL);
        stored = gn_spool_read(&r->spool, number, max, later);
    }
    return stored;
}

static void receiver_queue_run(struct grapnel_receiver *r, struct gn_waiting *w)
{
    struct gn_stored *stored = w->stored;
    bool later = false;
    if (w->conn != NULL) {
        gn_answer_deferred(r, w->conn);
        return;
    }
    if (stored == NULL) {
        stored = read_patiently(r, w->number, &later);
    }
    if (later) {
        return; /* it stays in the spool, for the next start */
    }
    bool ok = stored != NULL && r->config.on_event(r->config.ctx, &stored->event);
    if (w->stored == NULL) {
        if (stored != NULL) { /* before the file goes: in between, it runs again and is known */
            gn_replay_keep(r->replay, &stored->keys, stored->event.received_us);
        }
        if (ok || !is_ending(r)) { /* cut off by the end: again at the next start */
            gn_spool_done(&r->spool, w->number, !ok);
        }
        gn_stored_free(stored);
    }
}

static void *worker_run(void *receiver)
{
    struct grapnel_receiver *r = receiver;
    struct gn_queue *q = &r->queue;
    size_t place = 0;

    for (struct gn_waiting *w; (w = wait_for_one(q, &place)) != NULL;) {
        receiver_queue_run(r, w);
        receiver_queue_forget(r, w);
        pthread_mutex_lock(&q->mutex);
        q->is_running[place] = false;
        q->running_count--;
        q->count--;
        pthread_cond_broadcast(&q->changed); /* a lane has room, or all is done */
        pthread_mutex_unlock(&q->mutex);
    }
    return NULL;
}

static bool start_worker(struct grapnel_receiver *r)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, worker_run, r) != 0) {
        return false;
    }
    (void)pthread_detach(thread); /* gn_queue_stop() waits until all have gone */
    r->queue.worker_count++;
    return true;
}

/* With the mutex held: is there more to do than workers without work? */
static bool is_short(const struct gn_queue *q)
{
    size_t spare = q->worker_count - q->running_count;
    for (const struct gn_waiting *w = q->first; w != NULL; w = w->next) {
        if (lane_is_free(q, &w->lane) && spare-- == 0) {
            return true;
        }
    }
    return false;
}

/* With the mutex held. When no thread can be had, those that are there go on. */
static void start_workers(struct grapnel_receiver *r)
{
    struct gn_queue *q = &r->queue;
    while (q->is_started && !q->is_stopping && q->worker_count < r->config.workers && is_short(q) &&
           start_worker(r)) {
    }
}

bool gn_queue_start(struct grapnel_receiver *r)
{
    struct gn_queue *q = &r->queue;
    pthread_mutex_lock(&q->mutex);
    q->is_started = start_worker(r);
    start_workers(r);
    pthread_mutex_unlock(&q->mutex);
    return q->is_started;
}

void gn_queue_stop(struct gn_queue *q, bool drain)
{
    pthread_mutex_lock(&q->mutex);
    q->is_stopping = true;
    q->drains = drain;
    pthread_cond_broadcast(&q->changed);
    while (q->worker_count > 0) {
        pthread_cond_wait(&q->changed, &q->mutex);
    }
    pthread_mutex_unlock(&q->mutex);
}
