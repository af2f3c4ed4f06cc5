/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages: accepted ones are delivered or given up (1), a key makes one (2), what arrives is what was sent (3), in
 * order where that was asked for (4).
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct model_publish *publishes_end(const struct model *m)
{
    return m->publishes + m->publish_count;
}

static const struct model_attempt *attempts_end(const struct model *m)
{
    return m->attempts + m->attempt_count;
}

static bool reply_is_success(int status)
{
    return status >= 200 && status < 300;
}

/* --- 2: keys ------------------------------------------------------------------------------------------- */

/* True when a key that was used at both times may have been forgotten between them. */
static bool may_be_forgotten(const struct model *m, const struct model_publish *p,
                             const struct model_publish *q)
{
    int64_t made_p_us = model_made_us(m, p), made_q_us = model_made_us(m, q);
    int64_t end_us = p->end_us > q->end_us ? p->end_us : q->end_us;
    return model_may_be_over(m, m->limits.remembered_us,
                             made_p_us < made_q_us ? made_p_us : made_q_us, end_us);
}

/* Two calls of one key. */
static bool key_pair_holds(const struct model_publish *p, const struct model_publish *q,
                           struct check_broken *out)
{
    bool is_same_body = p->hash == q->hash;
    bool both_done = p->answer == MODEL_DONE && q->answer == MODEL_DONE;
    if (both_done && is_same_body && strcmp(p->id, q->id) != 0)
        return check_break(out, 2, "key %lld of tenant %d made %s and %s", (long long)p->key,
                           p->tenant, p->id, q->id);
    if (both_done && !is_same_body)
        return check_break(out, 2, "key %lld of tenant %d was accepted with two bodies: %s and %s",
                           (long long)p->key, p->tenant, p->id, q->id);
    bool is_later = p->answer == MODEL_DONE && p->end_us < q->begin_us;
    if (is_later && is_same_body && q->answer == MODEL_CONFLICT)
        return check_break(
            out, 2, "key %lld of tenant %d made %s and was then refused with the same body (409)",
            (long long)p->key, p->tenant, p->id);
    if (is_later && is_same_body && q->answer == MODEL_DONE && !q->is_replay)
        return check_break(
            out, 2,
            "key %lld of tenant %d made %s, and again without saying that it is a repetition",
            (long long)p->key, p->tenant, p->id);
    return true;
}

/* True when calls of the key lie so far from each other that it may have been forgotten between some of them. */
static bool key_outlives_memory(const struct model *m, const struct model_publish *p)
{
    int64_t first_us = p->begin_us, last_us = p->begin_us;
    for (const struct model_publish *q = m->publishes; q < publishes_end(m); q++) {
        if (q->tenant != p->tenant || q->key != p->key)
            continue;
        int64_t end_us = q->end_us == MODEL_NEVER ? q->begin_us : q->end_us;
        first_us = q->begin_us < first_us ? q->begin_us : first_us;
        last_us = end_us > last_us ? end_us : last_us;
    }
    return model_may_be_over(m, m->limits.remembered_us, first_us, last_us);
}

/* What arrives under one key is one message. */
static bool key_arrivals_hold(const struct model *m, const struct model_publish *p,
                              struct check_broken *out)
{
    const char *id = p->answer == MODEL_DONE ? p->id : NULL;
    for (const struct model_attempt *a = m->attempts; a < attempts_end(m); a++) {
        if (a->tenant != p->tenant || a->op != p->op || a->item != p->item)
            continue;
        if (id != NULL && strcmp(a->id, id) != 0)
            return check_break(out, 2, "key %lld of tenant %d arrived as %s and as %s",
                               (long long)p->key, p->tenant, id, a->id);
        id = a->id;
    }
    return true;
}

static bool key_holds(const struct model *m, const struct model_publish *p,
                      struct check_broken *out)
{
    for (const struct model_publish *q = m->publishes; q < publishes_end(m); q++) {
        if (q != p && q->tenant == p->tenant && q->key == p->key && !may_be_forgotten(m, p, q) &&
            !key_pair_holds(p, q, out))
            return false;
    }
    return key_outlives_memory(m, p) || key_arrivals_hold(m, p, out);
}

static bool id_is_its_own(const struct model *m, const struct model_publish *p,
                          struct check_broken *out)
{
    for (const struct model_publish *q = m->publishes; q < p; q++)
        if (q->answer == MODEL_DONE && strcmp(p->id, q->id) == 0 &&
            (p->op != q->op || p->item != q->item))
            return check_break(out, 2, "two messages have the id %s", p->id);
    return true;
}

