/* SPDX-License-Identifier: Apache-2.0
 *
 * From committed jobs to those who look on. The list of audiences is a snapshot: the store thread takes it for a group. An
 * audience's counts are atomic; its ring is locked for as long as a record is copied, and that is at most STATS_SAMPLE times a second.
 */
#include "stats/live_priv.h"

#include "stats/stats_priv.h"

#define SECOND_US INT64_C(1000000)

struct stats_audience {
    struct stats_want want;
    uint64_t number;
    atomic_int refs;
    int lookers;       /* under stats_live.lock, as is */
    int64_t forget_us; /* monotonic: without a looker it goes then */
    _Atomic uint64_t kinds[STATS_EVENT_KINDS], left_out;
    _Atomic uint64_t
        total; /* of all kinds; behind the lock for what is kept, so that the ring is in order */
    atomic_int allowance; /* records that may be written now */
    struct mutex lock;    /* over the rest */
    int64_t refilled_us;  /* 0: never */
    uint64_t next;        /* records ever written */
    struct stats_event ring[STATS_RING];
};

struct stats_audiences {
    atomic_int refs;
    size_t count;
    struct stats_audience *list[STATS_AUDIENCES_MAX];
};

/* --- what is wanted ----------------------------------------------------------------------------------- */

static unsigned words_of_attempt(const struct stats_event *e)
{
    unsigned word = e->state == STORE_SUCCESS    ? STATS_WORD_SUCCESS
                    : e->state == STORE_CANCELED ? STATS_WORD_CANCELED
                                                 : STATS_WORD_FAIL;
    int class = e->status >= 100 && e->status <= 599 ? e->status / 100 : 0;
    return 1u << word | (e->has_attempt ? 1u << (STATS_WORD_NONE + class) : 0);
}

_Static_assert(STORE_REQUEST_ACCEPTED == 0 && STORE_REQUEST_IGNORED == 3,
               "words of requests are in their order");

static unsigned words_of(const struct stats_event *e)
{
    switch (e->kind) {
    case STATS_EVENT_ATTEMPT: return words_of_attempt(e);
    case STATS_EVENT_REQUEST: return 1u << (STATS_WORD_ACCEPTED + e->state);
    case STATS_EVENT_RUN: return 1u << (e->state != 0 ? STATS_WORD_HALTED : STATS_WORD_PASSED);
    case STATS_EVENT_MESSAGE:
    case STATS_EVENT_TASK:
    case STATS_EVENT_KINDS: break;
    }
    return 0;
}

bool stats_want_matches(const struct stats_want *want, const struct stats_event *e)
{
    if (e->org != want->org || (want->kinds & 1u << e->kind) == 0)
        return false;
    if (want->app != 0 && e->app != want->app)
        return false;
    if (want->endpoint != 0 && (e->kind != STATS_EVENT_ATTEMPT || e->object != want->endpoint))
        return false;
    if (want->source != 0 && (e->kind != STATS_EVENT_REQUEST || e->object != want->source))
        return false;
    return want->words == 0 || (want->words & words_of(e)) != 0;
}

static bool is_same_want(const struct stats_want *a, const struct stats_want *b)
{
    return a->org == b->org && a->app == b->app && a->endpoint == b->endpoint &&
           a->source == b->source && a->kinds == b->kinds && a->words == b->words;
}

/* --- audiences ---------------------------------------------------------------------------------------- */

static void audience_unref(struct stats_audience *a)
{
    if (atomic_fetch_sub(&a->refs, 1) != 1)
        return;
    mutex_fini(&a->lock);
    xfree(a);
}

static void audiences_unref(struct stats_audiences *all)
{
    if (all == NULL || atomic_fetch_sub(&all->refs, 1) != 1)
        return;
    for (size_t i = 0; i < all->count; i++)
        audience_unref(all->list[i]);
    xfree(all);
}

struct stats_audiences *stats_live_audiences(struct stats_live *l)
{
    mutex_lock(&l->lock);
    struct stats_audiences *all = l->all;
    if (all != NULL)
        atomic_fetch_add(&all->refs, 1);
    mutex_unlock(&l->lock);
    return all;
}

static struct stats_audience *audience_new(struct stats_live *l, const struct stats_want *want)
{
    struct stats_audience *a = XNEW(struct stats_audience);
    a->want = *want;
    a->number = ++l->next_audience;
    atomic_store(&a->refs, 1);
    atomic_store(&a->allowance, STATS_SAMPLE_BURST);
    mutex_init(&a->lock);
    return a;
}

