/* SPDX-License-Identifier: Apache-2.0
 *
 * From committed jobs to the loops. A block is written by the store thread, then read by the loops it is posted to, and freed
 * by the last of them.
 */
#include "stats/live_priv.h"

#include "stats/stats_priv.h"

struct stats_block {
    struct stats_live *live;
    atomic_int refs;
    size_t count;
    struct loop_task tasks[STATS_LIVE_LOOPS];
    struct block_stop {
        struct stats_block *block;
        struct stats_live_loop *at;
    } stops[STATS_LIVE_LOOPS];
    struct stats_event events[STATS_BLOCK_EVENTS];
};

/* --- lookers ---------------------------------------------------------------------------------------- */

static struct stats_live_loop *loop_of(struct stats_live *l, const struct loop *loop)
{
    for (size_t i = 0; i < l->loop_count; i++)
        if (l->loops[i].loop == loop)
            return &l->loops[i];
    return NULL;
}

void stats_live_add(struct stats *s, struct loop *loop, struct stats_looker *looker)
{
    struct stats_live_loop *at = loop_of(&s->live, loop);
    MUST(at != NULL);
    looker->_prev = NULL;
    looker->_next = at->first;
    looker->_lost = atomic_load(&s->live.lost);
    if (at->first != NULL)
        at->first->_prev = looker;
    at->first = looker;
    atomic_fetch_add(&at->count, 1);
    atomic_fetch_add(&s->live.lookers, 1);
}

void stats_live_remove(struct stats *s, struct loop *loop, struct stats_looker *looker)
{
    struct stats_live_loop *at = loop_of(&s->live, loop);
    if (looker->_prev != NULL)
        looker->_prev->_next = looker->_next;
    else
        at->first = looker->_next;
    if (looker->_next != NULL)
        looker->_next->_prev = looker->_prev;
    atomic_fetch_sub(&at->count, 1);
    atomic_fetch_sub(&s->live.lookers, 1);
}

bool stats_live_is_watched(const struct stats *s)
{
    return atomic_load_explicit(&s->live.lookers, memory_order_relaxed) > 0;
}

void stats_live_init(struct stats_live *l, struct loop *const *loops, size_t count)
{
    MUST(count <= STATS_LIVE_LOOPS);
    for (size_t i = 0; i < count; i++)
        l->loops[i].loop = loops[i];
    l->loop_count = count;
}

/* --- blocks ------------------------------------------------------------------------------------------- */

static void drop_block(struct stats_block *b)
{
    if (atomic_fetch_sub(&b->refs, 1) != 1)
        return;
    atomic_fetch_sub(&b->live->blocks, 1);
    xfree(b);
}

/* On a loop. */
static void see_block(void *arg)
{
    struct block_stop *stop = arg;
    struct stats_block *b = stop->block;
    uint64_t lost = atomic_load(&b->live->lost);
    for (struct stats_looker *l = stop->at->first, *next; l != NULL; l = next) {
        next = l->_next;
        l->see(l->arg, b->events, b->count, lost - l->_lost);
        l->_lost = lost;
    }
    drop_block(b);
}

/* NULL: too many are under way. */
static struct stats_block *new_block(struct stats_live *l)
{
    if (atomic_fetch_add(&l->blocks, 1) >= STATS_BLOCKS_MAX) {
        atomic_fetch_sub(&l->blocks, 1);
        return NULL;
    }
    struct stats_block *b =
        xmalloc(sizeof(*b)); /* its events stay as they come: they are written one by one */
    memset(b, 0, offsetof(struct stats_block, events));
    b->live = l;
    return b;
}

/* Takes the block. */
static void post_block(struct stats_live *l, struct stats_block *b)
{
    atomic_store(&b->refs, 1);
    for (size_t i = 0; i < l->loop_count; i++) {
        if (atomic_load_explicit(&l->loops[i].count, memory_order_relaxed) == 0)
            continue;
        b->stops[i] = (struct block_stop){ b, &l->loops[i] };
        b->tasks[i] = (struct loop_task){ .fn = see_block, .arg = &b->stops[i] };
        atomic_fetch_add(&b->refs, 1);
        loop_post(l->loops[i].loop, &b->tasks[i]);
    }
    drop_block(b);
}

/* The next event to write, zeroed; NULL: it is left out. */
static struct stats_event *next_event(struct stats_live *l)
{
    if (l->block == NULL)
        l->block = new_block(l);
    if (l->block == NULL) {
        atomic_fetch_add_explicit(&l->lost, 1, memory_order_relaxed);
        return NULL;
    }
    struct stats_event *e = &l->block->events[l->block->count++];
    *e = (struct stats_event){ .kind = STATS_EVENT_MESSAGE };
    return e;
}

static void flush_full(struct stats_live *l)
{
    if (l->block == NULL || l->block->count < STATS_BLOCK_EVENTS)
        return;
    post_block(l, l->block);
    l->block = NULL;
}