bool check_keys(const struct model *m, struct check_broken *out)
{
    for (const struct model_publish *p = m->publishes; p < publishes_end(m); p++) {
        if (p->key != 0 && !key_holds(m, p, out))
            return false;
        if (p->answer == MODEL_DONE && !id_is_its_own(m, p, out))
            return false;
    }
    return true;
}

/* --- 3: what arrives ----------------------------------------------------------------------------------- */

static bool was_published(const struct model *m, const struct model_attempt *a)
{
    for (const struct model_publish *p = m->publishes; p < publishes_end(m); p++) {
        if (p->op == a->op && p->item == a->item && p->tenant == a->tenant && p->hash == a->hash)
            return true;
    }
    return false;
}

static bool was_sent_after_erasure(const struct model *m, const struct model_attempt *a)
{
    const struct model_erasure *erasure = model_erasure_of(m, a->id);
    return erasure != NULL && erasure->end_us < a->begin_us - m->limits.lag_us &&
           !check_broker_read_late(m, a->endpoint, erasure->end_us - m->limits.timeout_us,
                                   a->begin_us);
}

bool check_attempts(const struct model *m, struct check_broken *out)
{
    for (const struct model_attempt *a = m->attempts; a < attempts_end(m); a++) {
        const struct model_endpoint *e = &m->endpoints[a->endpoint];
        if (a->tenant != e->tenant)
            return check_break(out, 6, "a message of tenant %d arrived at endpoint %d of tenant %d",
                               a->tenant, a->endpoint, e->tenant);
        if (!a->is_signed)
            return check_break(out, 3, "%s arrived at endpoint %d without a valid signature", a->id,
                               a->endpoint);
        if (was_sent_after_erasure(m, a))
            return check_break(out, 3, "%s arrived at endpoint %d at %.6f s, after it was erased",
                               a->id, a->endpoint, (double)a->begin_us / 1e6);
        if (!was_published(m, a))
            return check_break(out, 3, "%s arrived at endpoint %d with bytes that nobody published",
                               a->id, a->endpoint);
    }
    for (const struct model_publish *p = m->publishes; p < publishes_end(m); p++) {
        for (const struct model_attempt *a = m->attempts;
             p->answer == MODEL_DONE && a < m->attempts + m->attempt_count; a++)
            if (strcmp(a->id, p->id) == 0 &&
                (a->op != p->op || a->item != p->item || a->hash != p->hash))
                return check_break(out, 3, "%s arrived at endpoint %d as another message", a->id,
                                   a->endpoint);
    }
    return true;
}

/* --- 4: order ------------------------------------------------------------------------------------------- */

static const struct model_attempt *first_success(const struct model *m, const char *id,
                                                 int endpoint)
{
    for (const struct model_attempt *a = m->attempts; a < attempts_end(m); a++) {
        if (a->endpoint == endpoint && reply_is_success(a->status) && strcmp(a->id, id) == 0)
            return a;
    }
    return NULL;
}

static const struct model_attempt *first_attempt(const struct model *m, const char *id,
                                                 int endpoint)
{
    for (const struct model_attempt *a = m->attempts; a < attempts_end(m); a++) {
        if (a->endpoint == endpoint && strcmp(a->id, id) == 0)
            return a;
    }
    return NULL;
}

struct arrival {
    const struct model_publish *p;
    const struct model_attempt *first, *success;
};

/* `later` was tried, and then `earlier` succeeded; it is certain that the server has sent them so. What is cut off by an
 * erasure makes way, and may still arrive. */
static bool pair_is_overtaken(const struct model *m, int endpoint, const struct arrival *earlier,
                              const struct arrival *later)
{
    const struct model_attempt *success = earlier->success, *tried = later->first;
    return earlier->p->end_us < later->p->begin_us && success != NULL && tried != NULL &&
           tried->begin_us < success->begin_us &&
           model_erased_us(m, earlier->p->id) > success->begin_us &&
           !check_broker_read_late(m, endpoint, earlier->p->end_us, success->begin_us);
}