static struct stats_audience *audience_find(const struct stats_audiences *all,
                                            const struct stats_want *want)
{
    for (size_t i = 0; all != NULL && i < all->count; i++)
        if (is_same_want(&all->list[i]->want, want))
            return all->list[i];
    return NULL;
}

static bool is_lingering(const struct stats_audience *a)
{
    return a->lookers == 0;
}

/* Swaps the list for one with `more` (which the list takes), and without those that nobody came back to by `now_us`. */
static void renew_audiences(struct stats_live *l, struct stats_audience *more, int64_t now_us)
{
    struct stats_audiences *before = l->all, *now = XNEW(struct stats_audiences);
    int watched = more == NULL ? 0 : 1;
    int64_t forget_us = 0;
    atomic_store(&now->refs, 1);
    for (size_t i = 0; before != NULL && i < before->count; i++) {
        struct stats_audience *a = before->list[i];
        if (is_lingering(a) && a->forget_us <= now_us)
            continue;
        if (is_lingering(a) && (forget_us == 0 || a->forget_us < forget_us))
            forget_us = a->forget_us;
        watched += is_lingering(a) ? 1 : a->lookers;
        atomic_fetch_add(&a->refs, 1);
        now->list[now->count++] = a;
    }
    if (more != NULL)
        now->list[now->count++] = more;
    l->all = now;
    if (now->count == 0) {
        xfree(now);
        l->all = NULL;
    }
    atomic_store(&l->forget_us, forget_us);
    atomic_store(&l->watched, watched);
    audiences_unref(before);
}

/* The one that was left longest ago; NULL: none is lingering. */
static struct stats_audience *find_oldest(const struct stats_audiences *all, size_t *count)
{
    struct stats_audience *oldest = NULL;
    *count = 0;
    for (size_t i = 0; all != NULL && i < all->count; i++) {
        struct stats_audience *a = all->list[i];
        if (!is_lingering(a))
            continue;
        ++*count;
        if (oldest == NULL || a->forget_us < oldest->forget_us)
            oldest = a;
    }
    return oldest;
}

void stats_live_forget(struct stats_live *l)
{
    int64_t now_us = clock_mono_us(l->clock);
    if (now_us < atomic_load(&l->forget_us))
        return;
    mutex_lock(&l->lock);
    renew_audiences(l, NULL, now_us);
    mutex_unlock(&l->lock);
}

/* --- lookers ------------------------------------------------------------------------------------------ */

static struct stats_seen read_seen(const struct stats_audience *a)
{
    struct stats_seen seen;
    for (size_t i = 0; i < STATS_EVENT_KINDS; i++)
        seen.kinds[i] = atomic_load_explicit(&a->kinds[i], memory_order_relaxed);
    seen.left_out = atomic_load_explicit(&a->left_out, memory_order_relaxed);
    return seen;
}

/* The audience of a want, which may be made for it; NULL: there is no place. Locked. */
static struct stats_audience *audience_for(struct stats_live *l, const struct stats_want *want)
{
    int64_t now_us = clock_mono_us(l->clock);
    struct stats_audience *a = audience_find(l->all, want);
    if (a != NULL && (!is_lingering(a) || a->forget_us > now_us))
        return a;
    size_t lingering;
    struct stats_audience *oldest = find_oldest(l->all, &lingering);
    if (oldest != NULL && l->all->count == STATS_AUDIENCES_MAX)
        oldest->forget_us = now_us;
    else if (l->all != NULL && l->all->count == STATS_AUDIENCES_MAX)
        return NULL;
    a = audience_new(l, want);
    renew_audiences(l, a, now_us);
    return a;
}

static struct stats_resumed resume_none(const struct stats_live *l, const struct stats_audience *a,
                                        enum stats_hole hole)
{
    return (struct stats_resumed){
        .hole = hole,
        .at = { .run = l->run, .audience = a->number, .event = atomic_load(&a->total) }
    };
}