void stats_live_end(struct stats_live *l)
{
    if (l->block != NULL)
        post_block(l, l->block);
    l->block = NULL;
}

void stats_live_show(struct stats *s, const struct stats_event *e)
{
    if (!stats_live_is_watched(s))
        return;
    struct stats_block *b = new_block(&s->live);
    if (b == NULL) {
        atomic_fetch_add(&s->live.lost, 1);
        return;
    }
    b->events[b->count++] = *e;
    post_block(&s->live, b);
}

/* --- events ------------------------------------------------------------------------------------------- */

static void set_type(struct stats_event *e, struct str type)
{
    struct str cut = str_cut_utf8(type, STATS_EVENT_TYPE_MAX);
    memcpy(e->type, cut.ptr == NULL ? "" : cut.ptr, cut.len);
    e->type_len = (uint8_t)cut.len;
}

static uint16_t live_small(size_t n)
{
    return n > UINT16_MAX ? UINT16_MAX : (uint16_t)n;
}

static void show_message(struct stats_live *l, int64_t wall_us, const struct store_publish *p)
{
    struct stats_event *e = next_event(l);
    if (e == NULL)
        return;
    e->kind = STATS_EVENT_MESSAGE;
    e->id = p->message->id;
    e->org = p->message->org;
    e->app = p->message->app;
    e->at_us = wall_us;
    e->number = live_small(p->endpoint_count);
    set_type(e, p->message->event_type);
    flush_full(l);
}

static void show_request(struct stats_live *l, int64_t wall_us, const struct store_request *r,
                         enum store_request_outcome outcome)
{
    struct stats_event *e = next_event(l);
    if (e == NULL)
        return;
    e->kind = STATS_EVENT_REQUEST;
    e->state = (uint8_t)outcome;
    e->status = (int16_t)r->status;
    e->id = r->id;
    e->org = r->org;
    e->app = r->app;
    e->object = r->source;
    e->at_us = wall_us;
    set_type(e, r->event_type);
    flush_full(l);
}

static void show_publish(struct stats_live *l, int64_t wall_us, const struct store_publish *p)
{
    bool is_whole = stats_publish_is_whole(p), any = false;
    for (size_t i = 0; i <= p->also_count; i++) {
        const struct store_publish *one = i == 0 ? p : p->also[i - 1];
        if (!stats_publish_is_in(p, one, is_whole))
            continue;
        any = true;
        show_message(l, wall_us, one);
    }
    if (p->request != NULL)
        show_request(l, wall_us, p->request,
                     any ? STORE_REQUEST_ACCEPTED : STORE_REQUEST_DUPLICATE);
}

static void show_outcome(struct stats_live *l, int64_t wall_us, const struct store_outcome *o)
{
    bool has_ended = o->to == STORE_SUCCESS || o->to == STORE_FAILED || o->to == STORE_CANCELED;
    if (!o->has_attempt && !has_ended)
        return; /* it was put off */
    struct stats_event *e = next_event(l);
    if (e == NULL)
        return;
    e->kind = STATS_EVENT_ATTEMPT;
    e->state = (uint8_t)o->to;
    e->has_attempt = o->has_attempt;
    e->status = (int16_t)o->http_status;
    e->number = live_small((size_t)o->attempt_count);
    e->id = o->attempt;
    e->message = o->message;
    e->org = o->org;
    e->app = o->app;
    e->object = o->endpoint;
    e->at_us = wall_us;
    e->took_us = o->took_us;
    set_type(e, o->event_type);
    flush_full(l);
}

static void show_run(struct stats_live *l, int64_t wall_us, const struct store_filter_run *r)
{
    struct stats_event *e = next_event(l);
    if (e == NULL)
        return;
    e->kind = STATS_EVENT_RUN;
    e->state = r->halted ? 1 : 0;
    e->number = live_small(r->part_count);
    e->id = r->id;
    e->org = r->org;
    e->app = r->app;
    e->at_us = wall_us;
    e->took_us = r->took_us;
    set_type(e, r->event);
    flush_full(l);
}

void stats_live_job(struct stats_live *l, int64_t wall_us, enum store_job_kind kind,
                    struct store_job *job)
{
    switch (kind) {
    case STORE_JOB_PUBLISH:
        show_publish(l, wall_us, CONTAINER_OF(job, struct store_publish, job));
        break;
    case STORE_JOB_OUTCOME:
        show_outcome(l, wall_us, CONTAINER_OF(job, struct store_outcome, job));
        break;
    case STORE_JOB_RECORD: {
        const struct store_request *r = CONTAINER_OF(job, struct store_record, job)->request;
        show_request(l, wall_us, r, r->outcome);
        break;
    }
    case STORE_JOB_FILTER_RUN:
        show_run(l, wall_us, &CONTAINER_OF(job, struct store_filter_run_job, job)->run);
        break;
    case STORE_JOB_EXPUNGE:
    case STORE_JOB_REQUEUE:
    case STORE_JOB_KINDS: break;
    }
}
