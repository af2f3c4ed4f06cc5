/* SPDX-License-Identifier: Apache-2.0
 *
 * docs/guide/filters.md sentence by sentence: a table a chapter, a row a case.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "filter/language.h"

struct row {
    const char *filter;
    const char *body;
    bool matches;
};

static bool matches(const char *text, const struct filter_input *in)
{
    struct filter_program *program = NULL;
    struct filter_fault fault;
    json_t *explanation = NULL;
    if (filter_compile(str_from(text), &program, &fault) != RC_OK)
        fail_msg("%s: %s at %s", text, fault.reason, fault.where);
    bool plain = filter_match(program, in, NULL);
    assert_int_equal(filter_match(program, in, &explanation), plain);
    assert_int_equal(json_is_true(json_object_get(explanation, "matches")), plain);
    json_decref(explanation);
    filter_program_free(program);
    return plain;
}

static void check_row(const struct row *row)
{
    struct filter_input in = { .body = str_from(row->body) };
    if (matches(row->filter, &in) != row->matches)
        fail_msg("%s on %s: %s", row->filter, row->body,
                 row->matches ? "should match" : "should not match");
}
#define CHECK_ROWS(rows) \
    do { \
        for (size_t i = 0; i < COUNT_OF(rows); i++) \
            check_row(&(rows)[i]); \
    } while (0)

static void the_empty_filter_matches_everything(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{}", "{\"a\":1}", true },
        { "{}", "no JSON", true },
        { " { } ", "", true },
    };
    CHECK_ROWS(rows);
}

static void all_members_of_an_object_must_hold(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{\"body\":{\"a\":1,\"b\":2}}", "{\"a\":1,\"b\":2}", true },
        { "{\"body\":{\"a\":1,\"b\":2}}", "{\"a\":1,\"b\":3}", false },
        { "{\"body\":{\"a\":{\"$gt\":1,\"$lt\":5}}}", "{\"a\":3}", true },
        { "{\"body\":{\"a\":{\"$gt\":1,\"$lt\":5}}}", "{\"a\":5}", false },
        { "{\"body\":{\"a\":{\"$exist\":true,\"b\":1}}}", "{\"a\":{\"b\":1}}", true },
        { "{\"body\":{\"a\":{\"$exist\":true,\"b\":1}}}", "{\"a\":{\"b\":2}}", false },
    };
    CHECK_ROWS(rows);
}

static void a_plain_value_stands_for_eq(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{\"body\":{\"a\":\"x\"}}", "{\"a\":\"x\"}", true },
        { "{\"body\":{\"a\":{\"$eq\":\"x\"}}}", "{\"a\":\"x\"}", true },
        { "{\"body\":{\"a\":\"x\"}}", "{\"a\":\"X\"}", false },
        { "{\"body\":{\"a\":null}}", "{\"a\":null}", true },
        { "{\"body\":{\"a\":null}}", "{\"a\":0}", false },
        { "{\"body\":{\"a\":null}}", "{}", false },
        { "{\"body\":{\"a\":true}}", "{\"a\":true}", true },
        { "{\"body\":{\"a\":true}}", "{\"a\":false}", false },
        { "{\"body\":7}", "7", true },
        { "{\"body\":\"t\"}", " \"t\" ", true },
    };
    CHECK_ROWS(rows);
}

static void types_are_never_converted(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{\"body\":{\"a\":5}}", "{\"a\":\"5\"}", false },
        { "{\"body\":{\"a\":\"5\"}}", "{\"a\":5}", false },
        { "{\"body\":{\"a\":1}}", "{\"a\":true}", false },
        { "{\"body\":{\"a\":false}}", "{\"a\":0}", false },
        { "{\"body\":{\"a\":false}}", "{\"a\":null}", false },
        { "{\"body\":{\"a\":{\"$gt\":5}}}", "{\"a\":\"6\"}", false },
        { "{\"body\":{\"a\":{\"$lt\":\"b\"}}}", "{\"a\":1}", false },
        { "{\"body\":{\"a\":{\"$startsWith\":\"1\"}}}", "{\"a\":12}", false },
        { "{\"body\":{\"a\":{\"$regex\":\"1\"}}}", "{\"a\":1}", false },
        { "{\"body\":{\"a\":{\"$neq\":5}}}", "{\"a\":\"5\"}", true },
        { "{\"body\":{\"a\":\"\"}}", "{\"a\":{}}", false },
        { "{\"body\":{\"a\":{\"$neq\":\"\"}}}", "{\"a\":{}}", true },
    };
    CHECK_ROWS(rows);
}

static void numbers_are_compared_exactly(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{\"body\":{\"a\":1}}", "{\"a\":1.0}", true },
        { "{\"body\":{\"a\":1}}", "{\"a\":10e-1}", true },
        { "{\"body\":{\"a\":0.1}}", "{\"a\":0.10}", true },
        { "{\"body\":{\"a\":0.1}}", "{\"a\":0.1000000000000000055511151231257827}", false },
        { "{\"body\":{\"a\":9007199254740993}}", "{\"a\":9007199254740992}", false },
        { "{\"body\":{\"a\":9007199254740993}}", "{\"a\":9007199254740993}", true },
        { "{\"body\":{\"a\":0}}", "{\"a\":-0.0e5}", true },
        { "{\"body\":{\"a\":{\"$gt\":9007199254740992}}}", "{\"a\":9007199254740993}", true },
        { "{\"body\":{\"a\":{\"$gt\":99999999999999999999999999999}}}", "{\"a\":1e29}", true },
        { "{\"body\":{\"a\":{\"$lt\":-1}}}", "{\"a\":-1.0000000000000000000001}", true },
        { "{\"body\":{\"a\":{\"$lt\":-1}}}", "{\"a\":-0.9}", false },
        { "{\"body\":{\"a\":{\"$lte\":0.05}}}", "{\"a\":5e-2}", true },
        { "{\"body\":{\"a\":{\"$gt\":0.05}}}", "{\"a\":0.5}", true },
        { "{\"body\":{\"a\":{\"$gt\":0}}}", "{\"a\":1e-400}", true },
        { "{\"body\":{\"a\":{\"$gt\":1e400}}}", "{\"a\":1E+401}", true },
        { "{\"body\":{\"a\":{\"$gte\":123}}}", "{\"a\":12.3e1}", true },
        { "{\"body\":{\"a\":{\"$gt\":123}}}", "{\"a\":12.3e1}", false },
        { "{\"body\":{\"a\":{\"$lt\":2}}}", "{\"a\":-5}", true },
        { "{\"body\":{\"a\":{\"$gt\":0}}}", "{\"a\":1e9999999999}", false },
        { "{\"body\":{\"a\":{\"$neq\":0}}}", "{\"a\":1e9999999999}", false },
    };
    CHECK_ROWS(rows);
}

static void strings_are_compared_by_their_bytes(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{\"body\":{\"a\":{\"$gt\":\"10\"}}}", "{\"a\":\"9\"}", true },
        { "{\"body\":{\"a\":{\"$lt\":\"a\"}}}", "{\"a\":\"B\"}", true },
        { "{\"body\":{\"a\":{\"$gt\":\"a\"}}}", "{\"a\":\"ab\"}", true },
        { "{\"body\":{\"a\":{\"$gte\":\"a\"}}}", "{\"a\":\"a\"}", true },
        { "{\"body\":{\"a\":\"\\u00e9\"}}", "{\"a\":\"\xc3\xa9\"}", true },
        { "{\"body\":{\"a\":\"e\\u0301\"}}", "{\"a\":\"\\u00e9\"}", false },
        { "{\"body\":{\"a\":\"x\"}}", "{\"\\u0061\":\"\\u0078\"}", true },
        { "{\"body\":{\"a\":{\"$startsWith\":\"ab\"}}}", "{\"a\":\"abc\"}", true },
        { "{\"body\":{\"a\":{\"$startsWith\":\"bc\"}}}", "{\"a\":\"abc\"}", false },
        { "{\"body\":{\"a\":{\"$endsWith\":\"bc\"}}}", "{\"a\":\"abc\"}", true },
        { "{\"body\":{\"a\":{\"$endsWith\":\"ab\"}}}", "{\"a\":\"abc\"}", false },
        { "{\"body\":{\"a\":{\"$contains\":\"b\"}}}", "{\"a\":\"abc\"}", true },
        { "{\"body\":{\"a\":{\"$contains\":\"B\"}}}", "{\"a\":\"abc\"}", false },
        { "{\"body\":{\"a\":{\"$contains\":\"\"}}}", "{\"a\":\"\"}", true },
    };
    CHECK_ROWS(rows);
}

static void lists_of_values_are_in_and_nin(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{\"body\":{\"a\":{\"$in\":[1,\"x\",null]}}}", "{\"a\":1.0}", true },
        { "{\"body\":{\"a\":{\"$in\":[1,\"x\",null]}}}", "{\"a\":\"x\"}", true },
        { "{\"body\":{\"a\":{\"$in\":[1,\"x\",null]}}}", "{\"a\":null}", true },
        { "{\"body\":{\"a\":{\"$in\":[1,\"x\",null]}}}", "{\"a\":\"1\"}", false },
        { "{\"body\":{\"a\":{\"$nin\":[1,2]}}}", "{\"a\":3}", true },
        { "{\"body\":{\"a\":{\"$nin\":[1,2]}}}", "{\"a\":2}", false },
        { "{\"body\":{\"a\":{\"$in\":[\"abc\"]}}}", "{\"a\":\"b\"}", false },
    };
    CHECK_ROWS(rows);
}

static void what_is_absent_never_matches_but_by_exist_false(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{\"body\":{\"a\":1}}", "{}", false },
        { "{\"body\":{\"a\":{\"$neq\":1}}}", "{}", false },
        { "{\"body\":{\"a\":{\"$neq\":1}}}", "{\"a\":2}", true },
        { "{\"body\":{\"a\":{\"$nin\":[1]}}}", "{}", false },
        { "{\"body\":{\"a\":{\"$not\":{\"$eq\":1}}}}", "{}", false },
        { "{\"$not\":{\"body\":{\"a\":1}}}", "{}", false },
        { "{\"$not\":{\"body\":{\"a\":1}}}", "{\"a\":2}", true },
        { "{\"$not\":{\"$not\":{\"body\":{\"a\":1}}}}", "{}", false },
        { "{\"body\":{\"a\":{\"$exist\":false}}}", "{}", true },
        { "{\"body\":{\"a\":{\"$exist\":true}}}", "{}", false },
        { "{\"body\":{\"a\":{\"$exist\":true}}}", "{\"a\":null}", true },
        { "{\"body\":{\"a\":{\"$exist\":false}}}", "{\"a\":null}", false },
        { "{\"body\":{\"a\":{\"$not\":{\"$exist\":true}}}}", "{}", true },
        { "{\"body\":{\"a\":{\"b\":{\"$exist\":false}}}}", "{\"a\":5}", true },
        { "{\"body\":{\"a\":{\"b\":{\"$neq\":1}}}}", "{\"a\":5}", false },
        { "{\"body\":{\"$or\":[{\"a\":1},{\"b\":2}]}}", "{\"b\":2}", true },
        { "{\"body\":{\"$not\":{\"$or\":[{\"a\":1},{\"b\":2}]}}}", "{\"b\":3}", false },
        { "{\"body\":{\"$not\":{\"$and\":[{\"a\":1},{\"b\":2}]}}}", "{\"b\":3}", true },
        { "{\"body\":{\"$or\":[{\"a\":{\"$exist\":false}},{\"a\":{\"$neq\":1}}]}}", "{}", true },
    };
    CHECK_ROWS(rows);
}

static void a_body_that_is_no_json_is_absent(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{\"body\":{\"a\":{\"$exist\":false}}}", "<xml/>", true },
        { "{\"body\":{\"$exist\":false}}", "<xml/>", true },
        { "{\"body\":{\"$exist\":true}}", "{\"a\":1,}", false },
        { "{\"body\":{\"a\":{\"$neq\":1}}}", "", false },
        { "{\"body\":{\"a\":1}}", "{\"a\":1,\"a\":1}", false },
        { "{\"body\":{\"a\":{\"$exist\":false}}}", "{\"a\":1,\"a\":2}", true },
        { "{\"body\":{\"b\":1}}", "{\"a\":1,\"a\":2,\"b\":1}", true },
    };
    CHECK_ROWS(rows);
}

static void paths_are_nested_dotted_or_pointers(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{\"body\":{\"a\":{\"b\":{\"c\":1}}}}", "{\"a\":{\"b\":{\"c\":1}}}", true },
        { "{\"body\":{\"a.b.c\":1}}", "{\"a\":{\"b\":{\"c\":1}}}", true },
        { "{\"body\":{\"a.b\":{\"c\":1}}}", "{\"a\":{\"b\":{\"c\":1}}}", true },
        { "{\"body\":{\"/a/b/c\":1}}", "{\"a\":{\"b\":{\"c\":1}}}", true },
        { "{\"body\":{\"a.b\":1}}", "{\"a.b\":1}", false },
        { "{\"body\":{\"/a.b\":1}}", "{\"a.b\":1}", true },
        { "{\"body\":{\"/a~1b~0c\":1}}", "{\"a/b~c\":1}", true },
        { "{\"body\":{\"/$x\":1}}", "{\"$x\":1}", true },
        { "{\"body\":{\"/\":1}}", "{\"\":1}", true },
        { "{\"body\":{\"/a/\":1}}", "{\"a\":{\"\":1}}", true },
        { "{\"body\":{\"a.b\":1,\"a\":{\"c\":2}}}", "{\"a\":{\"b\":1,\"c\":2}}", true },
        { "{\"body\":{\"a.0\":1}}", "{\"a\":[1,2]}", true },
        { "{\"body\":{\"a.1\":1}}", "{\"a\":[1,2]}", false },
        { "{\"body\":{\"a.2\":{\"$exist\":false}}}", "{\"a\":[1,2]}", true },
        { "{\"body\":{\"/a/0/b\":1}}", "{\"a\":[{\"b\":1}]}", true },
        { "{\"body\":{\"a.0\":1}}", "{\"a\":{\"0\":1}}", true },
        { "{\"body\":{\"a.01\":1}}", "{\"a\":[0,1]}", false },
        { "{\"body\":{\"0\":1}}", "[1]", true },
    };
    CHECK_ROWS(rows);
}

static void any_element_of_a_list_will_do(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{\"body\":{\"a\":1}}", "{\"a\":[3,1]}", true },
        { "{\"body\":{\"a\":1}}", "{\"a\":[\"1\"]}", false },
        { "{\"body\":{\"a\":true}}", "{\"a\":[false,true]}", true },
        { "{\"body\":{\"a\":false}}", "{\"a\":[true]}", false },
        { "{\"body\":{\"a\":1}}", "{\"a\":[[2],[1]]}", true },
        { "{\"body\":{\"a\":1}}", "{\"a\":[]}", false },
        { "{\"body\":{\"a\":{\"$neq\":1}}}", "{\"a\":[]}", true },
        { "{\"body\":{\"a\":{\"$neq\":1}}}", "{\"a\":[1,2]}", false },
        { "{\"body\":{\"a\":{\"$neq\":1}}}", "{\"a\":[2,3]}", true },
        { "{\"body\":{\"a\":{\"$nin\":[1,2]}}}", "{\"a\":[3,2]}", false },
        { "{\"body\":{\"a\":{\"$gt\":5}}}", "{\"a\":[1,9]}", true },
        { "{\"body\":{\"a\":{\"$gt\":5,\"$lt\":3}}}", "{\"a\":[1,9]}", true },
        { "{\"body\":{\"a\":{\"$exist\":true}}}", "{\"a\":[]}", true },
        { "{\"body\":{\"a\":{\"b\":1,\"c\":2}}}", "{\"a\":[{\"b\":1,\"c\":1},{\"b\":1,\"c\":2}]}",
          true },
        { "{\"body\":{\"a\":{\"b\":1,\"c\":2}}}", "{\"a\":[{\"b\":1,\"c\":1},{\"b\":2,\"c\":2}]}",
          false },
        { "{\"body\":{\"a.b\":1,\"a.c\":2}}", "{\"a\":[{\"b\":1},{\"c\":2}]}", false },
        { "{\"body\":{\"$and\":[{\"a.b\":1},{\"a.c\":2}]}}", "{\"a\":[{\"b\":1},{\"c\":2}]}",
          true },
        { "{\"body\":{\"a\":{\"b\":1}}}", "{\"a\":[[{\"b\":1}]]}", true },
        { "{\"body\":{\"a\":{\"b\":{\"$exist\":false}}}}", "{\"a\":[]}", true },
        { "{\"body\":{\"a\":{\"b\":{\"$exist\":false}}}}", "{\"a\":[{\"b\":1},{}]}", true },
        { "{\"body\":{\"a\":{\"0\":1,\"b\":2}}}", "{\"a\":[1,{\"b\":2}]}", true },
        { "{\"body\":{\"a\":{\"0\":2,\"b\":2}}}", "{\"a\":[1,{\"b\":2}]}", false },
        { "{\"body\":{\"b\":2}}", "[{\"b\":1},{\"b\":2}]", true },
    };
    CHECK_ROWS(rows);
}

static void and_or_and_not_nest_at_every_level(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{\"$or\":[{\"body\":{\"a\":1}},{\"body\":{\"b\":1}}]}", "{\"b\":1}", true },
        { "{\"$or\":[{\"body\":{\"a\":1}},{\"body\":{\"b\":1}}]}", "{\"b\":2}", false },
        { "{\"$and\":[{\"body\":{\"a\":1}},{\"$not\":{\"body\":{\"b\":1}}}]}", "{\"a\":1,\"b\":2}",
          true },
        { "{\"body\":{\"a\":{\"$or\":[{\"$lt\":1},{\"$gt\":9}]}}}", "{\"a\":10}", true },
        { "{\"body\":{\"a\":{\"$or\":[{\"$lt\":1},{\"$gt\":9}]}}}", "{\"a\":5}", false },
        { "{\"body\":{\"a\":{\"$and\":[{\"$gt\":1},{\"$not\":{\"$gt\":9}}]}}}", "{\"a\":5}", true },
        { "{\"body\":{\"a\":{\"$not\":{\"$gt\":9}}}}", "{\"a\":\"text\"}", true },
        { "{\"body\":{\"a\":{\"$or\":[{\"b\":1},{\"c\":1}]}}}", "{\"a\":{\"c\":1}}", true },
    };
    CHECK_ROWS(rows);
}

static void regular_expressions_search_anywhere_unless_anchored(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{\"body\":{\"a\":{\"$regex\":\"b+\"}}}", "{\"a\":\"abbc\"}", true },
        { "{\"body\":{\"a\":{\"$regex\":\"^b\"}}}", "{\"a\":\"abbc\"}", false },
        { "{\"body\":{\"a\":{\"$regex\":\"^a.*c$\"}}}", "{\"a\":\"abbc\"}", true },
        { "{\"body\":{\"a\":{\"$regex\":\"(?i)ABB\"}}}", "{\"a\":\"abbc\"}", true },
        { "{\"body\":{\"a\":{\"$regex\":\"^.$\"}}}", "{\"a\":\"\xc3\xa9\"}", true },
        { "{\"body\":{\"a\":{\"$regex\":\"^b$\"}}}", "{\"a\":\"a\\nb\\nc\"}", false },
        { "{\"body\":{\"a\":{\"$regex\":\"(?m)^b$\"}}}", "{\"a\":\"a\\nb\\nc\"}", true },
        { "{\"body\":{\"a\":{\"$regex\":\"\"}}}", "{\"a\":\"\"}", true },
        { "{\"body\":{\"a\":{\"$regex\":\"^(?=.*x)(?=.*y)\"}}}", "{\"a\":[\"x\",\"y x\"]}", true },
    };
    CHECK_ROWS(rows);
}

static char *repeated(char c, size_t count)
{
    char *text = xmalloc(count + 1);
    memset(text, c, count);
    text[count] = '\0';
    return text;
}

static bool matches_text(const char *pattern, const char *subject, int64_t *took_us)
{
    struct buf filter, body;
    buf_init(&filter, 4096);
    buf_init(&body, 1 << 20);
    buf_say(&filter, "{\"body\":{\"a\":%s}}", pattern);
    buf_say(&body, "{\"a\":\"%s\"}", subject);
    struct filter_program *program = NULL;
    assert_int_equal(filter_compile(buf_str(&filter), &program, NULL), RC_OK);
    int64_t before = clock_mono_us(clock_system());
    bool found = filter_match(program, &(struct filter_input){ .body = buf_str(&body) }, NULL);
    *took_us = clock_mono_us(clock_system()) - before;
    filter_program_free(program);
    buf_fini(&filter);
    buf_fini(&body);
    return found;
}

static void no_pattern_blows_up(void **state)
{
    (void)state;
    static const char *const patterns[] = { "(a+)+$",           "(a|aa)+$",           "^(a|a?)+$",
                                            "(a*)*b",           "(.*)(.*)(.*)(.*)x$", "(?>a*)b",
                                            "(?=(a+))a*b\\\\1", "^(?:(?R)|a)*b",      "(x+x+)+y" };
    char *subject = repeated('a', FILTER_SUBJECT_MAX - 1);
    subject[FILTER_SUBJECT_MAX - 2] = '!';
    for (size_t i = 0; i < COUNT_OF(patterns); i++) {
        char text[96];
        int64_t took_us = 0;
        (void)snprintf(text, sizeof(text), "{\"$regex\":\"%s\"}", patterns[i]);
        assert_false(matches_text(text, subject, &took_us));
        assert_true(took_us <
                    2000000); /* milliseconds as a rule; sanitizers and a busy machine have room */
        (void)snprintf(text, sizeof(text), "{\"$not\":{\"$regex\":\"(a+)+$\"}}");
        assert_false(matches_text(text, subject, &took_us)); /* undecided is not "no" */
    }
    xfree(subject);
}