/* Sets how far back the ring goes for somebody who was there. The audience is locked. */
static struct stats_resumed resume_at(const struct stats_live *l, const struct stats_audience *a,
                                      const struct stats_place *from, uint64_t *at)
{
    uint64_t total = atomic_load(&a->total);
    if (from->run != l->run)
        return resume_none(l, a, STATS_HOLE_RESTART);
    if (from->audience != a->number || from->event > total)
        return resume_none(l, a, STATS_HOLE_FORGOTTEN);
    uint64_t oldest = a->next > STATS_RING ? a->next - STATS_RING : 0;
    struct stats_resumed r = resume_none(l, a, STATS_HOLE_NONE);
    while (*at > oldest && a->ring[(*at - 1) % STATS_RING].place > from->event)
        r.at.event = a->ring[--*at % STATS_RING].place - 1;
    r.told = (size_t)(a->next - *at);
    r.missed = total - from->event - r.told;
    if (r.missed > 0)
        r.hole = STATS_HOLE_TOO_MANY;
    return r;
}

enum rc stats_live_resume(struct stats *s, const struct stats_want *want,
                          const struct stats_place *from, struct stats_looker *looker,
                          struct stats_resumed *out)
{
    struct stats_live *l = &s->live;
    mutex_lock(&l->lock);
    struct stats_audience *a = audience_for(l, want);
    if (a != NULL) {
        a->lookers++;
        atomic_fetch_add(&a->refs, 1);
        mutex_lock(&a->lock);
        *looker = (struct stats_looker){ ._audience = a, ._at = a->next, ._before = read_seen(a) };
        *out =
            from == NULL ? resume_none(l, a, STATS_HOLE_NONE) : resume_at(l, a, from, &looker->_at);
        mutex_unlock(&a->lock);
        renew_audiences(l, NULL, clock_mono_us(l->clock));
    }
    mutex_unlock(&l->lock);
    return a == NULL ? RC_LIMIT : RC_OK;
}

enum rc stats_live_add(struct stats *s, const struct stats_want *want, struct stats_looker *looker)
{
    struct stats_resumed now;
    return stats_live_resume(s, want, NULL, looker, &now);
}

void stats_live_remove(struct stats *s, struct stats_looker *looker)
{
    struct stats_live *l = &s->live;
    struct stats_audience *a = looker->_audience;
    mutex_lock(&l->lock);
    if (--a->lookers == 0) {
        int64_t now_us = clock_mono_us(l->clock);
        size_t lingering;
        a->forget_us = now_us + STATS_LINGER_US;
        atomic_store(&a->allowance, STATS_LINGER_KEPT); /* nobody comes by to bring more */
        struct stats_audience *oldest = find_oldest(l->all, &lingering);
        if (lingering > STATS_LINGERING_MAX)
            oldest->forget_us = now_us;
    }
    renew_audiences(l, NULL, clock_mono_us(l->clock));
    mutex_unlock(&l->lock);
    audience_unref(a);
    looker->_audience = NULL;
}

/* Time brings new records. Locked. */
static void audience_refill(struct stats_audience *a, int64_t now_us)
{
    int64_t past_us = a->refilled_us == 0 ? 0 : now_us - a->refilled_us;
    if (past_us >= SECOND_US)
        past_us = SECOND_US;
    int more = (int)(past_us * STATS_SAMPLE / SECOND_US);
    if (a->refilled_us != 0 && more <= 0)
        return;
    a->refilled_us = now_us;
    int left = atomic_load(&a->allowance);
    if (left + more > STATS_SAMPLE_BURST)
        more = STATS_SAMPLE_BURST - left;
    atomic_fetch_add(&a->allowance, more);
}

size_t stats_live_take(struct stats_looker *l, int64_t now_us, struct stats_event *events,
                       size_t max, struct stats_seen *seen, uint64_t *lost)
{
    struct stats_audience *a = l->_audience;
    size_t count = 0;
    mutex_lock(&a->lock);
    audience_refill(a, now_us);
    if (a->next - l->_at > STATS_RING) {
        *lost += a->next - l->_at - STATS_RING;
        l->_at = a->next - STATS_RING;
    }
    while (count < max && l->_at < a->next)
        events[count++] = a->ring[l->_at++ % STATS_RING];
    mutex_unlock(&a->lock);
    struct stats_seen now = read_seen(a);
    for (size_t i = 0; i < STATS_EVENT_KINDS; i++)
        seen->kinds[i] += now.kinds[i] - l->_before.kinds[i];
    seen->left_out += now.left_out - l->_before.left_out;
    l->_before = now;
    return count;
}

bool stats_live_is_watched(const struct stats *s)
{
    return atomic_load_explicit(&s->live.watched, memory_order_relaxed) > 0;
}

