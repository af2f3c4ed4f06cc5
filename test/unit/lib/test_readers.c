/* SPDX-License-Identifier: Apache-2.0
 *
 * The small readers: JSON pointers, forms, encodings, times.
 */
#include "fixture.h"

#include "read.h"

#include <stdio.h>

static struct gn_arena arena;

static void reset(void)
{
    gn_arena_fini(&arena);
    arena = (struct gn_arena){ .limit = GRAPNEL_WORK_MAX };
}

static enum grapnel_status find(const char *json, const char *pointer, struct grapnel_bytes *out)
{
    struct grapnel_bytes value;
    reset();
    enum grapnel_status status = gn_json_find(&arena, gn_cstr(json), gn_cstr(pointer), &value);
    return status == GRAPNEL_VERIFIED ? gn_json_text(&arena, value, out) : status;
}

static void follows_json_pointers(void **state)
{
    static const char json[] =
        " { \"a\" : { \"b/c\" : [ 1 , \"two\" , { \"d~e\" : true } ] , \"\" : -1.5e3 } ,"
        "\"t\\u0079pe\" : \"x\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\" , \"n\" : null,"
        "\"o\":{}, \"l\":[] } ";
    const struct {
        const char *pointer;
        const char *value; /* NULL: status */
        enum grapnel_status status;
    } cases[] = {
        { "/a/b~1c/0", "1", 0 },
        { "/a/b~1c/1", "two", 0 },
        { "/a/b~1c/2/d~0e", "true", 0 },
        { "/a/", "-1.5e3", 0 },
        { "/type", "x\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80", 0 },
        { "/n", NULL, GRAPNEL_MISSING_HEADER },
        { "/x", NULL, GRAPNEL_MISSING_HEADER },
        { "/type/x", NULL, GRAPNEL_MISSING_HEADER },
        { "/a/b~1c/3", NULL, GRAPNEL_MISSING_HEADER },
        { "/a/b~1c/01", NULL, GRAPNEL_MISSING_HEADER },
        { "/l/0", NULL, GRAPNEL_MISSING_HEADER },
        { "/o", NULL, GRAPNEL_MALFORMED_BODY }, /* no text */
        { "", NULL, GRAPNEL_MALFORMED_BODY },
    };
    (void)state;
    for (size_t i = 0; i < GN_COUNT(cases); i++) {
        struct grapnel_bytes out = GN_NONE;
        print_message("# %s\n", cases[i].pointer);
        assert_status(find(json, cases[i].pointer, &out), cases[i].status);
        if (cases[i].value != NULL) {
            assert_bytes(out, cases[i].value);
        }
    }
    reset();
}

static void refuses_names_that_occur_twice_on_the_way(void **state)
{
    struct grapnel_bytes out;
    (void)state;
    assert_status(find("{\"a\":1,\"a\":2}", "/a", &out), GRAPNEL_DUPLICATE_HEADER);
    assert_status(find("{\"a\":1,\"\\u0061\":2}", "/a", &out), GRAPNEL_DUPLICATE_HEADER);
    assert_status(find("{\"a\":{\"b\":1},\"a\":{}}", "/a/b", &out), GRAPNEL_DUPLICATE_HEADER);
    assert_status(find("{\"b\":1,\"b\":2,\"a\":3}", "/a", &out), GRAPNEL_VERIFIED);
    reset();
}

static void broken_json_is_malformed(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\":}",
        "{\"a\" 1}",
        "{\"a\":\"",
        "{\"a\":\"\\",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\ud800\\u0041\"}",
        "{\"a\":\"\\udc00\"}",
        "{\"a\":\"\\u00g0\"}",
        "{\"a\":\"\n\"}",
        "{\"a\":[1 2]}",
        "{\"a\":[}",
    };
    (void)state;
    for (size_t i = 0; i < GN_COUNT(bad); i++) {
        struct grapnel_bytes out;

        assert_status(find(bad[i], "/a", &out), GRAPNEL_MALFORMED_BODY);
    }
    reset();
}

