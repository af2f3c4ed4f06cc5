/* SPDX-License-Identifier: Apache-2.0 */
#include "postgres.h"
#include "things.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t accepted(struct fixture *f, int64_t at_us, int64_t step_us)
{
    return value(f, STATS_ENDPOINT, ENDPOINT, at_us, step_us, STATS_ACCEPTED);
}

/* --- what is counted ---------------------------------------------------------------------------------- */

static void a_message_counts_for_all_it_concerns(void **state)
{
    struct fixture *f = *state;
    int64_t type = stats_type_id(f->stats, ORG, STR("user.created"));
    accept_messages(f, 3);
    const struct stats_subject of[] = { { STATS_SERVER, 0 },
                                        { STATS_ORG, ORG },
                                        { STATS_APP, APP },
                                        { STATS_ENDPOINT, ENDPOINT },
                                        { STATS_TYPE, type } };
    for (size_t i = 0; i < COUNT_OF(of); i++) {
        assert_int_equal(value(f, of[i].kind, of[i].id, midnight_us, MINUTE, STATS_ACCEPTED), 3);
        assert_int_equal(value(f, of[i].kind, of[i].id, midnight_us, MINUTE, STATS_BYTES_IN), 30);
    }
    assert_int_not_equal(type, stats_type_id(f->stats, ORG + 1, STR("user.created")));
}

static void an_outcome_counts_by_its_end_its_class_and_its_times(void **state)
{
    struct fixture *f = *state;
    struct store_outcome good = outcome_of(f, STORE_SUCCESS, 204, 5000);
    struct store_outcome bad = outcome_of(f, STORE_SENDING, 502, 300000);
    struct store_outcome dead = outcome_of(f, STORE_FAILED, 0, 15000000);
    struct store_outcome gone = outcome_of(f, STORE_CANCELED, 0, 0);
    dead.attempt_count = 9;
    gone.has_attempt = false;
    commit_outcome(f, &good);
    commit_outcome(f, &bad);
    commit_outcome(f, &dead);
    commit_outcome(f, &gone);
    struct stats_point *p = points(f, STATS_ENDPOINT, ENDPOINT, midnight_us, MINUTE, 1);
    const uint64_t *n = p->cell.n;
    assert_int_equal(n[STATS_DELIVERED], 1);
    assert_int_equal(n[STATS_FAILED], 1);
    assert_int_equal(n[STATS_CANCELED], 1);
    assert_int_equal(n[STATS_ATTEMPTS_2XX], 1);
    assert_int_equal(n[STATS_ATTEMPTS_5XX], 1);
    assert_int_equal(n[STATS_ATTEMPTS_NONE], 1);
    assert_int_equal(n[STATS_RETRIES], 1);
    assert_int_equal(n[STATS_TOOK_US], 15305000);
    assert_int_equal(n[STATS_TOOK_FIRST + 2], 1); /* 5 ms */
    assert_int_equal(n[STATS_TOOK_FIRST + 8], 1); /* 300 ms */
    assert_int_equal(n[STATS_TOOK_FIRST + 11], 1);
    assert_int_equal(n[STATS_DELIVERY_FIRST + 2], 1); /* accepted 20 ms before */
    xfree(p);
}

static void a_publish_that_was_a_repetition_counts_for_nothing(void **state)
{
    struct fixture *f = *state;
    struct store_message m = { .org = ORG, .app = APP, .event_type = STR("a") };
    struct store_request r = { .source = SOURCE, .org = ORG };
    struct store_publish p = { .message = &m, .result = STORE_REPLAYED };
    commit_job(f, STORE_JOB_PUBLISH, &p.job);
    assert_int_equal(value(f, STATS_APP, APP, midnight_us, MINUTE, STATS_ACCEPTED), 0);
    p.request = &r; /* at a source it is a duplicate */
    commit_job(f, STORE_JOB_PUBLISH, &p.job);
    assert_int_equal(value(f, STATS_SOURCE, SOURCE, midnight_us, MINUTE, STATS_REQUESTS_DUPLICATE),
                     1);
    assert_int_equal(value(f, STATS_APP, APP, midnight_us, MINUTE, STATS_ACCEPTED), 0);
}

