/* SPDX-License-Identifier: Apache-2.0
 *
 * Chains of webfilters (14). What each processor said is known, but not always whether the server heard it in time.
 * A verdict holds if it follows by the documented rules from some choice of what may have been heard: what was said whole
 * and early was, with nothing in its way; what was never said, or too late, was not.
 */
#include "check.h"

#include <string.h>

static const int64_t second_us = 1000000;

/* A filter that has failed is left alone that long at most, since its last failure. */
enum { BREAKER_S = 65, VERDICT_SLACK_S = 1 };

/* What keeps a processor and the server from hearing each other. */
static const char *const in_the_way =
    "net.refuse net.reset net.slow net.chop fd.out thread.out memory.out life.stop life.kill life.cut processor.lie";

static unsigned filter_bit(int filter)
{
    return 1U << (unsigned)filter;
}

/* --- what may have been heard --------------------------------------------------------------------------- */

static bool reply_is_redirect(const struct model_reply *r)
{
    return r->said == MODEL_SAID_STATUS && r->status >= 301 && r->status <= 303;
}

/* It left well before anybody stopped waiting for it. */
static bool reply_was_surely_heard(const struct model *m, const struct model_question *q,
                                   const struct model_reply *r)
{
    const struct model_filter *f = &m->filters[r->filter];
    int64_t latest_us = q->begin_us + m->chains[f->tenant].deadline_us;
    if (r->begin_us + f->timeout_us < latest_us)
        latest_us = r->begin_us + f->timeout_us;
    return r->end_us != MODEL_NEVER && r->end_us + 2 * m->limits.lag_us < latest_us &&
           !model_had_fault(m, in_the_way, q->begin_us - second_us, q->end_us);
}

/* Why a filter's answer may be missing from a verdict. */
static bool silence_is_possible(const struct model *m, const struct model_question *q, int filter)
{
    bool was_asked = false;
    for (const struct model_reply *r = m->replies; r < m->replies + m->reply_count; r++) {
        if (r->op != q->op || r->filter != filter)
            continue;
        was_asked = true;
        if (reply_was_surely_heard(m, q, r))
            return false;
    }
    bool is_late = q->end_us - q->begin_us + m->limits.lag_us >= m->chains[q->tenant].deadline_us;
    return was_asked || is_late ||
           model_had_fault(m, "*", q->begin_us - BREAKER_S * second_us, q->end_us);
}

/* --- the rules ------------------------------------------------------------------------------------------- */

/* What a chain has come to. */
struct course {
    unsigned data, exceptions;
    int last, status;
    bool is_halted;
};

static struct course course_halted(int status)
{
    return (struct course){ .is_halted = true, .status = status };
}

static struct course course_in_silence(const struct model_filter *f, struct course c, int status)
{
    return f->is_closed || f->halts_on_exception ? course_halted(status) : c;
}

static struct course course_after(const struct model_filter *f, const struct model_reply *r,
                                  struct course c)
{
    bool is_4xx = r->status >= 400 && r->status <= 499,
         is_5xx = r->status >= 500 && r->status <= 599;
    if (reply_is_redirect(r))
        return course_in_silence(f, c, r->status);
    if ((is_4xx && (f->halts_on_4xx || f->is_closed)) ||
        (is_5xx && (f->halts_on_5xx || f->is_closed)))
        return course_halted(r->status);
    if (r->said == MODEL_SAID_GARBAGE && f->is_closed)
        return course_halted(r->status);
    if (r->said == MODEL_SAID_STOP)
        c.exceptions |= filter_bit(r->filter);
    if (r->said == MODEL_SAID_DATA) {
        c.data |= filter_bit(r->filter);
        c.last = r->filter;
    }
    return c;
}

static bool course_is_verdict(const struct course *c, const struct model_question *q)
{
    return c->data == q->data && c->exceptions == q->exceptions && c->last == q->last &&
           c->status == q->status && (c->is_halted || c->exceptions != 0) == q->is_halt;
}