static void json_depth_is_limited(void **state)
{
    char json[2 * GRAPNEL_JSON_DEPTH_MAX + 8];
    struct grapnel_bytes array;
    (void)state;
    for (int extra = 0; extra <= 1; extra++) {
        size_t depth = GRAPNEL_JSON_DEPTH_MAX - 1 + (size_t)extra;
        memset(json, '[', depth);
        json[depth] = '1';
        memset(json + depth + 1, ']', depth);
        json[2 * depth + 1] = '\0';
        reset();
        assert_status(gn_json_find(&arena, gn_cstr(json), GN_NONE, &array),
                      extra == 0 ? GRAPNEL_VERIFIED : GRAPNEL_MALFORMED_BODY);
    }
    reset();
}

static void reads_forms(void **state)
{
    static const char form[] = "a=1&b=x%20y+z&&c&d=&e%3D=%C3%a9&f=1&f=2";
    const struct {
        const char *name;
        const char *value;
        enum grapnel_status status;
    } cases[] = {
        { "a", "1", 0 },
        { "b", "x y z", 0 },
        { "c", "", 0 },
        { "d", "", 0 },
        { "e=", "\xc3\xa9", 0 },
        { "f", NULL, GRAPNEL_DUPLICATE_HEADER },
        { "g", NULL, GRAPNEL_MISSING_HEADER },
    };
    (void)state;
    for (size_t i = 0; i < GN_COUNT(cases); i++) {
        struct grapnel_bytes out = GN_NONE;
        reset();
        assert_status(gn_form_find(&arena, gn_cstr(form), gn_cstr(cases[i].name), &out),
                      cases[i].status);
        if (cases[i].value != NULL) {
            assert_bytes(out, cases[i].value);
        }
    }
    struct grapnel_bytes out;
    assert_status(gn_form_find(&arena, GN_TEXT("a=%"), GN_TEXT("a"), &out), GRAPNEL_MALFORMED_BODY);
    assert_status(gn_form_find(&arena, GN_TEXT("a=%4"), GN_TEXT("a"), &out),
                  GRAPNEL_MALFORMED_BODY);
    assert_status(gn_form_find(&arena, GN_TEXT("a=%4x"), GN_TEXT("a"), &out),
                  GRAPNEL_MALFORMED_BODY);
    reset();
}

#define FIELD(name, value) \
    "--x\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" value "\r\n"
#define END "--x--\r\n"

struct multipart_case {
    const char *body;
    const char *value; /* of the field "a" */
    enum grapnel_status status;
};

static void check_multipart(const struct multipart_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct grapnel_bytes out = GN_NONE;
        print_message("# %s\n", cases[i].body);
        assert_status(gn_multipart_find(gn_cstr(cases[i].body), GN_TEXT("x"), GN_TEXT("a"), &out),
                      cases[i].status);
        if (cases[i].value != NULL) {
            assert_bytes(out, cases[i].value);
        }
    }
}

static void finds_a_field_of_a_multipart_form(void **state)
{
    static const struct multipart_case cases[] = {
        { FIELD("a", "1") END, "1", 0 },
        { "preamble\r\n" FIELD("b", "2") FIELD("a", "1") FIELD("c", "3") END "epilogue", "1", 0 },
        { FIELD("a", "") END, "", 0 },
        { FIELD("a", "\r\n--y\r\n--xx\r\n-- x") END, "\r\n--y\r\n--xx\r\n-- x", 0 },
        { "--x \t\r\ncontent-disposition:form-data;NAME=a\r\nX: y\r\n\r\n1\r\n--x--", "1", 0 },
        { "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\nbytes\r\n" FIELD(
              "a", "1") END,
          "1", 0 },
        { "--x\r\nContent-Transfer-Encoding: 8bit\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n" END,
          "1", 0 },
        { "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n--x--\r\n", "", 0 },
        { FIELD("b", "1") END, NULL, GRAPNEL_MISSING_HEADER },
        { END, NULL, GRAPNEL_MISSING_HEADER },
        { FIELD("a", "1") FIELD("a", "1") END, NULL, GRAPNEL_DUPLICATE_HEADER },
    };
    (void)state;
    check_multipart(cases, GN_COUNT(cases));
}

