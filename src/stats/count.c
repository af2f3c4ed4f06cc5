/* SPDX-License-Identifier: Apache-2.0
 *
 * From what was committed to the cells of the current minute: on the store thread, some ten nanoseconds a cell.
 */
#include "stats/cell_priv.h"
#include "stats/stats_priv.h"

#include "metrics/metrics.h"

/* --- the minute ------------------------------------------------------------------------------------- */

static struct stats_table *open_table(struct stats *s, int64_t minute_us)
{
    for (size_t i = 0; i < STATS_TABLES; i++) {
        struct stats_table *t = &s->tables[i];
        if (atomic_load_explicit(&t->state, memory_order_acquire) != STATS_TABLE_FREE)
            continue;
        atomic_store_explicit(&t->minute_us, minute_us, memory_order_relaxed);
        atomic_store_explicit(&t->state, STATS_TABLE_OPEN, memory_order_release);
        return t;
    }
    return NULL;
}

static void count_begin(void *ctx)
{
    struct stats *s = ctx;
    if (!stats_live_begin(&s->live) && !s->counts)
        return;
    s->wall_us = clock_wall_us(s->o.clock);
    if (!s->counts)
        return;
    s->own_us = clock_wall_us(s->o.own);
    int64_t minute_us = s->wall_us - s->wall_us % STATS_MINUTE_US;
    struct stats_table *t = atomic_exchange(&s->current, NULL);
    if (t != NULL && atomic_load_explicit(&t->minute_us, memory_order_relaxed) != minute_us) {
        atomic_store_explicit(&t->state, STATS_TABLE_FULL, memory_order_release);
        t = NULL;
    }
    s->table = t != NULL ? t : open_table(s, minute_us);
}

static void count_end(void *ctx)
{
    struct stats *s = ctx;
    if (s->live.group != NULL)
        stats_live_end(&s->live);
    if (s->table != NULL)
        atomic_store_explicit(&s->current, s->table, memory_order_release);
}

/* --- adding ------------------------------------------------------------------------------------------- */

/* Whom something concerns: a handful of cells that get the same. */
struct concerned {
    struct stats_live_cell *cells[6];
    size_t count;
};

static void count_concern(struct stats *s, struct concerned *to, enum stats_kind kind, int64_t id)
{
    if (id == 0 && kind != STATS_SERVER)
        return;
    struct stats_live_cell *c = stats_table_cell(s->table, kind, id);
    if (c != NULL)
        to->cells[to->count++] = c;
    else
        metrics_add(METRIC_STATS_LOST, 1);
}

static void concern_type(struct stats *s, struct concerned *to, int64_t org, struct str type)
{
    if (type.len == 0 || org == 0)
        return;
    uint64_t key = atomic_load_explicit(&s->key[0], memory_order_relaxed);
    if (org != s->last_org || key != s->last_key || !str_eq(type, s->last_type)) {
        s->last_type_id = stats_type_id(s, org, type);
        s->last_key = key;
        s->last_org = org;
        size_t len = type.len < sizeof(s->last_text) ? type.len : 0;
        memcpy(s->last_text, type.ptr, len);
        s->last_type = str_of(s->last_text, len);
    }
    count_concern(s, to, STATS_TYPE, s->last_type_id);
}

static void add_to_cells(const struct concerned *to, enum stats_field f, uint64_t n)
{
    for (size_t i = 0; i < to->count; i++)
        stats_count(to->cells[i], f, n);
}

static void count_observe(const struct concerned *to, enum stats_field first, int64_t us,
                          int64_t unit_us)
{
    add_to_cells(to, (enum stats_field)(first + stats_bucket(us, unit_us)), 1);
}

/* --- jobs ----------------------------------------------------------------------------------------------- */

static void count_message(struct stats *s, const struct store_publish *p)
{
    const struct store_message *m = p->message;
    struct concerned whom = { .count = 0 };
    count_concern(s, &whom, STATS_SERVER, 0);
    count_concern(s, &whom, STATS_ORG, m->org);
    count_concern(s, &whom, STATS_APP, m->app);
    concern_type(s, &whom, m->org, m->event_type);
    add_to_cells(&whom, STATS_ACCEPTED, 1);
    add_to_cells(&whom, STATS_BYTES_IN, m->payload.len);
    for (size_t i = 0; i < p->endpoint_count; i++) {
        struct concerned one = { .count = 0 };
        count_concern(s, &one, STATS_ENDPOINT, p->endpoints[i]);
        add_to_cells(&one, STATS_ACCEPTED, 1);
        add_to_cells(&one, STATS_BYTES_IN, m->payload.len);
    }
}

static void count_request(struct stats *s, const struct store_request *r,
                          enum store_request_outcome outcome)
{
    static const enum stats_field fields[] = {
        [STORE_REQUEST_ACCEPTED] = STATS_REQUESTS_ACCEPTED,
        [STORE_REQUEST_REJECTED] = STATS_REQUESTS_REJECTED,
        [STORE_REQUEST_DUPLICATE] = STATS_REQUESTS_DUPLICATE,
        [STORE_REQUEST_IGNORED] = STATS_REQUESTS_IGNORED,
    };
    struct concerned whom = { .count = 0 };
    count_concern(s, &whom, STATS_SERVER, 0);
    count_concern(s, &whom, STATS_ORG, r->org);
    count_concern(s, &whom, STATS_SOURCE, r->source);
    add_to_cells(&whom, fields[outcome], 1);
    if (r->body_bytes > 0)
        add_to_cells(&whom, STATS_BYTES_IN, (uint64_t)r->body_bytes);
}