void stats_live_init(struct stats_live *l, const struct clock *clock)
{
    l->clock = clock;
    l->run = (uint64_t)clock_wall_us(clock);
    mutex_init(&l->lock);
}

void stats_live_fini(struct stats_live *l)
{
    audiences_unref(l->all);
    mutex_fini(&l->lock);
}

/* --- showing ------------------------------------------------------------------------------------------ */

static void set_type(struct stats_event *e, struct str type)
{
    struct str cut = str_cut_utf8(type, STATS_EVENT_TYPE_MAX);
    memcpy(e->type, cut.ptr == NULL ? "" : cut.ptr, cut.len);
    e->type_len = (uint8_t)cut.len;
}

static void audience_keep(struct stats_audience *a, const struct stats_event *e, struct str type)
{
    mutex_lock(&a->lock);
    struct stats_event *kept = &a->ring[a->next++ % STATS_RING];
    *kept = *e;
    kept->place = atomic_fetch_add(&a->total, 1) + 1;
    set_type(kept, type);
    mutex_unlock(&a->lock);
}

/* The type is copied for those few that are kept. */
static void live_show(struct stats_audiences *all, const struct stats_event *e, struct str type)
{
    for (size_t i = 0; i < all->count; i++) {
        struct stats_audience *a = all->list[i];
        if (!stats_want_matches(&a->want, e))
            continue;
        atomic_fetch_add_explicit(&a->kinds[e->kind], 1, memory_order_relaxed);
        if (atomic_load_explicit(&a->allowance, memory_order_relaxed) <= 0) {
            atomic_fetch_add_explicit(&a->left_out, 1, memory_order_relaxed);
            atomic_fetch_add_explicit(&a->total, 1, memory_order_relaxed);
            continue;
        }
        atomic_fetch_sub_explicit(&a->allowance, 1, memory_order_relaxed);
        audience_keep(a, e, type);
    }
}

void stats_live_show(struct stats *s, const struct stats_event *e)
{
    if (!stats_live_is_watched(s))
        return;
    struct stats_audiences *all = stats_live_audiences(&s->live);
    if (all != NULL)
        live_show(all, e, str_of(e->type, e->type_len));
    audiences_unref(all);
}

void stats_live_end(struct stats_live *l)
{
    audiences_unref(l->group);
    l->group = NULL;
}

/* --- events --------------------------------------------------------------------------------------------- */

static uint16_t live_small(size_t n)
{
    return n > UINT16_MAX ? UINT16_MAX : (uint16_t)n;
}

static void show_message(struct stats_live *l, int64_t wall_us, const struct store_publish *p)
{
    const struct store_message *m = p->message;
    const struct stats_event e = { .kind = STATS_EVENT_MESSAGE,
                                   .id = m->id,
                                   .org = m->org,
                                   .app = m->app,
                                   .at_us = wall_us,
                                   .number = live_small(p->endpoint_count) };
    live_show(l->group, &e, m->event_type);
}

static void show_request(struct stats_live *l, int64_t wall_us, const struct store_request *r,
                         enum store_request_outcome outcome)
{
    const struct stats_event e = { .kind = STATS_EVENT_REQUEST,
                                   .state = (uint8_t)outcome,
                                   .status = (int16_t)r->status,
                                   .id = r->id,
                                   .org = r->org,
                                   .app = r->app,
                                   .object = r->source,
                                   .at_us = wall_us };
    live_show(l->group, &e, r->event_type);
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
    const struct stats_event e = { .kind = STATS_EVENT_ATTEMPT,
                                   .state = (uint8_t)o->to,
                                   .has_attempt = o->has_attempt,
                                   .status = (int16_t)o->http_status,
                                   .number = live_small((size_t)o->attempt_count),
                                   .id = o->attempt,
                                   .message = o->message,
                                   .org = o->org,
                                   .app = o->app,
                                   .object = o->endpoint,
                                   .at_us = wall_us,
                                   .took_us = o->took_us };
    live_show(l->group, &e, o->event_type);
}

static void show_run(struct stats_live *l, int64_t wall_us, const struct store_filter_run *r)
{
    const struct stats_event e = { .kind = STATS_EVENT_RUN,
                                   .state = r->halted ? 1 : 0,
                                   .number = live_small(r->part_count),
                                   .id = r->id,
                                   .org = r->org,
                                   .app = r->app,
                                   .at_us = wall_us,
                                   .took_us = r->took_us };
    live_show(l->group, &e, r->event);
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
