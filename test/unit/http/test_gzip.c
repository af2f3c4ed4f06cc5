/* SPDX-License-Identifier: Apache-2.0 */
#include "http/gzip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <zlib.h>

#include <cmocka.h>

enum { GZIP_ONLY = 16 + MAX_WBITS, LARGE = 1 << 20 };

static void pack(struct str text, struct buf *out)
{
    static unsigned char packed[LARGE + 1024];
    z_stream z = { 0 };
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, GZIP_ONLY, 9, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)text.ptr;
    z.avail_in = (uInt)text.len;
    z.next_out = packed;
    z.avail_out = sizeof(packed);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(buf_add(out, packed, z.total_out), RC_OK);
    assert_int_equal(deflateEnd(&z), Z_OK);
}

static enum rc unpack(struct str packed, size_t max, struct buf *out)
{
    buf_init(out, max);
    return http_gunzip(packed, out);
}

static void streams_in_a_row_are_one_body(void **state)
{
    struct buf packed, plain;
    (void)state;
    buf_init(&packed, LARGE);
    pack(STR("one "), &packed);
    pack(STR(""), &packed);
    pack(STR("two"), &packed);
    assert_int_equal(unpack(buf_str(&packed), 7, &plain), RC_OK);
    assert_true(str_eq(buf_str(&plain), STR("one two")));
    buf_fini(&plain);
    assert_int_equal(unpack(buf_str(&packed), 6, &plain), RC_LIMIT);
    buf_fini(&plain);
    buf_fini(&packed);
}

static void what_is_cut_or_damaged_is_refused(void **state)
{
    struct buf packed, plain;
    (void)state;
    buf_init(&packed, LARGE);
    pack(STR("{\"eventType\": \"boat.moored\"}"), &packed);
    for (size_t len = 0; len < packed.len; len++) {
        assert_int_equal(unpack(str_sub(buf_str(&packed), 0, len), LARGE, &plain), RC_INVALID);
        buf_fini(&plain);
    }
    assert_int_equal(buf_add_str(&packed, STR("x")), RC_OK);
    assert_int_equal(unpack(buf_str(&packed), LARGE, &plain), RC_INVALID);
    buf_fini(&plain);
    assert_int_equal(unpack(STR("{}"), LARGE, &plain), RC_INVALID);
    buf_fini(&plain);
    buf_fini(&packed);
}

static void a_bomb_costs_no_more_than_the_limit(void **state)
{
    char *zeros = calloc(1, LARGE);
    struct buf packed, plain;
    (void)state;
    assert_non_null(zeros);
    buf_init(&packed, LARGE);
    pack(str_of(zeros, LARGE), &packed);
    assert_true(packed.len < 2048);
    assert_int_equal(unpack(buf_str(&packed), 4096, &plain), RC_LIMIT);
    assert_true(plain.len <= 4096);
    buf_fini(&plain);
    buf_fini(&packed);
    free(zeros);
}

static void what_was_packed_is_unpacked_again(void **state)
{
    static const size_t lengths[] = { 0, 1, 1000, 16 * 1024, 300 * 1000 };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        struct buf text, packed, plain;
        buf_init(&text, LARGE);
        while (text.len < lengths[i])
            assert_int_equal(buf_addf(&text, "{\"id\":%zu},", text.len), RC_OK);
        buf_init(&packed, LARGE);
        assert_int_equal(http_gzip(buf_str(&text), &packed), RC_OK);
        assert_true(text.len < 1000 || packed.len < text.len / 3);
        assert_int_equal(unpack(buf_str(&packed), LARGE, &plain), RC_OK);
        assert_true(str_eq(buf_str(&plain), buf_str(&text)));
        buf_fini(&plain);
        buf_fini(&packed);
        buf_fini(&text);
    }
}

static void packing_stops_at_the_limit(void **state)
{
    char noise[40000];
    uint32_t x = 1;
    struct buf packed;
    (void)state;
    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (char)((x = x * 1664525 + 1013904223) >> 24);
    buf_init(&packed, sizeof(noise) - sizeof(noise) / 8);
    assert_int_equal(http_gzip(str_of(noise, sizeof(noise)), &packed), RC_LIMIT);
    buf_fini(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_in_a_row_are_one_body),
        cmocka_unit_test(what_was_packed_is_unpacked_again),
        cmocka_unit_test(packing_stops_at_the_limit),
        cmocka_unit_test(what_is_cut_or_damaged_is_refused),
        cmocka_unit_test(a_bomb_costs_no_more_than_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