static void of_a_batch_all_count_or_none_and_of_items_those_that_are_new(void **state)
{
    struct fixture *f = *state;
    struct store_message m = { .org = ORG, .app = APP, .event_type = STR("a") };
    struct store_publish other = { .message = &m, .result = STORE_EVENT_ID_TAKEN };
    struct store_publish *also[] = { &other };
    struct store_publish p = {
        .message = &m, .also = also, .also_count = 1, .rule = STORE_RULE_BATCH
    };
    commit_job(f, STORE_JOB_PUBLISH, &p.job);
    assert_int_equal(value(f, STATS_APP, APP, midnight_us, MINUTE, STATS_ACCEPTED), 0);
    p.rule = STORE_RULE_ITEMS;
    commit_job(f, STORE_JOB_PUBLISH, &p.job);
    assert_int_equal(value(f, STATS_APP, APP, midnight_us, MINUTE, STATS_ACCEPTED), 1);
    p.rule = STORE_RULE_FOLLOW;
    commit_job(f, STORE_JOB_PUBLISH, &p.job);
    assert_int_equal(value(f, STATS_APP, APP, midnight_us, MINUTE, STATS_ACCEPTED), 3);
}

static void requests_and_filter_runs_count(void **state)
{
    struct fixture *f = *state;
    struct store_request r = { .source = SOURCE, .org = ORG, .outcome = STORE_REQUEST_REJECTED };
    struct store_record record = { .request = &r };
    struct store_filter_part parts[] = { { FILTER, true, true, 3000 },
                                         { FILTER + 1, false, false, 9000 } };
    struct store_filter_run_job run = {
        .run = { .org = ORG, .app = APP, .halted = true, .parts = parts, .part_count = 2 }
    };
    commit_job(f, STORE_JOB_RECORD, &record.job);
    commit_job(f, STORE_JOB_FILTER_RUN, &run.job);
    assert_int_equal(value(f, STATS_SOURCE, SOURCE, midnight_us, MINUTE, STATS_REQUESTS_REJECTED),
                     1);
    assert_int_equal(value(f, STATS_FILTER, FILTER, midnight_us, MINUTE, STATS_HALTS), 1);
    assert_int_equal(value(f, STATS_FILTER, FILTER, midnight_us, MINUTE, STATS_TOOK_US), 3000);
    assert_int_equal(value(f, STATS_FILTER, FILTER + 1, midnight_us, MINUTE, STATS_NO_ANSWER), 1);
    assert_int_equal(value(f, STATS_APP, APP, midnight_us, MINUTE, STATS_RUNS), 1);
    assert_int_equal(value(f, STATS_APP, APP, midnight_us, MINUTE, STATS_HALTS), 1);
}

static void what_an_erasure_cancels_counts(void **state)
{
    struct fixture *f = *state;
    int64_t endpoints[] = { ENDPOINT, ENDPOINT + 1 };
    struct store_expunge e = { .app = APP, .canceled = endpoints, .canceled_count = 2 };
    commit_job(f, STORE_JOB_EXPUNGE, &e.job);
    assert_int_equal(value(f, STATS_APP, APP, midnight_us, MINUTE, STATS_CANCELED), 2);
    assert_int_equal(value(f, STATS_ENDPOINT, ENDPOINT, midnight_us, MINUTE, STATS_CANCELED), 1);
}

static void nothing_is_counted_when_it_is_switched_off(void **state)
{
    struct fixture *f = *state;
    struct stats_subject of = { STATS_SERVER, 0 };
    struct stats_query q = { &of, 1, midnight_us, MINUTE, 1 };
    struct stats_point p;
    stats_close(f->stats);
    (void)unlink(f->file);
    f->options.size_max = 0;
    f->stats = stats_open(&f->options);
    accept_messages(f, 1);
    assert_int_equal(stats_read(f->stats, &q, &p), RC_NOT_FOUND);
    assert_int_equal(access(f->file, F_OK), -1);
}

/* --- turns of the clock ---------------------------------------------------------------------------------- */

static void minutes_turn_and_those_without_anything_are_zero(void **state)
{
    struct fixture *f = *state;
    accept_messages(f, 2);
    pass(f, 3 * MINUTE);
    accept_messages(f, 5);
    assert_int_equal(accepted(f, midnight_us, MINUTE), 2);
    assert_int_equal(accepted(f, midnight_us + MINUTE, MINUTE), 0);
    assert_int_equal(accepted(f, midnight_us + 2 * MINUTE, MINUTE), 0);
    assert_int_equal(accepted(f, midnight_us + 3 * MINUTE, MINUTE), 5);
    assert_int_equal(accepted(f, midnight_us + 4 * MINUTE, MINUTE), -1); /* to come */
    assert_int_equal(accepted(f, midnight_us - MINUTE, MINUTE), -1);     /* before it all */
    assert_int_equal(accepted(f, midnight_us, 5 * MINUTE), 7);
    assert_int_equal(accepted(f, midnight_us, HOUR), 7);
    assert_int_equal(accepted(f, midnight_us, DAY), 7);
}

