/* SPDX-License-Identifier: Apache-2.0 */
#include "things.h"

static void a_cell_reads_as_it_was_written(void **state)
{
    (void)state;
    struct stats_cell in = { 0 }, out;
    struct buf b;
    in.n[STATS_ACCEPTED] = 1;
    in.n[STATS_BYTES_OUT] = UINT64_MAX;
    in.n[STATS_FIELDS - 1] = 300;
    buf_init(&b, STATS_CELL_BYTES_MAX);
    stats_cell_write(&in, &b);
    struct str bytes = buf_str(&b);
    assert_true(stats_cell_read(&bytes, &out));
    assert_int_equal(bytes.len, 0);
    assert_memory_equal(&in, &out, sizeof(in));
    buf_fini(&b);
}

static void a_cell_with_every_number_at_its_most_fits_its_bound(void **state)
{
    (void)state;
    struct stats_cell in;
    struct buf b;
    memset(&in, 0xff, sizeof(in));
    buf_init(&b, STATS_CELL_BYTES_MAX);
    stats_cell_write(&in, &b);
    assert_true(b.len <= STATS_CELL_BYTES_MAX);
    buf_fini(&b);
}

static void an_ordinary_cell_takes_few_bytes(void **state)
{
    (void)state;
    struct stats_cell in = { 0 };
    struct buf b;
    in.n[STATS_ACCEPTED] = in.n[STATS_DELIVERED] = in.n[STATS_ATTEMPTS_2XX] = 60;
    buf_init(&b, STATS_CELL_BYTES_MAX);
    stats_cell_write(&in, &b);
    assert_true(b.len <= 8);
    buf_fini(&b);
}

static void a_cell_that_is_cut_is_refused_at_every_length(void **state)
{
    (void)state;
    struct stats_cell in = { 0 }, out;
    struct buf b;
    in.n[STATS_ACCEPTED] = 300;
    in.n[STATS_FIELDS - 1] = 70000;
    buf_init(&b, STATS_CELL_BYTES_MAX);
    stats_cell_write(&in, &b);
    for (size_t len = 0; len < b.len; len++) {
        struct str bytes = str_of(b.ptr, len);
        assert_false(stats_cell_read(&bytes, &out));
    }
    buf_fini(&b);
}

static void numbers_of_a_later_version_are_read_over(void **state)
{
    (void)state;
    struct stats_cell out;
    /* bits 3 and 63, then their numbers 5 and 9 */
    struct str bytes = STR("\x88\x80\x80\x80\x80\x80\x80\x80\x80\x01\x05\x09");
    assert_true(stats_cell_read(&bytes, &out));
    assert_int_equal(out.n[3], 5);
    assert_int_equal(bytes.len, 0);
}

static void a_pack_reads_as_it_was_written_and_adds_up(void **state)
{
    (void)state;
    struct stats_pack *in = XNEW(struct stats_pack), *out = XNEW(struct stats_pack);
    struct stats_cell one = { 0 };
    struct buf b;
    one.n[STATS_ACCEPTED] = 7;
    stats_pack_add(in, 0, &one);
    stats_pack_add(in, 59, &one);
    stats_pack_add(in, 59, &one);
    buf_init(&b, STATS_PACK_BYTES_MAX);
    stats_pack_write(in, &b);
    assert_true(stats_pack_read(buf_str(&b), out));
    assert_memory_equal(in, out, sizeof(*in));
    assert_int_equal(out->at[59].n[STATS_ACCEPTED], 14);
    assert_true(stats_pack_read(buf_str(&b), out));
    assert_int_equal(out->at[59].n[STATS_ACCEPTED], 28);
    assert_false(stats_pack_read(STR("\x3c\x01"), out)); /* there is no sixtieth place */
    buf_fini(&b);
    xfree(in);
    xfree(out);
}

static void times_fall_into_buckets_that_double(void **state)
{
    (void)state;
    assert_int_equal(stats_bucket(-5, 2000), 0);
    assert_int_equal(stats_bucket(0, 2000), 0);
    assert_int_equal(stats_bucket(1999, 2000), 0);
    assert_int_equal(stats_bucket(2000, 2000), 1);
    assert_int_equal(stats_bucket(3999, 2000), 1);
    assert_int_equal(stats_bucket(4000, 2000), 2);
    assert_int_equal(stats_bucket(INT64_C(2000) << 10, 2000), 11);
    assert_int_equal(stats_bucket(INT64_MAX, 2000), 11);
}

static void a_quantile_lies_within_its_bucket(void **state)
{
    (void)state;
    struct stats_cell c = { 0 };
    assert_int_equal(stats_cell_quantile_us(&c, STATS_TOOK_FIRST, 2000, 0.5), -1);
    c.n[STATS_TOOK_FIRST] = 10;     /* below 2 ms */
    c.n[STATS_TOOK_FIRST + 3] = 10; /* 8 to 16 ms */
    int64_t p50 = stats_cell_quantile_us(&c, STATS_TOOK_FIRST, 2000, 0.5);
    int64_t p95 = stats_cell_quantile_us(&c, STATS_TOOK_FIRST, 2000, 0.95);
    assert_int_equal(p50, 2000);
    assert_true(p95 > 8000 && p95 <= 16000);
}

static void a_quantile_beyond_the_last_bound_is_that_bound(void **state)
{
    (void)state;
    struct stats_cell c = { 0 };
    c.n[STATS_DELIVERY_FIRST + STATS_BUCKETS - 1] = 3;
    assert_int_equal(stats_cell_quantile_us(&c, STATS_DELIVERY_FIRST, 8000, 0.5), INT64_C(8000)
                                                                                      << 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cell_reads_as_it_was_written),
        cmocka_unit_test(a_cell_with_every_number_at_its_most_fits_its_bound),
        cmocka_unit_test(an_ordinary_cell_takes_few_bytes),
        cmocka_unit_test(a_cell_that_is_cut_is_refused_at_every_length),
        cmocka_unit_test(numbers_of_a_later_version_are_read_over),
        cmocka_unit_test(a_pack_reads_as_it_was_written_and_adds_up),
        cmocka_unit_test(times_fall_into_buckets_that_double),
        cmocka_unit_test(a_quantile_lies_within_its_bucket),
        cmocka_unit_test(a_quantile_beyond_the_last_bound_is_that_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
