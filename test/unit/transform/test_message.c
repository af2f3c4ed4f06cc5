/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "transform/message.h"

static const struct filter_pair headers[] = { { { "X-Kind", 6 }, { "a \"b\"", 5 } },
                                              { { "x-kind", 6 }, { "later", 5 } },
                                              { { "Y", 1 }, { "2", 1 } } };
static const struct filter_pair query[] = { { { "Q", 1 }, { "1", 1 } },
                                            { { "q", 1 }, { "2", 1 } } };

static void the_document_holds_all_there_is_to_know(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    const struct transform_message m = { .id = STR("msg_1"),
                                         .event_type = STR("a.b"),
                                         .timestamp = STR("2026-01-02T03:04:05Z"),
                                         .channels = STR("[\"c\"]"),
                                         .method = STR("POST"),
                                         .path = STR("/in"),
                                         .body = STR(" {\"n\": 1.50} "),
                                         .headers = headers,
                                         .header_count = COUNT_OF(headers),
                                         .query = query,
                                         .query_count = COUNT_OF(query) };
    assert_int_equal(transform_message_write(&m, &out), RC_OK);
    assert_string_equal(
        out.ptr,
        "{\"body\": {\"n\": 1.50} ,\"headers\":{\"x-kind\":\"a \\\"b\\\"\",\"y\":\"2\"},\"query\":{\"Q\":\"1\",\"q\":\"2\"},"
        "\"id\":\"msg_1\",\"eventType\":\"a.b\",\"timestamp\":\"2026-01-02T03:04:05Z\",\"channels\":[\"c\"],"
        "\"method\":\"POST\",\"path\":\"/in\"}");
    buf_fini(&out);
}

static void a_body_that_is_no_json_is_a_string_or_null(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    assert_int_equal(
        transform_message_write(&(struct transform_message){ .body = STR("a=1&b=\"2\"") }, &out),
        RC_OK);
    assert_string_equal(
        out.ptr,
        "{\"body\":\"a=1&b=\\\"2\\\"\",\"headers\":{},\"query\":{},\"id\":null,\"eventType\":null,\"timestamp\":null,"
        "\"channels\":null,\"method\":null,\"path\":null}");
    buf_reset(&out);
    assert_int_equal(
        transform_message_write(&(struct transform_message){ .body = STR("\xff") }, &out), RC_OK);
    assert_memory_equal(out.ptr, "{\"body\":null,", 13);
    buf_fini(&out);
    buf_init(&out, 20);
    assert_int_equal(transform_message_write(&(struct transform_message){ .body = STR("1") }, &out),
                     RC_LIMIT);
    buf_fini(&out);
}

static void results_are_bodies_or_instructions(void **state)
{
    (void)state;
    const struct {
        const char *text;
        enum rc rc;
        const char *body; /* NULL: unchanged */
        bool cancel;
        size_t header_count;
        const char *why;
    } rows[] = {
        { "{\"a\":1}", RC_OK, "{\"a\":1}", false, 0, NULL },
        { "[1]", RC_OK, "[1]", false, 0, NULL },
        { "null", RC_OK, "null", false, 0, NULL },
        { "{}", RC_OK, "{}", false, 0, NULL },
        { "{\"a\":1,\"$body\":2}", RC_OK, "{\"a\":1,\"$body\":2}", false, 0, NULL },
        { "{\"$body\":2,\"a\":1}", RC_OK, "{\"$body\":2,\"a\":1}", false, 0, NULL },
        { "{\"$body\":{\"$x\":1}}", RC_OK, "{\"$x\":1}", false, 0, NULL },
        { "{\"$cancel\":true}", RC_OK, NULL, true, 0, NULL },
        { "{\"$cancel\":false}", RC_OK, NULL, false, 0, NULL },
        { "{\"$headers\":{\"X-A\":\"1\",\"x-b\":\"\\u00e9\"}}", RC_OK, NULL, false, 2, NULL },
        { "{\"$headers\":{},\"$body\":[]}", RC_OK, "[]", false, 0, NULL },
        { "{\"$bodi\":1}", RC_INVALID, NULL, false, 0,
          "may have $body, $headers and $cancel only" },
        { "{\"$cancel\":1}", RC_INVALID, NULL, false, 0, "$cancel takes true or false" },
        { "{\"$headers\":[]}", RC_INVALID, NULL, false, 0, "$headers takes an object" },
        { "{\"$headers\":{\"a\":1}}", RC_INVALID, NULL, false, 0, "'a' is no header" },
        { "{\"$headers\":{\"a b\":\"1\"}}", RC_INVALID, NULL, false, 0, "'a b' is no header" },
        { "{\"$headers\":{\"\":\"1\"}}", RC_INVALID, NULL, false, 0, "'' is no header" },
        { "{\"$headers\":{\"a\":\"1\\r\\nb: 2\"}}", RC_INVALID, NULL, false, 0,
          "'a' is no header" },
        { "{", RC_INVALID, NULL, false, 0, "the result is no JSON" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct transform_message_result r;
        struct arena a;
        struct buf why;
        arena_init(&a);
        buf_init(&why, 200);
        enum rc rc = transform_message_read(str_from(rows[i].text), &a, &r, &why);
        if (rc != rows[i].rc)
            fail_msg("%s: %s", rows[i].text, rc_name(rc));
        if (rc == RC_OK) {
            assert_int_equal(r.cancel, rows[i].cancel);
            assert_int_equal(r.header_count, rows[i].header_count);
            assert_int_equal(r.body.ptr == NULL, rows[i].body == NULL);
            assert_true(str_eq(r.body, str_from(rows[i].body)));
        } else {
            assert_non_null(strstr(why.ptr, rows[i].why));
        }
        buf_fini(&why);
        arena_fini(&a);
    }
}

static void at_most_64_headers_are_set(void **state)
{
    (void)state;
    struct transform_message_result r;
    struct arena a;
    struct buf text;
    arena_init(&a);
    buf_init(&text, 4096);
    buf_say(&text, "{\"$headers\":{\"h0\":\"\"");
    for (int i = 1; i < TRANSFORM_RESULT_HEADERS_MAX; i++)
        buf_say(&text, ",\"h%d\":\"\"", i);
    size_t len = text.len;
    buf_say(&text, "}}");
    assert_int_equal(transform_message_read(buf_str(&text), &a, &r, NULL), RC_OK);
    assert_int_equal(r.header_count, TRANSFORM_RESULT_HEADERS_MAX);
    buf_cut(&text, len);
    buf_say(&text, ",\"more\":\"\"}}");
    assert_int_equal(transform_message_read(buf_str(&text), &a, &r, NULL), RC_LIMIT);
    buf_fini(&text);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_document_holds_all_there_is_to_know),
        cmocka_unit_test(a_body_that_is_no_json_is_a_string_or_null),
        cmocka_unit_test(results_are_bodies_or_instructions),
        cmocka_unit_test(at_most_64_headers_are_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
