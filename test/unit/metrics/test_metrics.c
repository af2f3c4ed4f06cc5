/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts live as long as the process, so each test takes metrics of its own or differences.
 */
#include "metrics/metrics_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* needs the ones above */

enum { THREADS = 4, EACH = 10000 };

static void count(void *arg)
{
    (void)arg;
    for (int i = 0; i < EACH; i++) {
        metrics_add(METRIC_PLAIN, 1);
        metrics_add(METRIC_LEVEL, i % 2 == 0 ? 3 : -3);
        metrics_observe(METRIC_TIME, i);
    }
}

static void counts_of_all_threads_are_summed_also_after_their_end(void **state)
{
    struct thread *threads[THREADS];
    int64_t before = metrics_value(METRIC_PLAIN);
    int64_t observed = metrics_count(METRIC_TIME);
    (void)state;
    for (int i = 0; i < THREADS; i++)
        threads[i] = thread_start("count", THREAD_OTHER, count, NULL);
    for (int i = 0; i < 50; i++) { /* reading meanwhile never goes backwards */
        int64_t now = metrics_value(METRIC_PLAIN);
        assert_true(now <= metrics_value(METRIC_PLAIN));
    }
    for (int i = 0; i < THREADS; i++)
        thread_join(threads[i]);
    assert_int_equal(metrics_value(METRIC_PLAIN) - before, THREADS * EACH);
    assert_int_equal(metrics_value(METRIC_LEVEL), 0);
    assert_int_equal(metrics_count(METRIC_TIME) - observed, THREADS * EACH);
}

static void every_value_is_in_the_bucket_that_says_so(void **state)
{
    (void)state;
    assert_int_equal(metric_bucket_of(0), 0);
    for (int bucket = 0; bucket < METRIC_BUCKETS - 1; bucket++) {
        int64_t last = metric_bucket_last(bucket);
        assert_int_equal(metric_bucket_of(last), bucket);
        assert_int_equal(metric_bucket_of(last + 1), bucket + 1);
    }
    assert_int_equal(metric_bucket_of(INT64_MAX), METRIC_BUCKETS - 1);
    for (int64_t us = 1; us < 1000000; us += 7) { /* at most a quarter too high */
        int64_t last = metric_bucket_last(metric_bucket_of(us));
        assert_true(last >= us && last * 4 <= us * 5);
    }
}

static void quantiles_are_upper_bounds(void **state)
{
    (void)state;
    assert_int_equal(metrics_quantile_us(METRIC_LABELLED, 0.5), 0);
    for (int i = 1; i <= 100; i++)
        metrics_observe(METRIC_LABELLED, i * 1000);
    metrics_observe(METRIC_LABELLED, -5); /* a clock that was set back counts as 0 */
    assert_int_equal(metrics_quantile_us(METRIC_LABELLED, 0.001), 0);
    assert_in_range(metrics_quantile_us(METRIC_LABELLED, 0.5), 50000, 62500);
    assert_in_range(metrics_quantile_us(METRIC_LABELLED, 1.0), 100000, 125000);
}

static void a_gauge_may_be_set(void **state)
{
    (void)state;
    metrics_set(METRIC_LEVEL, 42);
    assert_int_equal(metrics_value(METRIC_LEVEL), 42);
    metrics_set(METRIC_LEVEL, -1);
    assert_int_equal(metrics_value(METRIC_LEVEL), -1);
    metrics_set(METRIC_LEVEL, 0);
}

static bool has_line(const struct buf *out, const char *line)
{
    struct str rest = buf_str(out);
    struct str at;
    while (str_split(&rest, '\n', &at))
        if (str_eq(at, str_from(line)))
            return true;
    return false;
}

static int times(const struct buf *out, const char *line)
{
    struct str rest = buf_str(out);
    struct str at;
    int found = 0;
    while (str_split(&rest, '\n', &at))
        found += str_eq(at, str_from(line));
    return found;
}

static void refresh(void *arg)
{
    ++*(int *)arg;
    metrics_set(METRIC_LEVEL, 7);
}

static void a_scrape_is_prometheus_text(void **state)
{
    static int refreshed;
    struct buf out;
    (void)state;
    buf_init(&out, 1 << 20);
    metrics_on_scrape(refresh, &refreshed);
    metrics_add(METRIC_GOOD, 2);
    metrics_add(METRIC_BAD, 1);
    metrics_observe(METRIC_LABELLED, 127);
    assert_int_equal(metrics_write(&out), RC_OK);
    assert_int_equal(refreshed, 1);
    assert_int_equal(times(&out, "# HELP outcomes_total By outcome."), 1);
    assert_int_equal(times(&out, "# TYPE outcomes_total counter"), 1);
    assert_true(has_line(&out, "outcomes_total{outcome=\"good\"} 2"));
    assert_true(has_line(&out, "outcomes_total{outcome=\"bad\"} 1"));
    assert_true(has_line(&out, "# TYPE level gauge"));
    assert_true(has_line(&out, "level 7"));
    assert_true(has_line(&out, "# TYPE labelled_seconds histogram"));
    assert_true(has_line(&out, "labelled_seconds_bucket{kind=\"x\",le=\"0.000128\"} 2"));
    assert_true(has_line(&out, "labelled_seconds_bucket{kind=\"x\",le=\"67.108864\"} 102"));
    assert_true(has_line(&out, "labelled_seconds_bucket{kind=\"x\",le=\"+Inf\"} 102"));
    assert_true(has_line(&out, "labelled_seconds_sum{kind=\"x\"} 5.050127"));
    assert_true(has_line(&out, "labelled_seconds_count{kind=\"x\"} 102"));
    assert_true(has_line(&out, "grapnel_build_info{version=\"" GRAPNEL_VERSION "\"} 1"));
    assert_true(has_line(&out, "# TYPE process_cpu_seconds_total counter"));
    assert_false(has_line(&out, "process_open_fds 0"));
    assert_false(has_line(&out, "process_resident_memory_bytes 0"));
    buf_fini(&out);
}

static void a_scrape_is_whole_or_not_there(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 500);
    assert_int_equal(buf_add_str(&out, STR("before")), RC_OK);
    assert_int_equal(metrics_write(&out), RC_LIMIT);
    assert_string_equal(out.ptr, "before");
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_of_all_threads_are_summed_also_after_their_end),
        cmocka_unit_test(every_value_is_in_the_bucket_that_says_so),
        cmocka_unit_test(quantiles_are_upper_bounds),
        cmocka_unit_test(a_gauge_may_be_set),
        cmocka_unit_test(a_scrape_is_prometheus_text),
        cmocka_unit_test(a_scrape_is_whole_or_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