/* Of the messages that were accepted before another was even asked for, none succeeds after the other has been tried. */
static bool order_holds(const struct model *m, int endpoint, const struct arrival *all,
                        size_t count, struct check_broken *out)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++) {
            const struct arrival *a = &all[i], *b = &all[j];
            if (pair_is_overtaken(m, endpoint, a, b))
                return check_break(
                    out, 4,
                    "ordered endpoint %d got %s at %.6f s, before %s, accepted earlier, at %.6f s",
                    endpoint, b->p->id, (double)b->first->begin_us / 1e6, a->p->id,
                    (double)a->success->begin_us / 1e6);
        }
    return true;
}

bool check_order(const struct model *m, struct check_broken *out)
{
    struct arrival *all = calloc(m->publish_count + 1, sizeof *all);
    bool holds = all != NULL;
    for (int n = 1; holds && n <= MODEL_ENDPOINTS; n++) {
        const struct model_endpoint *e = &m->endpoints[n];
        size_t count = 0;
        if (e->tenant == 0 || !e->is_ordered || e->was_replayed)
            continue;
        for (const struct model_publish *p = m->publishes; p < publishes_end(m); p++) {
            if (p->tenant == e->tenant && p->answer == MODEL_DONE && !p->is_replay)
                all[count++] =
                    (struct arrival){ p, first_attempt(m, p->id, n), first_success(m, p->id, n) };
        }
        holds = order_holds(m, n, all, count, out);
    }
    free(all);
    return holds;
}

/* --- 1: nothing is lost ---------------------------------------------------------------------------------- */

static const struct model_state *state_of(const struct model *m, const char *id, int endpoint)
{
    for (const struct model_state *s = m->states; s < m->states + m->state_count; s++)
        if (s->endpoint == endpoint && strcmp(s->message, id) == 0)
            return s;
    return NULL;
}

/* What a fault may do to an attempt without any attempt reaching the receiver. */
static const char *const may_fail_unseen =
    "net.refuse net.silent net.reset net.slow fd.out thread.out memory.out clock.step"
    " clock.drift disk.error disk.open disk.full disk.sync disk.slow life.kill life.cut";

/* As well, and without a message reaching the broker: the connection failed, or could not be tried again yet. */
static const char *const may_fail_at_broker =
    "net.refuse net.reset net.slow net.chop fd.out thread.out memory.out clock.step clock.drift disk.error"
    " disk.open disk.full disk.sync disk.slow life.kill life.cut life.stop broker.slow broker.silent broker.deaf"
    " broker.refuse broker.cut broker.babble broker.block broker.restart broker.lie";
enum { BROKER_AFTERWARDS_US = 30000000 };

static bool broker_failure_is_explained(const struct model *m, const struct model_publish *p)
{
    return check_brokers_are_crowded(m) ||
           model_had_fault(m, may_fail_at_broker, p->begin_us - BROKER_AFTERWARDS_US, MODEL_NEVER);
}

/* A delivery that was given up had at least one attempt that did not go well, or a fault that kept it from arriving, or
 * what was to be sent is gone. */
static bool failure_is_explained(const struct model *m, const struct model_publish *p, int endpoint)
{
    if (model_erasure_of(m, p->id) != NULL)
        return true;
    for (const struct model_attempt *a = m->attempts; a < attempts_end(m); a++) {
        if (a->endpoint == endpoint && !reply_is_success(a->status) && strcmp(a->id, p->id) == 0)
            return true;
    }
    if (m->endpoints[endpoint].broker != 0)
        return broker_failure_is_explained(m, p);
    return model_had_fault(m, may_fail_unseen, p->begin_us, MODEL_NEVER);
}

/* What was published while an endpoint took nothing for certain is not for it. */
static bool delivery_is_wanted(const struct model *m, const struct model_publish *p, int endpoint,
                               struct check_broken *out)
{
    bool is_known =
        first_attempt(m, p->id, endpoint) != NULL || state_of(m, p->id, endpoint) != NULL;
    if (!is_known || m->endpoints[endpoint].was_replayed ||
        !model_is_surely_off(m, endpoint, p->begin_us, p->end_us))
        return true;
    return check_break(out, 1, "%s was accepted while endpoint %d was off, and is for it", p->id,
                       endpoint);
}

