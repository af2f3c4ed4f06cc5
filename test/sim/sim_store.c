/* SPDX-License-Identifier: Apache-2.0
 *
 * The store of the simulator: a treap of pending deliveries an endpoint, by due time and message,
 * and the same rule as the real one about who may change a state.
 */
#include "sim.h"

int64_t sim_dice(struct sim *sim, int64_t low, int64_t high)
{
    return low + (int64_t)rng_below(&sim->rng.rng, (uint64_t)(high - low + 1));
}

static bool is_before(const struct sim_delivery *a, const struct sim_delivery *b)
{
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->message < b->message;
}

static void split(struct sim_delivery *t, const struct sim_delivery *at, struct sim_delivery **left,
                  struct sim_delivery **right)
{
    if (t == NULL) {
        *left = *right = NULL;
    } else if (is_before(t, at)) {
        split(t->right, at, &t->right, right);
        *left = t;
    } else {
        split(t->left, at, left, &t->left);
        *right = t;
    }
}

static struct sim_delivery *merge(struct sim_delivery *a, struct sim_delivery *b)
{
    if (a == NULL || b == NULL)
        return a == NULL ? b : a;
    if (a->priority > b->priority) {
        a->right = merge(a->right, b);
        return a;
    }
    b->left = merge(a, b->left);
    return b;
}

void sim_store_insert(struct sim *sim, struct sim_delivery *d)
{
    struct sim_delivery *left = NULL, *right = NULL;
    struct sim_endpoint *ep = &sim->endpoints[d->endpoint];
    d->left = d->right = NULL;
    d->priority = (uint32_t)rng_u64(&sim->rng.rng);
    split(ep->pending, d, &left, &right);
    ep->pending = merge(merge(left, d), right);
}

void sim_store_remove(struct sim *sim, struct sim_delivery *d)
{
    struct sim_delivery **at = &sim->endpoints[d->endpoint].pending;
    while (*at != d) {
        SIM_CHECK(sim, *at != NULL, "message %zu is not pending", d->message);
        at = is_before(d, *at) ? &(*at)->left : &(*at)->right;
    }
    *at = merge(d->left, d->right);
}

struct store_due sim_store_row(const struct sim *sim, const struct sim_delivery *d)
{
    return (struct store_due){ .message = sim->messages[d->message].id,
                               .app = SIM_APP,
                               .endpoint = d->endpoint,
                               .due_us = d->due_us,
                               .attempt_count = d->attempt_count,
                               .state = d->state,
                               .trigger = d->trigger,
                               .retry_at_us = d->retry_at_us,
                               .asked_us = d->asked_us,
                               .ahead_count = d->ahead_count };
}

static void collect(const struct sim *sim, const struct sim_delivery *t, int64_t after_due_us,
                    const struct id *after, struct store_due *out, size_t *count, size_t max)
{
    if (t == NULL || *count == max)
        return;
    const struct sim_message *m = &sim->messages[t->message];
    bool is_after = t->due_us > after_due_us ||
                    (t->due_us == after_due_us && memcmp(&m->id, after, sizeof(*after)) > 0);
    if (is_after)
        collect(sim, t->left, after_due_us, after, out, count, max);
    if (is_after && *count < max)
        out[(*count)++] = sim_store_row(sim, t);
    collect(sim, t->right, after_due_us, after, out, count, max);
}

size_t sim_store_due(struct sim *sim, int64_t endpoint, int64_t after_due_us,
                     const struct id *after, struct store_due *out, size_t max)
{
    size_t count = 0;
    collect(sim, sim->endpoints[endpoint].pending, after_due_us, after, out, &count, max);
    return count;
}

struct sim_delivery *sim_store_first(const struct sim *sim, int64_t endpoint)
{
    struct sim_delivery *d = sim->endpoints[endpoint].pending;
    while (d != NULL && d->left != NULL)
        d = d->left;
    return d;
}

struct sim_delivery *sim_store_find(struct sim *sim, const struct id *message, int64_t endpoint)
{
    struct sim_message *m = map64_get(sim->by_key, (uint64_t)id_key(message));
    for (size_t i = 0; m != NULL && i < m->count; i++)
        if (sim->deliveries[m->first + i].endpoint == endpoint)
            return &sim->deliveries[m->first + i];
    return NULL;
}

