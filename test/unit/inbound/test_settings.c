/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "inbound/settings.h"

#include "filter/language.h"

struct read {
    struct arena arena;
    struct inbound_settings settings;
    struct buf why;
    enum rc rc;
};

static struct read read_text(const char *text)
{
    struct read r = { .rc = RC_OK };
    arena_init(&r.arena);
    buf_init(&r.why, 400);
    r.rc = inbound_settings_read(&r.arena, str_from(text), &r.settings, &r.why);
    return r;
}

static void end(struct read *r)
{
    buf_fini(&r->why);
    arena_fini(&r->arena);
}

static void nothing_said_means_the_documented_defaults(void **state)
{
    (void)state;
    struct read r = read_text("{}");
    assert_int_equal(r.rc, RC_OK);
    assert_true(r.settings.dedupe_by_id);
    assert_int_equal(r.settings.dedupe_by_body, INBOUND_BODY_NEVER);
    assert_int_equal(r.settings.identity.len, 0);
    assert_true(r.settings.forward_headers);
    assert_false(r.settings.has_window);
    assert_int_equal(r.settings.accept.status, 0);
    assert_true(str_eq(r.settings.event_type, STR("webhook")));
    assert_int_equal(r.settings.route_count, 0);
    end(&r);
}

static void every_member_is_read(void **state)
{
    (void)state;
    struct read r = read_text(
        "{\"window\":{\"pastSeconds\":10,\"futureSeconds\":20},"
        "\"accept\":{\"status\":202,\"contentType\":\"text/x\",\"body\":\"ok\"},\"reject\":{\"status\":403},"
        "\"batches\":\"whole\",\"dedupe\":{\"id\":false,\"body\":\"always\"},\"eventType\":\"a.b\",\"forwardHeaders\":false,"
        "\"maxBodyBytes\":77,\"publicUrl\":\"https://x.example\",\"routes\":[{\"eventTypes\":[\"a.*\",\"b\"],"
        "\"filter\":{\"body\":{\"n\":{\"$gt\":1}}},\"transform\":\".n\",\"applications\":[\"one\",\"two\"]}]}");
    const struct inbound_settings *s = &r.settings;
    assert_int_equal(r.rc, RC_OK);
    assert_true(s->has_window);
    assert_int_equal(s->window_past_s, 10);
    assert_int_equal(s->window_future_s, 20);
    assert_int_equal(s->accept.status, 202);
    assert_true(str_eq(s->accept.content_type, STR("text/x")));
    assert_true(str_eq(s->accept.body, STR("ok")));
    assert_int_equal(s->reject.status, 403);
    assert_false(s->dedupe_by_id);
    assert_int_equal(s->batches, INBOUND_BATCHES_WHOLE);
    assert_int_equal(s->dedupe_by_body, INBOUND_BODY_ALWAYS);
    assert_true(str_eq(s->event_type, STR("a.b")));
    assert_false(s->forward_headers);
    assert_int_equal(s->body_max, 77);
    assert_true(str_eq(s->public_url, STR("https://x.example")));
    assert_int_equal(s->route_count, 1);
    assert_int_equal(s->routes[0].event_type_count, 2);
    assert_int_equal(s->routes[0].app_count, 2);
    assert_non_null(s->routes[0].filter);
    assert_true(str_eq(s->routes[0].transform, STR(".n")));
    end(&r);
}

static void numbers_of_a_filter_stay_as_they_are_written(void **state)
{
    static const char text[] =
        "{\"routes\":[{\"applications\":[\"a\"]},{\"filter\":{\"body\":{\"n\":0.1}},"
        "\"applications\":[\"a\"]}]}";
    struct filter_input same = { .body = STR("{\"n\":0.1}") };
    struct filter_input next = { .body = STR("{\"n\":0.10000000000000001}") };
    (void)state;
    struct read r = read_text(text);
    assert_int_equal(r.rc, RC_OK);
    assert_true(filter_match(r.settings.routes[1].filter, &same, NULL));
    assert_false(filter_match(r.settings.routes[1].filter, &next, NULL));
    end(&r);
}

static void null_counts_as_absent(void **state)
{
    (void)state;
    struct read r =
        read_text("{\"window\":null,\"accept\":null,\"routes\":null,\"eventType\":null}");
    assert_int_equal(r.rc, RC_OK);
    assert_false(r.settings.has_window);
    assert_true(str_eq(r.settings.event_type, STR("webhook")));
    end(&r);
}