static void a_multipart_form_that_can_be_read_in_two_ways_is_malformed(void **state)
{
    static const char *const bodies[] = {
        "",
        "a=1",
        "--x",
        "--x\r\n",
        FIELD("a", "1"),                                                    /* no end */
        FIELD("a", "1") "--x\r\n" END,                                      /* a part of nothing */
        "--x\nContent-Disposition: form-data; name=a\n\n1\n--x--\n",        /* bare line feeds */
        "--x\r\nContent-Type: text/plain\r\n\r\n1\r\n" FIELD("a", "1") END, /* no name */
        "--x\r\nContent-Disposition: form-data; name=b; name=a\r\n\r\n1\r\n" END,
        "--x\r\nContent-Disposition: form-data; name=b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n" END,
        "--x\r\nContent-Disposition: form-data;\r\n name=a\r\n\r\n1\r\n" END, /* a continued line */
        "--x\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n" END,
        "--x\r\nContent-Disposition: form-data; name=\"a\r\n\r\n1\r\n" END,
        "--x\r\nContent-Disposition: form-data; name=\"\\a\"\r\n\r\n1\r\n" END,
        "--x\r\nContent-Disposition: form-data; name=\"a\" b\r\n\r\n1\r\n" END,
        "--x\r\nContent-Disposition: form-data; name=a; filename=f\r\n\r\n1\r\n" END, /* a file */
        "--x\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: form-data; name=a\r\n\r\nMQ==\r\n" END,
    };
    (void)state;
    for (size_t i = 0; i < GN_COUNT(bodies); i++) {
        check_multipart(&(struct multipart_case){ bodies[i], NULL, GRAPNEL_MALFORMED_BODY }, 1);
    }
}

static void multipart_forms_have_a_limit(void **state)
{
    static char body[64 * (GRAPNEL_FORM_MAX + 2)];
    size_t len = 0;
    struct grapnel_bytes out;
    (void)state;
    for (int i = 0; i <= GRAPNEL_FORM_MAX; i++) {
        len += (size_t)snprintf(body + len, sizeof(body) - len, FIELD("b", "%d"), i);
    }
    memcpy(body + len, END, sizeof(END));
    assert_status(gn_multipart_find(gn_cstr(body), GN_TEXT("x"), GN_TEXT("a"), &out),
                  GRAPNEL_TOO_LARGE);
}

static void finds_the_boundary_of_a_multipart_form(void **state)
{
    const struct {
        const char *type;
        const char *boundary;
    } cases[] = {
        { "multipart/form-data; boundary=x", "x" },
        { "Multipart/Form-Data;charset=utf-8 ;Boundary=\"a b;c\"", "a b;c" },
        { "multipart/form-data", "" },
        { "multipart/form-data; boundary=", "" },
        { "multipart/form-data; boundary=\"x", "" },
        { "multipart/form-data; boundary=x; boundary=y", "" },
        { "multipart/mixed; boundary=x", "" },
        { "application/json", "" },
        { "multipart/form-data; boundary=01234567890123456789012345678901234567890123456789012345678901234567890",
          "" },
    };
    (void)state;
    for (size_t i = 0; i < GN_COUNT(cases); i++) {
        assert_bytes(gn_multipart_boundary(gn_cstr(cases[i].type)), cases[i].boundary);
    }
}

static void sorts_forms_and_drops_equal_pairs(void **state)
{
    struct grapnel_bytes *list;
    size_t count;
    (void)state;
    reset();
    assert_status(gn_form_sorted(&arena, GN_TEXT("b=2&a=1&b=1&b=2&A=0"), &list, &count),
                  GRAPNEL_VERIFIED);
    assert_bytes(gn_join(&arena, list, count), "A0a1b1b2");
    reset();
}

static void forms_have_a_limit(void **state)
{
    static char form[8 * (GRAPNEL_FORM_MAX + 2)];
    size_t len = 0;
    struct grapnel_bytes *list;
    size_t count;
    (void)state;
    for (int i = 0; i < GRAPNEL_FORM_MAX; i++) {
        len += (size_t)snprintf(form + len, sizeof(form) - len, "k%d=&", i);
    }
    reset();
    assert_status(gn_form_sorted(&arena, gn_bytes(form, len), &list, &count), GRAPNEL_VERIFIED);
    memcpy(form + len, "x=1", 4);
    reset();
    assert_status(gn_form_sorted(&arena, gn_bytes(form, len + 3), &list, &count),
                  GRAPNEL_TOO_LARGE);
    reset();
}