static bool waits(enum store_state state)
{
    return state == STORE_PENDING || state == STORE_SENDING;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void check_next_due(struct sim *sim, const struct sim_delivery *d,
                           const struct store_outcome *o)
{
    const struct core_retry_policy *p = &sim->o.limits.retry;
    const struct sim_endpoint *ep = &sim->endpoints[d->endpoint];
    int64_t next_us = later(o->next_due_us, o->retry_at_us);
    if (o->to != STORE_SENDING || ep->kind == SIM_BUSY || ep->kind == SIM_BUSY_TILL)
        return;
    SIM_CHECK(sim, !ep->is_ordered || o->next_due_us == o->was_due_us, "it lost its place");
    if (o->ahead_count > d->ahead_count) {
        SIM_CHECK(sim,
                  next_us == later(d->retry_at_us, o->was_due_us) || d->asked_us != o->was_asked_us,
                  "the schedule moved");
        return;
    }
    int64_t ended_us = o->started_us + o->took_us;
    double delay = (double)p->delays_us[o->attempt_count - o->ahead_count - 1];
    double asked = (double)(next_us - ended_us);
    double swing = delay * p->jitter_percent / 100.0 + 2;
    SIM_CHECK(sim, asked >= delay - swing && asked <= delay + swing,
              "attempt %d: %.0f us instead of %.0f", o->attempt_count, asked, delay);
}

/* Erased while the attempt was under way. */
static enum rc apply_erased(struct sim *sim, struct sim_delivery *d, struct store_outcome *o)
{
    if (d->state != STORE_CANCELED || d->reason != STORE_REASON_PAYLOAD_GONE || !o->has_attempt)
        return RC_CONFLICT;
    d->attempt_count = o->attempt_count;
    d->state = o->success ? STORE_SUCCESS : STORE_CANCELED;
    d->reason = o->success ? STORE_REASON_NONE : STORE_REASON_PAYLOAD_GONE;
    o->after = sim_store_row(sim, d);
    return RC_OK;
}

static void take_plan(struct sim_delivery *d, const struct store_outcome *o)
{
    bool is_asked =
        d->asked_us != o->was_asked_us && o->to != STORE_SUCCESS && o->to != STORE_CANCELED;
    d->state = o->to;
    d->reason = o->reason;
    d->ahead_count = o->ahead_count;
    if (is_asked) {
        d->state = waits(o->to) ? o->to : STORE_PENDING;
        d->reason = STORE_REASON_NONE;
        d->retry_at_us = waits(o->to) ? later(o->next_due_us, o->retry_at_us) : 0;
        d->trigger = STORE_MANUAL;
        return;
    }
    d->due_us = o->next_due_us;
    d->retry_at_us = o->retry_at_us;
    d->asked_us = 0;
    d->trigger = waits(o->to) ? STORE_SCHEDULED : o->trigger;
}

enum rc sim_store_apply(struct sim *sim, struct store_outcome *o)
{
    struct sim_delivery *d = sim_store_find(sim, &o->message, o->endpoint);
    SIM_CHECK(sim, d != NULL, "outcome of an unknown delivery");
    if (d->state != o->from)
        return apply_erased(sim, d, o);
    SIM_CHECK(sim, store_state_may(o->from, o->to), "%d to %d", (int)o->from, (int)o->to);
    SIM_CHECK(sim, o->was_due_us == d->due_us || d->asked_us != o->was_asked_us, "due %lld",
              (long long)(o->was_due_us - sim->started_us));
    check_next_due(sim, d, o);
    sim_store_remove(sim, d);
    if (o->has_attempt) {
        SIM_CHECK(sim, o->attempt_count == d->attempt_count + 1, "%d after %d", o->attempt_count,
                  d->attempt_count);
        d->attempt_count = o->attempt_count;
    }
    bool ended_badly = o->to == STORE_FAILED || o->to == STORE_CANCELED;
    SIM_CHECK(sim, ended_badly == (o->reason != STORE_REASON_NONE), "state %d, reason %d",
              (int)o->to, (int)o->reason);
    take_plan(d, o);
    if (waits(d->state))
        sim_store_insert(sim, d);
    o->after = sim_store_row(sim, d);
    if (o->success) {
        struct sim_endpoint *ep = &sim->endpoints[d->endpoint];
        int64_t latency_us = o->started_us + o->took_us - sim->messages[d->message].created_us;
        ep->successes++;
        if (d->attempt_count == 1 && latency_us > ep->worst_latency_us)
            ep->worst_latency_us = latency_us;
    }
    return RC_OK;
}

struct store_message *sim_store_message(struct sim *sim, const struct id *id)
{
    const struct sim_message *m = map64_get(sim->by_key, (uint64_t)id_key(id));
    SIM_CHECK(sim, m != NULL, "load of an unknown message");
    return store_message_new(&(struct store_message){
        .id = m->id,
        .app = SIM_APP,
        .org = 1,
        .created_us = m->created_us,
        .deliver_at_us = m->deliver_at_us,
        .event_type = STR("test"),
        .payload = m->is_expired ? STR_NONE : STR("{\"hello\":\"world\"}") });
}

size_t sim_count(const struct sim *sim, int64_t endpoint, enum store_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < sim->delivery_count; i++)
        count +=
            sim->deliveries[i].endpoint == endpoint && sim->deliveries[i].state == state ? 1 : 0;
    return count;
}

void sim_check_nothing_lost(struct sim *sim)
{
    for (size_t i = 0; i < sim->delivery_count; i++) {
        const struct sim_delivery *d = &sim->deliveries[i];
        const struct sim_endpoint *ep = &sim->endpoints[d->endpoint];
        SIM_CHECK(sim, !waits(d->state) || d->due_us > 0, "delivery %zu", i);
        SIM_CHECK(sim, d->state != STORE_SUCCESS || d->sent > 0, "delivery %zu was never sent", i);
        bool is_well = ep->kind == SIM_HEALTHY && !ep->is_disabled && !ep->is_deleted;
        SIM_CHECK(sim,
                  !is_well || d->due_us > sim->clock.now_us || d->state == STORE_SUCCESS ||
                      sim->messages[d->message].is_expired,
                  "delivery %zu to healthy endpoint %lld is in state %d", i, (long long)d->endpoint,
                  (int)d->state);
    }
}
