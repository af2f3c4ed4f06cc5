/* SPDX-License-Identifier: Apache-2.0
 *
 * Callers whom a service outside vouches for (16): nobody is let in whom it has not vouched for of late, nobody is turned away
 * whom it never refused, and each sees what is its own.
 */
#include "check.h"

static const int64_t second_us = 1000000;

/* What may make a site say no, or be understood so. */
static const char *const may_refuse = "site.status site.garbage site.lie";

/* What may keep a worker, besides the site. */
static const char *const may_hold_up =
    "disk.full disk.error disk.sync disk.slow disk.open fd.out thread.out memory.out net.reset";

static bool was_vouched_for(const struct model *m, const struct model_entry *e)
{
    int64_t since_us = e->begin_us - m->sites[e->site].keep_us - m->limits.lag_us;
    for (const struct model_vouch *v = m->vouches; v < m->vouches + m->vouch_count; v++)
        if (v->site == e->site && v->user == e->user && v->life == e->life &&
            v->end_us >= since_us && v->end_us <= e->end_us)
            return true;
    return false;
}

static bool entry_holds(const struct model *m, const struct model_entry *e,
                        struct check_broken *out)
{
    bool is_in = e->status >= 200 && e->status <= 299;
    bool is_refused = e->status == 401 || e->status == 403;
    int64_t since_us = e->begin_us - m->sites[e->site].keep_us - m->limits.lag_us;
    if (e->has_strange)
        return check_break(out, 16, "user %d of site %d got what belongs to another, at %.6f s",
                           e->user, e->site, (double)e->end_us / 1e6);
    if (is_in && !was_vouched_for(m, e))
        return check_break(out, 16,
                           "user %d of site %d was let in at %.6f s, and nobody vouched for it",
                           e->user, e->site, (double)e->end_us / 1e6);
    if (is_refused && e->user <= MODEL_USERS - 2 &&
        !model_had_fault(m, may_refuse, since_us, e->end_us))
        return check_break(out, 16,
                           "user %d of site %d was turned away at %.6f s, and nobody refused it",
                           e->user, e->site, (double)e->end_us / 1e6);
    return true;
}

bool check_entries(const struct model *m, struct check_broken *out)
{
    for (const struct model_entry *e = m->entries; e < m->entries + m->entry_count; e++)
        if (!entry_holds(m, e, out))
            return false;
    return true;
}

/* One question at a time is asked by each worker, and a caller may stand behind all of the others. */
bool check_entry_time(const struct model *m, const struct model_entry *e, int callers,
                      struct check_broken *out)
{
    int64_t most_us =
        (callers + 1) * m->sites[e->site].timeout_us + 2 * second_us + m->limits.answer_lag_us;
    if (e->end_us - e->begin_us <= most_us ||
        model_had_fault(m, may_hold_up, e->begin_us, e->end_us))
        return true;
    return check_break(out, 9,
                       "user %d of site %d was answered after %.6f s, and the site has %.6f s",
                       e->user, e->site, (double)(e->end_us - e->begin_us) / 1e6,
                       (double)m->sites[e->site].timeout_us / 1e6);
}
