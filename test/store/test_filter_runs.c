/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of filter runs: kept where their time falls, listed, searched, and gone with their segment.
 */
#include "store/filter_run.h"
#include "support.h"

#include <stdio.h>

enum { ROWS = 12 };

struct waiting {
    struct store_filter_run_job job;
    atomic_bool done;
};

static void kept(struct store_job *job)
{
    struct store_filter_run_job *j = CONTAINER_OF(job, struct store_filter_run_job, job);
    atomic_store(&CONTAINER_OF(j, struct waiting, job)->done, true);
}

static bool is_kept(void *arg)
{
    return atomic_load(&((struct waiting *)arg)->done);
}

/* A run of TEST_APP now; `like` says what is special about it. */
static struct id keep(struct fixture *f, struct store_filter_run like)
{
    struct waiting w = { .job = { .job = { .done = kept }, .run = like } };
    w.job.run.id = id_new(store_ids(f->store));
    w.job.run.app = like.app != 0 ? like.app : TEST_APP;
    w.job.run.started_us = test_now_us();
    w.job.run.took_us = 1500;
    if (like.event.ptr == NULL)
        w.job.run.event = STR("Login");
    if (like.filters.ptr == NULL)
        w.job.run.filters = STR(" flt_a flt_b ");
    w.job.run.summary = STR("{\"halt\":false}");
    assert_int_equal(store_submit_filter_run(f->store, &w.job), RC_OK);
    wait_until(is_kept, &w);
    assert_int_equal(w.job.job.rc, RC_OK);
    return w.job.run.id;
}

static const struct store_filter_run_filter every = { .app = TEST_APP, .halted = -1 };

static size_t list(struct fixture *f, struct store_filter_run_filter filter,
                   struct store_filter_run out[static ROWS])
{
    struct store_page_end end;
    const struct store_page page = { .limit = ROWS, .descending = true };
    assert_int_equal(store_filter_run_list(f->store, &filter, &page, &f->arena, out, &end), RC_OK);
    assert_true(end.done);
    return end.count;
}

static size_t count(struct fixture *f, struct store_filter_run_filter filter)
{
    struct store_filter_run rows[ROWS];
    return list(f, filter, rows);
}

static int64_t segments(struct fixture *f)
{
    struct store_stats stats;
    store_stats(f->store, &stats);
    return stats.segments;
}

/* --- what holds ------------------------------------------------------------------------------------------ */

static void a_run_is_read_as_it_was_kept(void **state)
{
    struct fixture *f = *state;
    struct store_filter_run r;
    struct id id = keep(f, (struct store_filter_run){ .event = STR("Enrol"),
                                                      .halted = true,
                                                      .has_data = true,
                                                      .is_redacted = true,
                                                      .detail = STR("{\"data\":{}}") });
    assert_int_equal(store_filter_run_get(f->store, TEST_APP, &id, &f->arena, &r), RC_OK);
    assert_memory_equal(r.id.bytes, id.bytes, ID_BYTES);
    assert_true(str_eq(r.event, STR("Enrol")) && str_eq(r.filters, STR(" flt_a flt_b ")));
    assert_true(str_eq(r.detail, STR("{\"data\":{}}")) &&
                str_eq(r.summary, STR("{\"halt\":false}")));
    assert_true(r.halted && r.has_data && r.is_redacted);
    assert_int_equal(r.took_us, 1500);
    assert_int_equal(store_filter_run_get(f->store, TEST_APP + 1, &id, &f->arena, &r),
                     RC_NOT_FOUND);
}

static void what_is_not_kept_is_not_there(void **state)
{
    struct fixture *f = *state;
    struct store_filter_run r;
    struct id id = keep(f, (struct store_filter_run){ .halted = false });
    assert_int_equal(store_filter_run_get(f->store, TEST_APP, &id, &f->arena, &r), RC_OK);
    assert_true(!r.has_data && !r.is_redacted && r.detail.len == 0);
    struct id other = id_new(store_ids(f->store));
    assert_int_equal(store_filter_run_get(f->store, TEST_APP, &other, &f->arena, &r), RC_NOT_FOUND);
}

static void a_list_shows_details_only_when_asked(void **state)
{
    struct fixture *f = *state;
    struct store_filter_run rows[ROWS];
    struct store_filter_run_filter filter = every;
    (void)keep(f, (struct store_filter_run){ .has_data = true, .detail = STR("{}") });
    assert_int_equal(list(f, filter, rows), 1);
    assert_int_equal(rows[0].detail.len, 0);
    filter.with_detail = true;
    assert_int_equal(list(f, filter, rows), 1);
    assert_true(str_eq(rows[0].detail, STR("{}")));
}