static void long_texts_are_not_searched(void **state)
{
    (void)state;
    int64_t took_us = 0;
    char *subject = repeated('a', FILTER_SUBJECT_MAX + 1);
    assert_false(matches_text("{\"$regex\":\"a\"}", subject, &took_us));
    assert_false(matches_text("{\"$not\":{\"$regex\":\"b\"}}", subject, &took_us));
    assert_true(matches_text("{\"$contains\":\"a\"}", subject, &took_us));
    subject[FILTER_SUBJECT_MAX] = '\0';
    assert_true(matches_text("{\"$regex\":\"a\"}", subject, &took_us));
    xfree(subject);
}

static void work_is_bounded_whatever_is_asked(void **state)
{
    (void)state;
    struct buf filter, body;
    buf_init(&filter, FILTER_TEXT_MAX);
    buf_init(&body, 4 << 20);
    buf_say(&filter, "{\"body\":{\"$or\":[{\"a\":{\"x\":0}}");
    for (int i = 1; i < 120; i++)
        buf_say(&filter, ",{\"a\":{\"x\":%d}}", i);
    buf_say(&filter, "]}}");
    buf_say(&body, "{\"a\":[{\"x\":-1}");
    for (int i = 0; i < 100000; i++)
        buf_say(&body, ",{\"x\":-1}");
    buf_say(&body, "]}");
    struct filter_program *program = NULL;
    json_t *explanation = NULL;
    assert_int_equal(filter_compile(buf_str(&filter), &program, NULL), RC_OK);
    int64_t before = clock_mono_us(clock_system());
    assert_false(filter_match(program, &(struct filter_input){ .body = buf_str(&body) }, NULL));
    assert_true(clock_mono_us(clock_system()) - before < 3000000);
    assert_false(
        filter_match(program, &(struct filter_input){ .body = buf_str(&body) }, &explanation));
    assert_true(json_is_true(json_object_get(explanation, "exhausted")));
    json_decref(explanation);
    filter_program_free(program);
    buf_fini(&filter);
    buf_fini(&body);
}