/* With all that is in between: fine rows, packed minutes, hours, packed hours, days. */
static void sums_stay_the_same_through_hours_and_days(void **state)
{
    struct fixture *f = *state;
    for (int hour = 0; hour < 50; hour++) {
        accept_messages(f, 1);
        pass(f, 30 * MINUTE);
        accept_messages(f, 2);
        pass(f, 30 * MINUTE);
    }
    for (int hour = 2; hour < 50; hour++) { /* the minutes of 48 hours are kept */
        assert_int_equal(accepted(f, midnight_us + hour * HOUR, MINUTE), 1);
        assert_int_equal(accepted(f, midnight_us + hour * HOUR + MINUTE, MINUTE), 0);
        assert_int_equal(accepted(f, midnight_us + hour * HOUR + 30 * MINUTE, MINUTE), 2);
    }
    for (int hour = 0; hour < 50; hour++)
        assert_int_equal(accepted(f, midnight_us + hour * HOUR, HOUR), 3);
    assert_int_equal(accepted(f, midnight_us, DAY), 72);
    assert_int_equal(accepted(f, midnight_us + DAY, DAY), 72);
    assert_int_equal(accepted(f, midnight_us + 2 * DAY, DAY), 6);
    assert_int_equal(accepted(f, midnight_us, MINUTE), -1); /* too old by the minute */
    assert_int_equal(accepted(f, midnight_us, 6 * HOUR), 18);
}

struct writing {
    struct fixture *f;
    atomic_bool is_over;
};

static void write_the_minute(void *arg)
{
    struct writing *w = arg;
    stats_tick(w->f->stats, false);
    atomic_store(&w->is_over, true);
}

static void a_minute_is_read_once_while_it_goes_from_memory_to_its_rows(void **state)
{
    struct fixture *f = *state;
    for (int minute = 0; minute < 10; minute++) {
        struct writing w = { .f = f };
        accept_messages(f, 7);
        move(f, MINUTE);
        struct thread *writer = thread_start("writer", THREAD_OTHER, write_the_minute, &w);
        assert_non_null(writer);
        while (!atomic_load(&w.is_over))
            assert_int_equal(accepted(f, midnight_us + minute * MINUTE, MINUTE), 7);
        thread_join(writer);
        assert_int_equal(accepted(f, midnight_us + minute * MINUTE, MINUTE), 7);
    }
}

static void many_points_in_one_answer_equal_single_ones(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 150; i++) {
        accept_messages(f, i % 4);
        pass(f, MINUTE);
    }
    struct stats_point *p = points(f, STATS_ENDPOINT, ENDPOINT, midnight_us, MINUTE, 150);
    for (int i = 0; i < 150; i++) {
        assert_true(p[i].is_known);
        assert_int_equal(p[i].cell.n[STATS_ACCEPTED], i % 4);
    }
    xfree(p);
}

static void a_clock_that_steps_back_adds_to_the_minutes_it_repeats(void **state)
{
    struct fixture *f = *state;
    accept_messages(f, 1);
    pass(f, 5 * MINUTE);
    accept_messages(f, 1);
    set_wall(f, -5 * MINUTE);
    accept_messages(f, 4);
    stats_tick(f->stats, false);
    pass(f, 10 * MINUTE);
    assert_int_equal(accepted(f, midnight_us, MINUTE), 5);
    assert_int_equal(accepted(f, midnight_us + 5 * MINUTE, MINUTE), 1);
    assert_int_equal(accepted(f, midnight_us, HOUR), 6);
}

static void a_clock_that_steps_back_over_a_packed_hour_joins_it(void **state)
{
    struct fixture *f = *state;
    accept_messages(f, 1);
    pass(f, 2 * HOUR);
    set_wall(f, -2 * HOUR);
    accept_messages(f, 2);
    pass(f, 2 * HOUR);
    pass(f, 2 * MINUTE);
    assert_int_equal(accepted(f, midnight_us, MINUTE), 3);
    assert_int_equal(accepted(f, midnight_us, HOUR), 3);
    assert_int_equal(accepted(f, midnight_us, DAY), 3);
}