/* The filter may have been asked with what the ones before it had come to. */
static bool reply_fits(const struct model *m, const struct model_question *q,
                       const struct model_reply *r, const struct course *c)
{
    unsigned wanted = m->filters[r->filter].mode == MODEL_CHAINED ? c->data : 0;
    return r->op == q->op && r->saw == wanted && r->end_us <= q->end_us;
}

/* Some choice for this filter and those behind it leads to the verdict. */
static bool course_leads_to(const struct model *m, const struct model_question *q, int filter,
                            struct course c)
{
    while (filter <= MODEL_FILTERS &&
           (m->filters[filter].tenant != q->tenant || m->filters[filter].mode == MODEL_SHADOW))
        filter++;
    if (c.is_halted || filter > MODEL_FILTERS)
        return course_is_verdict(&c, q);
    const struct model_filter *f = &m->filters[filter];
    for (const struct model_reply *r = m->replies; r < m->replies + m->reply_count; r++)
        if (r->filter == filter && reply_fits(m, q, r, &c) &&
            course_leads_to(m, q, filter + 1, course_after(f, r, c)))
            return true;
    return silence_is_possible(m, q, filter) &&
           course_leads_to(m, q, filter + 1, course_in_silence(f, c, 0));
}

static bool verdict_holds(const struct model *m, const struct model_question *q,
                          struct check_broken *out)
{
    if (q->has_strange)
        return check_break(out, 14, "the verdict on question %d has what nobody said to it", q->op);
    if (course_leads_to(m, q, 1, (struct course){ 0 }))
        return true;
    return check_break(
        out, 14,
        "the verdict on question %d of tenant %d, asked at %.6f s, does not follow from what"
        " its processors said: data %x, last %d, exceptions %x, halt %d, status %d",
        q->op, q->tenant, (double)q->begin_us / 1e6, q->data, q->last, q->exceptions, q->is_halt,
        q->status);
}

bool check_filters(const struct model *m, struct check_broken *out)
{
    for (const struct model_question *q = m->questions; q < m->questions + m->question_count; q++)
        if (q->answer == MODEL_DONE && !verdict_holds(m, q, out))
            return false;
    return true;
}

/* --- in time ---------------------------------------------------------------------------------------------- */

bool check_verdict_time(const struct model *m, const struct model_question *q,
                        struct check_broken *out)
{
    int64_t most_us =
        m->chains[q->tenant].deadline_us + VERDICT_SLACK_S * second_us + m->limits.answer_lag_us;
    if (q->end_us - q->begin_us <= most_us ||
        model_had_fault(
            m,
            "disk.full disk.error disk.sync disk.slow disk.open fd.out thread.out memory.out net.reset",
            q->begin_us, q->end_us))
        return true;
    return check_break(
        out, 9, "question %d was answered after %.6f s; its chain has a deadline of %.6f s", q->op,
        (double)(q->end_us - q->begin_us) / 1e6, (double)m->chains[q->tenant].deadline_us / 1e6);
}

/* --- 15: what is kept -------------------------------------------------------------------------------------- */

bool check_run(const struct model *m, const struct model_question *q, bool is_there,
               const char *text, struct check_broken *out)
{
    char canary[MODEL_CANARY_BYTES];
    enum model_keep keep = m->chains[q->tenant].keep;
    if (is_there && keep == MODEL_KEEP_NONE)
        return check_break(out, 15, "%s is kept, and its chain keeps nothing", q->run);
    if (is_there && strstr(text, MODEL_HIDDEN) != NULL)
        return check_break(out, 15, "%s is kept with what is to be redacted", q->run);
    if (is_there && keep == MODEL_KEEP_HEADERS &&
        strstr(text, model_canary(q->tenant, canary)) != NULL)
        return check_break(out, 15, "%s is kept with data, and its chain keeps headers alone",
                           q->run);
    if (!is_there && keep != MODEL_KEEP_NONE &&
        !model_had_fault(m, "*", q->begin_us, q->end_us + 5 * second_us))
        return check_break(out, 15, "%s was answered, and is not kept", q->run);
    return true;
}
