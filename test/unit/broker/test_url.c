/* SPDX-License-Identifier: Apache-2.0
 *
 * URLs of brokers.
 */
#include "broker/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void is_text(struct str s, const char *expected)
{
    assert_int_equal(s.len, strlen(expected));
    assert_memory_equal(s.ptr, expected, s.len);
}

static void the_parts_are_decoded_and_the_shown_url_has_no_credentials(void **state)
{
    (void)state;
    struct arena a;
    struct broker_url url;
    arena_init(&a);
    assert_int_equal(
        broker_url_parse(STR("amqps://us%40er:p%3Aw%2Fd@mq.example.com:5999/my%2Fhost"), &a, &url,
                         NULL),
        RC_OK);
    assert_true(url.tls && url.has_credentials);
    is_text(url.user, "us@er");
    is_text(url.password, "p:w/d");
    is_text(url.host, "mq.example.com");
    assert_int_equal(url.port, 5999);
    is_text(url.vhost, "my/host");
    is_text(url.shown, "amqps://mq.example.com:5999/my%2Fhost");
    arena_fini(&a);
}

static void what_is_left_out_has_its_usual_value(void **state)
{
    (void)state;
    struct arena a;
    struct broker_url url;
    arena_init(&a);
    assert_int_equal(broker_url_parse(STR("amqp://mq"), &a, &url, NULL), RC_OK);
    assert_false(url.tls || url.has_credentials);
    is_text(url.user, "guest");
    is_text(url.password, "guest");
    assert_int_equal(url.port, 5672);
    is_text(url.vhost, "/");
    is_text(url.shown, "amqp://mq");
    assert_int_equal(broker_url_parse(STR("amqps://mq/"), &a, &url, NULL), RC_OK);
    assert_int_equal(url.port, 5671);
    is_text(url.vhost, "/");
    arena_fini(&a);
}

static void what_is_no_broker_url_is_refused_with_words(void **state)
{
    (void)state;
    static const char *const wrong[] = { "http://mq/",    "amqp://",
                                         "amqp://mq/a/b", "amqp://mq/a?heartbeat=1",
                                         "amqp://mq/%",   "amqp://mq:0/",
                                         "amqp://mq/%00", "amqp://us%zzer@mq/",
                                         "amqp:mq",       "amqp://m q/" };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct arena a;
        struct broker_url url;
        struct buf why;
        arena_init(&a);
        buf_init(&why, 256);
        assert_int_equal(broker_url_parse(str_from(wrong[i]), &a, &url, &why), RC_INVALID);
        assert_true(why.len > 0);
        buf_fini(&why);
        arena_fini(&a);
    }
}

static void a_zero_byte_does_not_end_a_url(void **state)
{
    (void)state;
    struct arena a;
    struct broker_url url;
    arena_init(&a);
    assert_int_equal(broker_url_parse(STR("amqp://mq\0.example.com/"), &a, &url, NULL), RC_INVALID);
    assert_int_equal(broker_url_parse(STR("amqp://mq/\0"), &a, &url, NULL), RC_INVALID);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parts_are_decoded_and_the_shown_url_has_no_credentials),
        cmocka_unit_test(what_is_left_out_has_its_usual_value),
        cmocka_unit_test(what_is_no_broker_url_is_refused_with_words),
        cmocka_unit_test(a_zero_byte_does_not_end_a_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