static void a_source_says_which_events_are_the_same(void **state)
{
    static const struct {
        const char *text;
        bool by_id;
        enum inbound_body_dedupe by_body;
        const char *identity;
    } rows[] = {
        { "{\"deduplicate\":\"preset\"}", true, INBOUND_BODY_NEVER, "" },
        { "{\"deduplicate\":\"off\"}", false, INBOUND_BODY_NEVER, "" },
        { "{\"deduplicate\":\"body\"}", true, INBOUND_BODY_ALWAYS, "" },
        { "{\"deduplicate\":[\"header X-Id\"]}", true, INBOUND_BODY_NEVER, "header X-Id" },
        { "{\"deduplicate\":[\"header X-Id\",\"json /a/b\"]}", true, INBOUND_BODY_NEVER,
          "header X-Id + json /a/b" },
        { "{\"dedupe\":{\"id\":false}}", false, INBOUND_BODY_NEVER, "" },
        { "{\"dedupe\":{\"body\":\"unsigned\"}}", true, INBOUND_BODY_UNSIGNED, "" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct read r = read_text(rows[i].text);
        assert_int_equal(r.rc, RC_OK);
        assert_int_equal(r.settings.dedupe_by_id, rows[i].by_id);
        assert_int_equal(r.settings.dedupe_by_body, rows[i].by_body);
        assert_true(str_eq(r.settings.identity, str_from(rows[i].identity)));
        end(&r);
    }
}

static void what_is_wrong_is_told_with_its_place(void **state)
{
    static const struct {
        const char *text, *place;
    } rows[] = {
        { "[]", "Expected an object" },
        { "{\"window\":", "Not JSON" },
        { "{\"batches\":\"maybe\"}", "batches" },
        { "{\"nonsense\":1}", "nonsense" },
        { "{\"window\":{\"pastSeconds\":-1}}", "window" },
        { "{\"window\":{\"past\":1}}", "past" },
        { "{\"accept\":{\"status\":99}}", "accept" },
        { "{\"accept\":{\"status\":\"200\"}}", "accept" },
        { "{\"accept\":{\"contentType\":\"a\\r\\nb\"}}", "accept" },
        { "{\"dedupe\":{\"body\":\"maybe\"}}", "dedupe.body" },
        { "{\"deduplicate\":\"maybe\"}", "deduplicate" },
        { "{\"deduplicate\":[]}", "deduplicate" },
        { "{\"deduplicate\":[1]}", "deduplicate" },
        { "{\"deduplicate\":[\"X-Id\"]}", "deduplicate" },
        { "{\"deduplicate\":[\"body\"]}", "deduplicate" },
        { "{\"deduplicate\":[\"json /1\",\"json /2\",\"json /3\",\"json /4\",\"json /5\",\"json "
          "/6\",\"json /7\",\"json /8\",\"json /9\"]}",
          "deduplicate" },
        { "{\"eventType\":\"a b\"}", "eventType" },
        { "{\"forwardHeaders\":1}", "forwardHeaders" },
        { "{\"maxBodyBytes\":0}", "maxBodyBytes" },
        { "{\"publicUrl\":\"ftp://x\"}", "publicUrl" },
        { "{\"routes\":{}}", "routes" },
        { "{\"routes\":[{}]}", "routes.0.applications" },
        { "{\"routes\":[{\"applications\":[\"a\"]},{\"applications\":[\"a b\"]}]}", "routes.1" },
        { "{\"routes\":[{\"applications\":[\"a\"],\"filter\":{\"body\":{\"$no\":1}}}]}",
          "routes.0.filter" },
        { "{\"routes\":[{\"applications\":[\"a\"],\"eventTypes\":[\"*\"]}]}", "routes.0" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct read r = read_text(rows[i].text);
        if (r.rc != RC_INVALID || strstr(r.why.ptr, rows[i].place) == NULL)
            fail_msg("%s: %s", rows[i].text, r.why.ptr == NULL ? "accepted" : r.why.ptr);
        end(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_said_means_the_documented_defaults),
        cmocka_unit_test(every_member_is_read),
        cmocka_unit_test(numbers_of_a_filter_stay_as_they_are_written),
        cmocka_unit_test(null_counts_as_absent),
        cmocka_unit_test(a_source_says_which_events_are_the_same),
        cmocka_unit_test(what_is_wrong_is_told_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
