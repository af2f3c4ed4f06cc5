/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/judge_priv.h.
 */
#include "store/judge_priv.h"

#include "store/request_priv.h"

/* --- publishes -------------------------------------------------------------------------------------- */

/* Every one of them gets its result. */
static enum rc judge_batch(struct store_publish *p, store_look_fn look, void *ctx, bool *is_new)
{
    enum rc rc = look(ctx, p);
    *is_new = p->result == STORE_CREATED;
    for (size_t i = 0; rc == RC_OK && p->rule == STORE_RULE_BATCH && i < p->also_count; i++) {
        rc = look(ctx, p->also[i]);
        *is_new = *is_new && p->also[i]->result == STORE_CREATED;
    }
    return rc;
}

/* Each that leads is looked for by itself; is any of them new? */
static enum rc judge_items(struct store_publish *p, store_look_fn look, void *ctx, bool *is_new)
{
    const struct store_publish *lead = p;
    enum rc rc = look(ctx, p);
    for (size_t i = 0; rc == RC_OK && i < p->also_count; i++) {
        struct store_publish *other = p->also[i];
        other->result = lead->result;
        if (other->leads) {
            rc = look(ctx, other);
            lead = other;
        }
    }
    *is_new = store_publish_is_new(p);
    return rc;
}

enum rc store_judge_publish(struct store_publish *p, store_look_fn look, void *ctx, bool *is_new)
{
    return p->rule == STORE_RULE_ITEMS ? judge_items(p, look, ctx, is_new)
                                       : judge_batch(p, look, ctx, is_new);
}

/* --- outcomes --------------------------------------------------------------------------------------- */

bool store_is_pending(enum store_state state)
{
    return state == STORE_PENDING || state == STORE_SENDING;
}

int64_t store_planned_us(const struct store_outcome *o)
{
    return o->retry_at_us > o->next_due_us ? o->retry_at_us : o->next_due_us;
}

struct store_move store_move_of(const struct store_outcome *o)
{
    struct store_move m = { .from = o->from,
                            .was_asked_us = o->was_asked_us,
                            .last_at_us = o->has_attempt ? o->started_us : 0,
                            .reason = o->reason,
                            .to = { .message = o->message,
                                    .app = o->app,
                                    .endpoint = o->endpoint,
                                    .state = o->to,
                                    .attempt_count = o->has_attempt ? o->attempt_count : 0,
                                    .ahead_count = o->ahead_count,
                                    .trigger = o->trigger } };
    if (store_is_pending(o->to)) {
        m.to.due_us = o->next_due_us;
        m.to.retry_at_us = o->retry_at_us;
        m.to.trigger = STORE_SCHEDULED;
    }
    return m;
}

/* Somebody asked for an attempt while this one was under way. A success, and a cancellation, is an answer to
 * that; after a failure there is one more. */
static size_t moves_again(const struct store_outcome *o, const struct store_stand *found,
                          struct store_move *moves)
{
    size_t count = 0;
    int64_t planned_us = store_planned_us(o);
    struct store_move m = store_move_of(o);
    m.was_asked_us = found->due.asked_us;
    if (o->to == STORE_FAILED) {
        moves[count++] = m;
        m.from = STORE_FAILED;
        m.was_asked_us = 0;
        m.reason = STORE_REASON_NONE;
        m.to.state = STORE_PENDING;
        planned_us = 0;
    }
    if (store_is_pending(m.to.state)) {
        m.to.due_us = found->due.due_us;
        m.to.retry_at_us = planned_us;
        m.to.asked_us = found->due.asked_us;
        m.to.trigger = STORE_MANUAL;
    }
    moves[count++] = m;
    return count;
}

/* It was canceled, or its message erased, while the attempt was under way: the attempt still took place, and may have
 * got through. */
static struct store_move move_after_cancel(const struct store_outcome *o,
                                           const struct store_stand *found)
{
    struct store_move m = store_move_of(o);
    m.from = STORE_CANCELED;
    m.was_asked_us = 0;
    m.to.state = o->success ? STORE_SUCCESS : STORE_CANCELED;
    m.reason = o->success ? STORE_REASON_NONE : found->reason;
    m.to.retry_at_us = 0;
    return m;
}

size_t store_moves_instead(const struct store_outcome *o, const struct store_stand *found,
                           struct store_move moves[static STORE_MOVES_MAX])
{
    if (found->due.state == o->from && store_is_pending(o->from))
        return moves_again(o, found, moves);
    bool is_overtaken =
        found->due.state == STORE_CANCELED &&
        (found->reason == STORE_REASON_PAYLOAD_GONE || found->reason == STORE_REASON_BY_HAND);
    if (!is_overtaken || !o->has_attempt)
        return 0;
    moves[0] = move_after_cancel(o, found);
    return 1;
}

/* --- by hand ---------------------------------------------------------------------------------------- */

struct store_move store_move_cancel(const struct store_stand *found, enum store_reason reason)
{
    struct store_move m = { .from = found->due.state,
                            .was_asked_us = found->due.asked_us,
                            .reason = reason,
                            .to = found->due };
    m.to.state = STORE_CANCELED;
    m.to.retry_at_us = m.to.asked_us = 0;
    return m;
}

/* What was due before stays where it is: at an ordered endpoint that is its place. */
static struct store_due brought_forward(const struct store_due *was, int64_t now_us)
{
    struct store_due to = *was;
    if (to.trigger == STORE_SCHEDULED && to.retry_at_us == 0)
        to.retry_at_us = to.due_us;
    if (to.due_us > now_us)
        to.due_us = now_us;
    to.trigger = STORE_MANUAL;
    to.asked_us = now_us > was->asked_us ? now_us : was->asked_us + 1;
    return to;
}

struct store_move store_move_again(const struct store_requeue *r, const struct store_stand *found)
{
    struct store_move m = { .from = found->due.state,
                            .was_asked_us = found->due.asked_us,
                            .task = r->task,
                            .to = found->due };
    if (store_is_pending(m.from)) {
        m.to = brought_forward(&found->due, r->now_us);
        return m;
    }
    m.to.state = STORE_PENDING;
    m.to.due_us = r->now_us;
    m.to.trigger = STORE_MANUAL;
    m.to.ahead_count = 0;
    return m;
}