static void runs_are_searched_by_what_they_are(void **state)
{
    struct fixture *f = *state;
    struct store_filter_run_filter filter = every;
    (void)keep(f, (struct store_filter_run){ .halted = true });
    test_advance_us(10 * SECOND);
    int64_t middle = test_now_us() - 5 * SECOND;
    (void)keep(f, (struct store_filter_run){ .event = STR("Enrol"), .filters = STR(" flt_c ") });
    (void)keep(f, (struct store_filter_run){ .has_data = true, .detail = STR("{}") });
    (void)keep(
        f, (struct store_filter_run){ .has_data = true, .is_redacted = true, .detail = STR("{}") });
    (void)keep(f, (struct store_filter_run){ .app = TEST_APP + 1 });
    assert_int_equal(count(f, every), 4);
    filter.halted = 1;
    assert_int_equal(count(f, filter), 1);
    filter.halted = 0;
    assert_int_equal(count(f, filter), 3);
    filter = every;
    filter.event = STR("Enrol");
    assert_int_equal(count(f, filter), 1);
    filter = every;
    filter.filter = STR("flt_b");
    assert_int_equal(count(f, filter), 3);
    filter.filter = STR("flt_"); /* an id is found whole */
    assert_int_equal(count(f, filter), 0);
    filter = every;
    filter.with_data = true;
    assert_int_equal(count(f, filter), 2);
    filter = every;
    filter.after_us = middle;
    assert_int_equal(count(f, filter), 3);
    filter.after_us = 0;
    filter.before_us = middle;
    assert_int_equal(count(f, filter), 1);
}

static int small_open(void **state)
{
    (void)fixture_open(state);
    struct fixture *f = *state;
    f->options.segment_us = 10 * SECOND;
    f->options.retention_us = HOUR;
    f->options.group_max = 1;
    fixture_reopen(f);
    return 0;
}

struct rolled {
    struct fixture *f;
    int64_t least;
};

static bool has_rolled(void *arg)
{
    const struct rolled *r = arg;
    return segments(r->f) >= r->least;
}

/* Three segments by their age, four runs each, every third of another event. A commit looks at the ages of files; a table's
 * end is set when it is made. */
static void fill(struct fixture *f, struct id ids[static ROWS])
{
    for (int i = 0; i < ROWS; i++) {
        ids[i] =
            keep(f, (struct store_filter_run){ .event = i % 3 == 0 ? STR("Enrol") : STR("Login") });
        test_advance_us(SECOND);
        if (i % 4 == 3) {
            test_advance_us(11 * SECOND);
            int64_t before = segments(f);
            static const int64_t nobody[1]; /* nothing pending pins the segment */
            (void)publish(
                f, (struct publish_spec){ .endpoints = nobody }); /* a commit looks at ages */
            if (fixture_is_files(f))
                wait_until(has_rolled, &(struct rolled){ f, before + 1 });
        }
    }
}

static void pages_cross_segments_that_rolled_by_age_in_both_directions(void **state)
{
    struct fixture *f = *state;
    struct id ids[ROWS];
    struct store_filter_run rows[ROWS];
    struct store_page_end end;
    struct store_page page = { .limit = 5, .descending = true };
    size_t at = ROWS;
    fill(f, ids);
    assert_true(segments(f) >= 3);
    do {
        assert_int_equal(store_filter_run_list(f->store, &every, &page, &f->arena, rows, &end),
                         RC_OK);
        for (size_t i = 0; i < end.count; i++)
            assert_memory_equal(rows[i].id.bytes, ids[--at].bytes, ID_BYTES);
        page.after = str_from(id_text(f, "frun_", rows[end.count - 1].id));
    } while (!end.done);
    assert_int_equal(at, 0);
    page.backwards = true;
    assert_int_equal(store_filter_run_list(f->store, &every, &page, &f->arena, rows, &end), RC_OK);
    assert_int_equal(end.count, 5);
    assert_memory_equal(rows[4].id.bytes, ids[1].bytes, ID_BYTES);
    page = (struct store_page){ .limit = ROWS };
    assert_int_equal(store_filter_run_list(f->store, &every, &page, &f->arena, rows, &end), RC_OK);
    assert_memory_equal(rows[0].id.bytes, ids[0].bytes, ID_BYTES);
    page.after = STR("frun_no");
    assert_int_equal(store_filter_run_list(f->store, &every, &page, &f->arena, rows, &end),
                     RC_INVALID);
}