static void a_clock_set_years_ahead_drops_nothing(void **state)
{
    struct fixture *f = *state;
    accept_messages(f, 1);
    pass(f, 2 * MINUTE);
    set_wall(f, 5 * 365 * DAY);
    pass(f, 3 * MINUTE);
    set_wall(f, 0);
    pass(f, 2 * MINUTE);
    assert_int_equal(accepted(f, midnight_us, MINUTE), 1);
}

static void hours_go_after_ninety_days_and_days_after_two_years(void **state)
{
    struct fixture *f = *state;
    accept_messages(f, 1);
    pass(f, DAY + HOUR);
    assert_int_equal(accepted(f, midnight_us, HOUR), 1);
    move(f, 91 * DAY);
    pass(f, MINUTE);
    assert_int_equal(accepted(f, midnight_us, HOUR), -1);
    assert_int_equal(accepted(f, midnight_us, DAY), 1);
    move(f, 640 * DAY);
    pass(f, MINUTE);
    assert_int_equal(accepted(f, midnight_us, DAY), -1);
}

/* --- stops and failures ----------------------------------------------------------------------------------- */

static void a_restart_goes_on_in_the_same_minute(void **state)
{
    struct fixture *f = *state;
    int64_t type = stats_type_id(f->stats, ORG, STR("user.created"));
    accept_messages(f, 2);
    fixture_reopen(f);
    accept_messages(f, 3);
    assert_int_equal(accepted(f, midnight_us, MINUTE), 5);
    pass(f, MINUTE);
    assert_int_equal(accepted(f, midnight_us, MINUTE), 5);
    assert_int_equal(stats_type_id(f->stats, ORG, STR("user.created")), type);
    assert_int_equal(value(f, STATS_TYPE, type, midnight_us, MINUTE, STATS_ACCEPTED), 5);
}

static void a_crash_leaves_a_gap_and_not_zero(void **state)
{
    struct fixture *f = *state;
    accept_messages(f, 1);
    pass(f, MINUTE);
    accept_messages(f, 1);
    fixture_crash(f);
    move(f, 2 * MINUTE); /* until somebody starts it again */
    fixture_crash(f);
    pass(f, 2 * MINUTE);
    assert_int_equal(accepted(f, midnight_us, MINUTE), 1);
    assert_int_equal(accepted(f, midnight_us + MINUTE, MINUTE), -1);
    assert_int_equal(accepted(f, midnight_us + 2 * MINUTE, MINUTE), -1);
    assert_int_equal(accepted(f, midnight_us + 3 * MINUTE, MINUTE), 0);
    assert_int_equal(accepted(f, midnight_us, HOUR), 1);
}

static void a_damaged_file_is_made_anew_at_start(void **state)
{
    struct fixture *f = *state;
    accept_messages(f, 1);
    stats_close(f->stats);
    int fd = open(f->file, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, "this is no database, and long enough to be read as one......", 60),
                     60);
    assert_int_equal(close(fd), 0);
    f->stats = stats_open(&f->options);
    assert_non_null(f->stats);
    accept_messages(f, 2);
    pass(f, MINUTE);
    assert_int_equal(accepted(f, midnight_us, MINUTE), 2);
}

static void a_damaged_row_makes_the_file_anew_and_counting_goes_on(void **state)
{
    struct fixture *f = *state;
    accept_messages(f, 1);
    pass(f, MINUTE);
    assert_int_equal(db_exec(f->stats->rows.writer, "UPDATE cell SET bytes = x'ff' WHERE kind = 3"),
                     RC_OK);
    accept_messages(f, 2);
    pass(f, HOUR); /* packing finds it */
    pass(f, MINUTE);
    accept_messages(f, 4);
    pass(f, MINUTE);
    assert_int_equal(accepted(f, midnight_us + HOUR + 2 * MINUTE, MINUTE), 4);
}

static void a_file_that_cannot_be_opened_costs_its_minutes_only(void **state)
{
    struct fixture *f = *state;
    stats_close(f->stats);
    (void)unlink(f->file);
    assert_int_equal(mkdir(f->file, 0700), 0); /* in its place */
    f->stats = stats_open(&f->options);
    assert_non_null(f->stats);
    for (int i = 0; i < 2 * STATS_TABLES; i++) {
        accept_messages(f, 1);
        pass(f, MINUTE);
    }
    assert_int_equal(rmdir(f->file), 0);
    pass(f, MINUTE);
    accept_messages(f, 6);
    pass(f, MINUTE);
    assert_int_equal(accepted(f, midnight_us, MINUTE), 1); /* memory held it */
    assert_int_equal(accepted(f, midnight_us + (2 * STATS_TABLES + 1) * MINUTE, MINUTE), 6);
}