static bool delivery_is_settled(const struct model *m, const struct model_publish *p, int endpoint,
                                struct check_broken *out)
{
    const struct model_endpoint *e = &m->endpoints[endpoint];
    const struct model_state *s = state_of(m, p->id, endpoint);
    if (s == NULL) {
        if (e->is_deleted || !model_is_surely_on(m, endpoint, p->begin_us, p->end_us) ||
            model_may_be_gone(m, p, m->settled_us))
            return true;
        return check_break(out, 1,
                           "%s was accepted while endpoint %d took messages, and is not for it",
                           p->id, endpoint);
    }
    if (s->status == 0 && first_success(m, p->id, endpoint) == NULL)
        return check_break(out, 1, "%s is said to be delivered to endpoint %d, which never took it",
                           p->id, endpoint);
    if (s->status == 1 || s->status == 3)
        return check_break(out, 1, "%s still waits for endpoint %d, long after all faults stopped",
                           p->id, endpoint);
    if (s->status != 0 && !s->has_reason)
        return check_break(out, 1, "%s was given up for endpoint %d without a reason", p->id,
                           endpoint);
    if (s->status == 2 && !failure_is_explained(m, p, endpoint))
        return check_break(out, 1, "%s was given up for endpoint %d, which refused nothing", p->id,
                           endpoint);
    return true;
}

/* Its first call began then; the answer that is known may be one to a repetition. */
static int64_t first_asked_us(const struct model *m, const struct model_publish *p)
{
    for (const struct model_publish *q = m->publishes; q < p; q++)
        if (q->op == p->op && q->item == p->item)
            return q->begin_us;
    return p->begin_us;
}

static bool is_known_before(const struct model *m, const struct model_publish *p)
{
    for (const struct model_publish *q = m->publishes; q < p; q++)
        if (q->answer == MODEL_DONE && strcmp(q->id, p->id) == 0)
            return true;
    return false;
}

bool check_settled(const struct model *m, struct check_broken *out)
{
    for (const struct model_publish *p = m->publishes; p < publishes_end(m); p++) {
        if (p->answer != MODEL_DONE || is_known_before(m, p))
            continue;
        struct model_publish whole = *p;
        whole.begin_us = first_asked_us(m, p);
        for (int n = 1; n <= MODEL_ENDPOINTS; n++)
            if (m->endpoints[n].tenant == p->tenant &&
                (!delivery_is_settled(m, &whole, n, out) || !delivery_is_wanted(m, &whole, n, out)))
                return false;
    }
    return true;
}

/* --- 1: recoveries ------------------------------------------------------------------------------------------ */

/* How many attempts had failed before somebody asked for another one, of a message that none of them brought; receivers
 * may have missed some. 0: it may not have been given up by then. */
static int64_t failed_before(const struct model *m, const struct model_publish *p,
                             const struct model_recovery *r)
{
    int64_t failed = 0;
    for (const struct model_attempt *a = m->attempts; a < attempts_end(m); a++) {
        if (a->endpoint != r->endpoint || strcmp(a->id, p->id) != 0)
            continue;
        if (reply_is_success(a->status) || a->begin_us > r->begin_us)
            return 0;
        failed += a->status != 0 && a->end_us + m->limits.lag_us < r->begin_us;
    }
    return failed >= m->limits.attempts ? failed : 0;
}

static bool recovery_holds(const struct model *m, const struct model_recovery *r,
                           struct check_broken *out)
{
    if (r->end_us == MODEL_NEVER || m->endpoints[r->endpoint].is_deleted ||
        !model_is_surely_on(m, r->endpoint, r->begin_us, m->settled_us) ||
        model_had_fault(m, "clock.step clock.drift", 0, MODEL_NEVER))
        return true;
    for (const struct model_publish *p = m->publishes; p < publishes_end(m); p++) {
        if (p->answer != MODEL_DONE || p->begin_us < r->since_us ||
            p->tenant != m->endpoints[r->endpoint].tenant || model_erasure_of(m, p->id) != NULL)
            continue;
        const struct model_state *s = state_of(m, p->id, r->endpoint);
        int64_t failed = s != NULL && s->status == 2 ? failed_before(m, p, r) : 0;
        if (failed > 0 && s->attempts <= failed)
            return check_break(out, 1,
                               "%s had failed at endpoint %d and was not sent again, though that "
                               "was asked for at %.6f s",
                               p->id, r->endpoint, (double)r->begin_us / 1e6);
    }
    return true;
}

bool check_recoveries(const struct model *m, struct check_broken *out)
{
    for (const struct model_recovery *r = m->recoveries; r < m->recoveries + m->recovery_count; r++)
        if (!recovery_holds(m, r, out))
            return false;
    return true;
}