static const struct filter_pair headers[] = {
    { { "X-Kind", 6 }, { "order", 5 } },
    { { "x-list", 6 }, { "one", 3 } },
    { { "X-LIST", 6 }, { "two", 3 } },
};
static const struct filter_pair query[] = {
    { { "n", 1 }, { "10", 2 } },
    { { "a.b", 3 }, { "x", 1 } },
};

static void headers_query_path_method_and_type_are_texts(void **state)
{
    (void)state;
    const struct filter_input in = { .headers = headers,
                                     .header_count = COUNT_OF(headers),
                                     .query = query,
                                     .query_count = COUNT_OF(query),
                                     .path = STR("/hooks/github"),
                                     .event_type = STR("push") };
    const struct {
        const char *filter;
        bool matches;
    } rows[] = {
        { "{\"headers\":{\"x-kind\":\"order\"}}", true },
        { "{\"headers\":{\"X-KIND\":{\"$startsWith\":\"or\"}}}", true },
        { "{\"headers\":{\"x-kind\":\"Order\"}}", false },
        { "{\"headers\":{\"x-list\":\"two\"}}", true },
        { "{\"headers\":{\"x-list\":{\"$nin\":[\"two\"]}}}", false },
        { "{\"headers\":{\"x-none\":{\"$neq\":\"a\"}}}", false },
        { "{\"headers\":{\"x-none\":{\"$exist\":false}}}", true },
        { "{\"headers\":{\"$or\":[{\"x-none\":\"a\"},{\"x-kind\":\"order\"}]}}", true },
        { "{\"query\":{\"n\":\"10\"}}", true },
        { "{\"query\":{\"n\":10}}", false },
        { "{\"query\":{\"N\":\"10\"}}", false },
        { "{\"query\":{\"a.b\":\"x\"}}", true },
        { "{\"path\":{\"$endsWith\":\"/github\"}}", true },
        { "{\"path\":\"/hooks\"}", false },
        { "{\"eventType\":{\"$in\":[\"push\",\"ping\"]}}", true },
        { "{\"method\":\"POST\"}", false },
        { "{\"method\":{\"$exist\":false}}", true },
        { "{\"headers\":{\"x-kind\":\"order\"},\"body\":{\"a\":1}}", false },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (matches(rows[i].filter, &in) != rows[i].matches)
            fail_msg("%s: %s", rows[i].filter,
                     rows[i].matches ? "should match" : "should not match");
}

static void texts_of_any_bytes_are_judged_or_left(void **state)
{
    (void)state;
    static const struct filter_pair odd[] = { { { "h", 1 }, { "\xff\0z", 3 } } };
    const struct filter_input in = { .headers = odd, .header_count = 1 };
    assert_true(matches("{\"headers\":{\"h\":{\"$endsWith\":\"z\"}}}", &in));
    assert_false(matches("{\"headers\":{\"h\":{\"$regex\":\"z\"}}}", &in));
    assert_false(matches("{\"headers\":{\"h\":{\"$not\":{\"$regex\":\"z\"}}}}", &in));
}

static void an_explanation_names_every_condition(void **state)
{
    (void)state;
    struct filter_program *program = NULL;
    struct arena a;
    json_t *explanation = NULL;
    arena_init(&a);
    assert_int_equal(
        filter_compile(
            STR("{\"body\":{\"a.b\":{\"$gt\":5},\"c\":{\"$or\":[{\"$eq\":1},{\"$exist\":false}]}}}"),
            &program, NULL),
        RC_OK);
    assert_false(filter_match(program, &(struct filter_input){ .body = STR("{\"a\":[{\"b\":1}]}") },
                              &explanation));
    struct str text = json_text(&a, explanation);
    const char *expected =
        "{\"matches\":false,\"result\":\"false\",\"exhausted\":false,\"conditions\":["
        "{\"path\":\"/body/a/0/b\",\"operator\":\"$gt\",\"operand\":5,\"value\":1,\"result\":\"false\"},"
        "{\"path\":\"/body/c\",\"operator\":\"$or\",\"of\":["
        "{\"path\":\"/body/c\",\"operator\":\"$eq\",\"operand\":1,\"result\":\"unknown\"},"
        "{\"path\":\"/body/c\",\"operator\":\"$exist\",\"operand\":false,\"result\":\"true\"}],\"result\":\"true\"}]}";
    assert_string_equal(text.ptr, expected);
    json_decref(explanation);
    filter_program_free(program);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_empty_filter_matches_everything),
        cmocka_unit_test(all_members_of_an_object_must_hold),
        cmocka_unit_test(a_plain_value_stands_for_eq),
        cmocka_unit_test(types_are_never_converted),
        cmocka_unit_test(numbers_are_compared_exactly),
        cmocka_unit_test(strings_are_compared_by_their_bytes),
        cmocka_unit_test(lists_of_values_are_in_and_nin),
        cmocka_unit_test(what_is_absent_never_matches_but_by_exist_false),
        cmocka_unit_test(a_body_that_is_no_json_is_absent),
        cmocka_unit_test(paths_are_nested_dotted_or_pointers),
        cmocka_unit_test(any_element_of_a_list_will_do),
        cmocka_unit_test(and_or_and_not_nest_at_every_level),
        cmocka_unit_test(regular_expressions_search_anywhere_unless_anchored),
        cmocka_unit_test(no_pattern_blows_up),
        cmocka_unit_test(long_texts_are_not_searched),
        cmocka_unit_test(work_is_bounded_whatever_is_asked),
        cmocka_unit_test(headers_query_path_method_and_type_are_texts),
        cmocka_unit_test(texts_of_any_bytes_are_judged_or_left),
        cmocka_unit_test(an_explanation_names_every_condition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