/* --- the size ------------------------------------------------------------------------------------------------- */

enum { BUSY = 400, QUIET = 40 };

static void above_its_size_the_minutes_of_the_quietest_go_first(void **state)
{
    struct fixture *f = *state;
    for (int minute = 0; minute < 60; minute++) {
        for (int64_t i = 1; i <= BUSY; i++)
            accept_at(f, APP, 1000 + i);
        if (minute == 30)
            for (int64_t i = 1; i <= QUIET; i++)
                accept_at(f, APP, 5000 + i);
        pass(f, MINUTE);
    }
    pass(f, MINUTE);
    f->stats->o.size_max = used_bytes(f) - 8192;
    pass(f, MINUTE);
    assert_true(used_bytes(f) <= f->stats->o.size_max);
    int64_t at = midnight_us + 30 * MINUTE;
    assert_int_equal(value(f, STATS_ENDPOINT, 5001, at, MINUTE, STATS_ACCEPTED), -1); /* not 0 */
    assert_int_equal(value(f, STATS_ENDPOINT, 5001, midnight_us, HOUR, STATS_ACCEPTED), 1);
    assert_int_equal(value(f, STATS_APP, APP, at, MINUTE, STATS_ACCEPTED), BUSY + QUIET);
    assert_int_equal(value(f, STATS_ENDPOINT, 4999, at, MINUTE, STATS_ACCEPTED), 0);
}

static void applications_stay_whatever_the_size(void **state)
{
    struct fixture *f = *state;
    accept_messages(f, 3);
    pass(f, HOUR);
    f->stats->o.size_max = 1;
    pass(f, 2 * MINUTE);
    assert_int_equal(value(f, STATS_APP, APP, midnight_us, MINUTE, STATS_ACCEPTED), 3);
    assert_int_equal(value(f, STATS_ORG, ORG, midnight_us, MINUTE, STATS_ACCEPTED), 3);
    assert_int_equal(accepted(f, midnight_us, MINUTE), -1);
    assert_int_equal(accepted(f, midnight_us, HOUR), 3);
}

/* --- many ------------------------------------------------------------------------------------------------ */

enum { MANY = 5000 }; /* more than any batch or page holds */

static void are_all_there(struct fixture *f, int64_t step_us)
{
    struct stats_subject *of = xcalloc(MANY, sizeof(*of));
    struct stats_point *p = xcalloc(MANY, sizeof(*p));
    struct stats_query q = { of, MANY, midnight_us, step_us, 1 };
    for (int64_t i = 0; i < MANY; i++)
        of[i] = (struct stats_subject){ STATS_ENDPOINT, 1000 + i };
    assert_int_equal(stats_read(f->stats, &q, p), RC_OK);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(p[i].cell.n[STATS_ACCEPTED], 1 + i % 2);
    xfree(p);
    xfree(of);
}