/* Walks all pages of a search that looks at `rows_max` rows a page; how many pages came back short. */
static int walk_short(struct fixture *f, bool descending, const struct id ids[static ROWS])
{
    struct store_filter_run rows[ROWS];
    struct store_page_end end;
    struct store_filter_run_filter filter = every;
    struct store_page page = { .limit = 4, .descending = descending, .rows_max = 3 };
    int shorts = 0, seen = 0, turns = 0;
    filter.event = STR("Enrol");
    do {
        assert_int_equal(store_filter_run_list(f->store, &filter, &page, &f->arena, rows, &end),
                         RC_OK);
        for (size_t i = 0; i < end.count; i++, seen++)
            assert_memory_equal(rows[i].id.bytes,
                                ids[descending ? ROWS - 3 - 3 * seen : 3 * seen].bytes, ID_BYTES);
        shorts += end.is_short;
        assert_true(end.is_short || end.done || end.count == 4);
        page.after = str_from(id_text(
            f, "frun_", end.is_short ? end.resume : rows[end.count > 0 ? end.count - 1 : 0].id));
        assert_true(++turns < ROWS);
    } while (!end.done);
    assert_int_equal(seen, ROWS / 3);
    return shorts;
}

static void a_search_comes_back_short_after_so_many_rows_and_goes_on_where_it_was(void **state)
{
    struct fixture *f = *state;
    struct id ids[ROWS];
    fill(f, ids);
    assert_true(walk_short(f, true, ids) >= 2);
    assert_true(walk_short(f, false, ids) >= 2);
}

static void a_list_without_a_filter_never_comes_back_short(void **state)
{
    struct fixture *f = *state;
    struct id ids[ROWS];
    struct store_filter_run rows[ROWS];
    struct store_page_end end;
    const struct store_page page = { .limit = ROWS, .descending = true, .rows_max = 1 };
    fill(f, ids);
    assert_int_equal(store_filter_run_list(f->store, &every, &page, &f->arena, rows, &end), RC_OK);
    assert_int_equal(end.count, ROWS);
    assert_true(end.done && !end.is_short);
}

struct looking {
    struct fixture *f;
    struct id id;
};

static bool is_gone(void *arg)
{
    struct looking *l = arg;
    struct store_filter_run r;
    return store_filter_run_get(l->f->store, TEST_APP, &l->id, &l->f->arena, &r) == RC_NOT_FOUND;
}

static void runs_go_with_their_segment(void **state)
{
    struct fixture *f = *state;
    struct id ids[ROWS];
    struct store_filter_run r;
    fill(f, ids);
    test_advance_us(f->options.retention_us + DAY);
    struct id late = keep(f, (struct store_filter_run){ .halted = true });
    store_set_retention(f->store, f->options.retention_us, f->options.idempotency_us);
    wait_until(is_gone, &(struct looking){ f, ids[0] });
    assert_int_equal(store_filter_run_get(f->store, TEST_APP, &late, &f->arena, &r), RC_OK);
    assert_true(count(f, every) < ROWS);
}

static void runs_outlive_a_restart(void **state)
{
    struct fixture *f = *state;
    struct id ids[ROWS];
    fill(f, ids);
    fixture_reopen(f);
    assert_int_equal(count(f, every), ROWS);
    (void)keep(f, (struct store_filter_run){ .app = TEST_APP + 1 });
    assert_int_equal(count(f, every), ROWS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_run_is_read_as_it_was_kept, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(what_is_not_kept_is_not_there, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(a_list_shows_details_only_when_asked, fixture_open,
                                        fixture_close),
        cmocka_unit_test_setup_teardown(runs_are_searched_by_what_they_are, fixture_open,
                                        fixture_close),
        cmocka_unit_test_setup_teardown(pages_cross_segments_that_rolled_by_age_in_both_directions,
                                        small_open, fixture_close),
        cmocka_unit_test_setup_teardown(
            a_search_comes_back_short_after_so_many_rows_and_goes_on_where_it_was, small_open,
            fixture_close),
        cmocka_unit_test_setup_teardown(a_list_without_a_filter_never_comes_back_short, small_open,
                                        fixture_close),
        cmocka_unit_test_setup_teardown(runs_go_with_their_segment, small_open, fixture_close),
        cmocka_unit_test_setup_teardown(runs_outlive_a_restart, small_open, fixture_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
