/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

/* A site whose word is kept for 5 s and that has 1 s to answer. User 1 reads its webhooks at second 100. */
static struct model_entry *entered(struct model *m, int user, int status)
{
    m->sites[1] = (struct model_site){ .keep_us = 5000000, .timeout_us = 1000000 };
    return model_entry(m, &(struct model_entry){ .site = 1,
                                                 .user = user,
                                                 .begin_us = 100000000,
                                                 .end_us = 100100000,
                                                 .status = status });
}

static struct model_vouch *vouched(struct model *m, int user, int64_t at_us)
{
    return model_vouch(m, &(struct model_vouch){ .site = 1, .user = user, .end_us = at_us });
}

static bool time_holds(const struct model *m, struct check_broken *out)
{
    return check_entry_time(m, &m->entries[0], 2, out);
}

static void whoever_was_vouched_for_is_let_in(void **state)
{
    struct model *m = *state;
    (void)entered(m, 1, 200);
    (void)vouched(m, 2, 100050000);
    must_break(m, check_entries, 16); /* that was another one */
    (void)vouched(m, 1, 100050000);
    must_hold(m, check_entries);
}

static void a_word_that_is_too_old_is_noticed(void **state)
{
    struct model *m = *state;
    (void)entered(m, 1, 200);
    struct model_vouch *v = vouched(m, 1, 96000000);
    must_hold(m, check_entries);
    v->end_us = 94000000;
    must_break(m, check_entries, 16);
    v->end_us = 100200000; /* nor one that came after the answer */
    must_break(m, check_entries, 16);
    v->end_us = 100050000;
    v->life = 1;
    must_break(m, check_entries, 16);
}

static void being_turned_away_needs_a_refusal(void **state)
{
    struct model *m = *state;
    struct model_entry *e = entered(m, 1, 403);
    must_break(m, check_entries, 16);
    went_wrong(m, "site.status", 96, 97); /* it is kept, too */
    must_hold(m, check_entries);
    e->begin_us = e->end_us = 110000000;
    must_break(m, check_entries, 16);
    e->user = MODEL_USERS; /* one of those whom nobody knows */
    must_hold(m, check_entries);
    e->user = 1;
    e->status = 503;
    must_hold(m, check_entries);
}

static void what_belongs_to_another_user_is_noticed(void **state)
{
    struct model *m = *state;
    struct model_entry *e = entered(m, 1, 200);
    (void)vouched(m, 1, 100050000);
    e->has_strange = true;
    must_break(m, check_entries, 16);
}

static void a_site_does_not_hold_callers_up_for_ever(void **state)
{
    struct model *m = *state;
    struct model_entry *e = entered(m, 1, 503);
    e->end_us = 104900000;
    must_hold(m, time_holds);
    e->end_us = 105100000;
    went_wrong(m, "site.silent", 90, 110); /* no excuse */
    must_break(m, time_holds, 9);
    went_wrong(m, "disk.slow", 90, 110);
    must_hold(m, time_holds);
}

#define T(name) cmocka_unit_test_setup_teardown(name, history_open, history_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(whoever_was_vouched_for_is_let_in),        T(a_word_that_is_too_old_is_noticed),
        T(being_turned_away_needs_a_refusal),        T(what_belongs_to_another_user_is_noticed),
        T(a_site_does_not_hold_callers_up_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
