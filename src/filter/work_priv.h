/* SPDX-License-Identifier: Apache-2.0
 *
 * A match under way: what it may cost and has at hand, and the three values of its logic.
 */
#pragma once

#include "filter/program_priv.h"

/* Unknown: there is nothing to judge, or it cannot be judged. Never a match, and its denial is none either. */
enum filter_truth { FILTER_FALSE, FILTER_TRUE, FILTER_UNKNOWN };

static inline enum filter_truth filter_truth_of(bool yes)
{
    return yes ? FILTER_TRUE : FILTER_FALSE;
}
static inline enum filter_truth filter_deny(enum filter_truth t)
{
    return t == FILTER_UNKNOWN ? t : filter_truth_of(t == FILTER_FALSE);
}

/* What one match may cost, and has at hand. */
struct filter_work {
    int64_t steps_left;
    pcre2_match_context *regex_context; /* made when first needed */
    pcre2_match_data *regex_data;
};
/* False: the steps are used up. */
static inline bool filter_spend(struct filter_work *w, size_t steps)
{
    if (w->steps_left <= 0)
        return false;
    w->steps_left -= (int64_t)steps;
    return w->steps_left > 0;
}