static void are_all_ranked(struct fixture *f)
{
    struct stats_ranked *all = xcalloc(MANY, sizeof(*all));
    size_t count = 0;
    assert_int_equal(
        stats_largest(f->stats, STATS_ENDPOINT, midnight_us, midnight_us + DAY, all, MANY, &count),
        RC_OK);
    assert_int_equal(count, MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(all[i].messages, i < MANY / 2 ? 2 : 1);
    xfree(all);
}

static void of_many_none_is_left_out_through_minutes_hours_and_days(void **state)
{
    struct fixture *f = *state;
    for (int64_t i = 0; i < MANY; i++)
        for (int64_t n = 0; n <= i % 2; n++)
            accept_at(f, APP, 1000 + i);
    pass(f, MINUTE);
    are_all_there(f, MINUTE);
    are_all_ranked(f);
    pass(f, HOUR);
    are_all_there(f, MINUTE);
    are_all_there(f, HOUR);
    are_all_ranked(f);
    move(f, DAY);
    pass(f, MINUTE);
    are_all_there(f, HOUR);
    are_all_there(f, DAY);
    are_all_ranked(f);
}

/* --- who takes most ------------------------------------------------------------------------------------- */

static void is_ranked(struct fixture *f, int64_t from_us, int64_t until_us)
{
    struct stats_ranked two[2];
    size_t count = 0;
    assert_int_equal(stats_largest(f->stats, STATS_APP, from_us, until_us, two, 2, &count), RC_OK);
    assert_int_equal(count, 2);
    assert_int_equal(two[0].id, APP + 1);
    assert_int_equal(two[0].messages, 4);
    assert_int_equal(two[0].bytes, 40);
    assert_int_equal(two[1].id, APP);
    assert_int_equal(two[1].messages, 3);
}

static void the_largest_stay_the_same_through_minutes_hours_and_days(void **state)
{
    struct fixture *f = *state;
    accept_messages(f, 3);
    accept_at(f, APP + 2, ENDPOINT);
    for (int i = 0; i < 4; i++)
        accept_at(f, APP + 1, ENDPOINT);
    is_ranked(f, midnight_us, midnight_us + DAY); /* in memory */
    pass(f, 2 * MINUTE);
    is_ranked(f, midnight_us, midnight_us + DAY); /* a minute of the file */
    pass(f, 2 * HOUR);
    is_ranked(f, midnight_us, midnight_us + DAY); /* hours */
    pass(f, 2 * DAY);
    is_ranked(f, midnight_us, midnight_us + DAY); /* a day's */
}

static void what_is_outside_of_the_period_ranks_nobody(void **state)
{
    struct fixture *f = *state;
    struct stats_ranked one[1];
    size_t count = 1;
    accept_messages(f, 3);
    pass(f, 3 * HOUR);
    enum rc rc = stats_largest(f->stats, STATS_APP, midnight_us + HOUR, midnight_us + 3 * HOUR, one,
                               1, &count);
    assert_int_equal(rc, RC_OK);
    assert_int_equal(count, 0);
    f->stats->counts = false;
    rc = stats_largest(f->stats, STATS_APP, midnight_us, midnight_us + HOUR, one, 1, &count);
    f->stats->counts = true;
    assert_int_equal(rc, RC_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

/* What holds wherever the rows are. */
#define OF_BOTH \
    TEST(a_message_counts_for_all_it_concerns), \
        TEST(an_outcome_counts_by_its_end_its_class_and_its_times), \
        TEST(a_publish_that_was_a_repetition_counts_for_nothing), \
        TEST(of_a_batch_all_count_or_none_and_of_items_those_that_are_new), \
        TEST(requests_and_filter_runs_count), TEST(what_an_erasure_cancels_counts), \
        TEST(nothing_is_counted_when_it_is_switched_off), \
        TEST(minutes_turn_and_those_without_anything_are_zero), \
        TEST(sums_stay_the_same_through_hours_and_days), \
        TEST(a_minute_is_read_once_while_it_goes_from_memory_to_its_rows), \
        TEST(many_points_in_one_answer_equal_single_ones), \
        TEST(a_clock_that_steps_back_adds_to_the_minutes_it_repeats), \
        TEST(a_clock_that_steps_back_over_a_packed_hour_joins_it), \
        TEST(a_clock_set_years_ahead_drops_nothing), \
        TEST(hours_go_after_ninety_days_and_days_after_two_years), \
        TEST(a_restart_goes_on_in_the_same_minute), TEST(a_crash_leaves_a_gap_and_not_zero), \
        TEST(above_its_size_the_minutes_of_the_quietest_go_first), \
        TEST(applications_stay_whatever_the_size), \
        TEST(of_many_none_is_left_out_through_minutes_hours_and_days), \
        TEST(the_largest_stay_the_same_through_minutes_hours_and_days), \
        TEST(what_is_outside_of_the_period_ranks_nobody)

int main(int argc, char **argv)
{
    const struct CMUnitTest of_files[] = {
        OF_BOTH,
        TEST(a_damaged_file_is_made_anew_at_start),
        TEST(a_damaged_row_makes_the_file_anew_and_counting_goes_on),
        TEST(a_file_that_cannot_be_opened_costs_its_minutes_only),
    };
    const struct CMUnitTest of_databases[] = { OF_BOTH };
    if (argc == 1)
        return cmocka_run_group_tests(of_files, NULL, NULL);
    if (strcmp(argv[1], "postgres") != 0)
        return EXIT_FAILURE;
    if (!postgres_is_there())
        return postgres_skip();
    char *url = postgres_database();
    fixture_use(url);
    int failed = cmocka_run_group_tests(of_databases, NULL, NULL);
    xfree(url);
    return failed;
}