/* Of a batch all are written or none; what follows is written with the first. */
bool stats_publish_is_whole(const struct store_publish *p)
{
    bool is_new = p->result == STORE_CREATED;
    for (size_t n = 0; is_new && p->rule == STORE_RULE_BATCH && n < p->also_count; n++)
        is_new = p->also[n]->result == STORE_CREATED;
    return is_new;
}

static void count_publish(struct stats *s, const struct store_publish *p)
{
    bool is_whole = stats_publish_is_whole(p), any = false;
    for (size_t i = 0; i <= p->also_count; i++) {
        const struct store_publish *one = i == 0 ? p : p->also[i - 1];
        if (!stats_publish_is_in(p, one, is_whole))
            continue;
        any = true;
        count_message(s, one);
    }
    if (p->request != NULL)
        count_request(s, p->request, any ? STORE_REQUEST_ACCEPTED : STORE_REQUEST_DUPLICATE);
}

static void count_attempt(const struct stats *s, const struct concerned *whom,
                          const struct store_outcome *o)
{
    int class = o->http_status / 100;
    bool has_answer = class >= 1 && class <= 5;
    add_to_cells(whom,
                 has_answer ? (enum stats_field)(STATS_ATTEMPTS_NONE + class) : STATS_ATTEMPTS_NONE,
                 1);
    if (o->attempt_count > 1)
        add_to_cells(whom, STATS_RETRIES, 1);
    add_to_cells(whom, STATS_BYTES_OUT, o->sent_bytes);
    add_to_cells(whom, STATS_TOOK_US, o->took_us > 0 ? (uint64_t)o->took_us : 0);
    count_observe(whom, STATS_TOOK_FIRST, o->took_us, STATS_TOOK_UNIT_US);
    if (o->success)
        count_observe(whom, STATS_DELIVERY_FIRST, s->own_us - id_time_us(&o->message),
                      STATS_DELIVERY_UNIT_US);
}

static void count_outcome(struct stats *s, const struct store_outcome *o)
{
    struct concerned whom = { .count = 0 };
    count_concern(s, &whom, STATS_SERVER, 0);
    count_concern(s, &whom, STATS_ORG, o->org);
    count_concern(s, &whom, STATS_APP, o->app);
    count_concern(s, &whom, STATS_ENDPOINT, o->endpoint);
    concern_type(s, &whom, o->org, o->event_type);
    if (o->has_attempt)
        count_attempt(s, &whom, o);
    if (o->to == STORE_SUCCESS)
        add_to_cells(&whom, STATS_DELIVERED, 1);
    else if (o->to == STORE_FAILED)
        add_to_cells(&whom, STATS_FAILED, 1);
    else if (o->to == STORE_CANCELED)
        add_to_cells(&whom, STATS_CANCELED, 1);
}

/* The payload went, and what still waited for it. */
static void count_expunge(struct stats *s, const struct store_expunge *e)
{
    for (size_t i = 0; i < e->canceled_count; i++) {
        struct concerned whom = { .count = 0 };
        count_concern(s, &whom, STATS_SERVER, 0);
        count_concern(s, &whom, STATS_APP, e->app);
        count_concern(s, &whom, STATS_ENDPOINT, e->canceled[i]);
        add_to_cells(&whom, STATS_CANCELED, 1);
    }
}

static void count_run(struct stats *s, const struct store_filter_run *r)
{
    struct concerned whom = { .count = 0 };
    count_concern(s, &whom, STATS_SERVER, 0);
    count_concern(s, &whom, STATS_ORG, r->org);
    count_concern(s, &whom, STATS_APP, r->app);
    add_to_cells(&whom, STATS_RUNS, 1);
    if (r->halted)
        add_to_cells(&whom, STATS_HALTS, 1);
    for (size_t i = 0; i < r->part_count; i++) {
        const struct store_filter_part *part = &r->parts[i];
        struct concerned one = { .count = 0 };
        count_concern(s, &one, STATS_FILTER, part->filter);
        add_to_cells(&one, STATS_RUNS, 1);
        if (part->halted)
            add_to_cells(&one, STATS_HALTS, 1);
        if (!part->answered) {
            add_to_cells(&one, STATS_NO_ANSWER, 1);
            add_to_cells(&whom, STATS_NO_ANSWER, 1);
        }
        add_to_cells(&one, STATS_TOOK_US, part->took_us > 0 ? (uint64_t)part->took_us : 0);
        count_observe(&one, STATS_TOOK_FIRST, part->took_us, STATS_TOOK_UNIT_US);
    }
}

static void count_job(void *ctx, enum store_job_kind kind, struct store_job *job)
{
    struct stats *s = ctx;
    if (s->live.group != NULL)
        stats_live_job(&s->live, s->wall_us, kind, job);
    if (!s->counts)
        return;
    if (s->table == NULL) {
        metrics_add(METRIC_STATS_LOST, 1);
        return;
    }
    switch (kind) {
    case STORE_JOB_PUBLISH: count_publish(s, CONTAINER_OF(job, struct store_publish, job)); break;
    case STORE_JOB_OUTCOME: count_outcome(s, CONTAINER_OF(job, struct store_outcome, job)); break;
    case STORE_JOB_EXPUNGE: count_expunge(s, CONTAINER_OF(job, struct store_expunge, job)); break;
    case STORE_JOB_RECORD: {
        const struct store_record *r = CONTAINER_OF(job, struct store_record, job);
        count_request(s, r->request, r->request->outcome);
        break;
    }
    case STORE_JOB_FILTER_RUN:
        count_run(s, &CONTAINER_OF(job, struct store_filter_run_job, job)->run);
        break;
    case STORE_JOB_REQUEUE:
    case STORE_JOB_KINDS: break;
    }
}

const struct store_watcher stats_count_watcher = { .begin = count_begin,
                                                   .job = count_job,
                                                   .end = count_end };