static void reads_times_strictly(void **state)
{
    const struct {
        const char *text;
        int64_t us; /* -1: refused */
    } cases[] = {
        { "2023-11-14T22:13:20Z", NOW_US },
        { "2023-11-14T22:13:20.123456789Z", NOW_US + 123456 },
        { "2023-11-15T00:13:20+02:00", NOW_US },
        { "2023-11-14T17:43:20-0430", NOW_US },
        { "2024-02-29T00:00:00Z", INT64_C(1709164800000000) },
        { "2023-02-29T00:00:00Z", -1 },
        { "2023-11-14T22:13:20", -1 },
        { "2023-11-14T22:13:20.Z", -1 },
        { "2023-11-14T22:13:20Zx", -1 },
        { "2023-13-14T22:13:20Z", -1 },
        { "2023-11-14T24:13:20Z", -1 },
        { "2023-11-14", -1 },
        { "1700000000", -1 },
        { "", -1 },
    };
    (void)state;
    for (size_t i = 0; i < GN_COUNT(cases); i++) {
        int64_t us = -1;
        bool good = gn_time_iso(gn_cstr(cases[i].text), &us);
        print_message("# %s\n", cases[i].text);
        assert_int_equal(good, cases[i].us >= 0);
        if (good) {
            assert_true(us == cases[i].us);
        }
    }
    char text[GN_TIME_ISO_LEN + 1];
    gn_time_write_iso(NOW_US + 123000, text);
    assert_string_equal(text, "2023-11-14T22:13:20.123Z");
}

static void base64_is_read_strictly(void **state)
{
    const struct {
        const char *text;
        bool exact;
        int len; /* -1: refused */
    } cases[] = {
        { "", true, 0 },      { "QQ==", true, 1 },  { "QQ", true, 1 },    { "QUI=", true, 2 },
        { "QUI", true, 2 },   { "QUJD", true, 3 },  { "Q", true, -1 },    { "QQ=", true, -1 },
        { "QR==", true, -1 }, { "QR==", false, 1 }, { "Q===", true, -1 }, { "QQ==QQ==", true, -1 },
        { "Q Q=", true, -1 }, { "-_-_", true, -1 }, { "=", true, -1 },
    };
    (void)state;
    for (size_t i = 0; i < GN_COUNT(cases); i++) {
        unsigned char out[8];
        size_t len = 0;
        bool good = gn_base64_decode(gn_cstr(cases[i].text), GN_BASE64, cases[i].exact, out,
                                     sizeof(out), &len);
        print_message("# %s\n", cases[i].text);
        assert_int_equal(good ? (int)len : -1, cases[i].len);
    }
}

static void working_memory_is_bounded_and_aligned(void **state)
{
    struct gn_arena a = { .limit = 16384 };
    (void)state;
    assert_null(gn_alloc(&a, 16385));
    assert_null(gn_alloc(&a, SIZE_MAX));
    for (int i = 0; i < 4; i++) {
        void *place = gn_alloc(&a, 4090);
        assert_non_null(place);
        assert_int_equal((uintptr_t)place % 16, 0);
    }
    assert_null(gn_alloc(&a, 4090));
    gn_arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_json_pointers),
        cmocka_unit_test(refuses_names_that_occur_twice_on_the_way),
        cmocka_unit_test(broken_json_is_malformed),
        cmocka_unit_test(json_depth_is_limited),
        cmocka_unit_test(reads_forms),
        cmocka_unit_test(finds_a_field_of_a_multipart_form),
        cmocka_unit_test(a_multipart_form_that_can_be_read_in_two_ways_is_malformed),
        cmocka_unit_test(multipart_forms_have_a_limit),
        cmocka_unit_test(finds_the_boundary_of_a_multipart_form),
        cmocka_unit_test(sorts_forms_and_drops_equal_pairs),
        cmocka_unit_test(forms_have_a_limit),
        cmocka_unit_test(reads_times_strictly),
        cmocka_unit_test(base64_is_read_strictly),
        cmocka_unit_test(working_memory_is_bounded_and_aligned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
