/* SPDX-License-Identifier: Apache-2.0
 *
 * What is said of issues, the rules for alerts, and the watch, called without a socket.
 */
#include "caller.h"

#include "api/kit/ctx.h"
#include "api/resource/issue_priv.h"
#include "store/request.h"

#define ISSUES "/api/v1/issue"
#define RULES "/api/v1/alert-rule"

/* As the server does it when an endpoint keeps failing. */
static void set_disabled(struct caller *c, const char *endpoint, bool disabled)
{
    struct store_tx *tx = NULL;
    struct store_application app;
    struct store_endpoint ep;
    assert_int_equal(store_write(c->store, &tx), RC_OK);
    assert_int_equal(store_application_find(tx, c->org, STR("app"), &c->arena, &app), RC_OK);
    assert_int_equal(store_endpoint_find(tx, app.num, str_from(endpoint), &c->arena, &ep), RC_OK);
    ep.disabled = disabled;
    ep.disabled_reason = disabled ? STR("failing") : STR("");
    assert_int_equal(store_endpoint_update(tx, &ep), RC_OK);
    assert_int_equal(store_commit(tx), RC_OK);
}

static void break_two(struct caller *c)
{
    make_app(c, "app");
    make_endpoint(c, "app", "{\"url\":\"http://a.test/\",\"uid\":\"a\"}");
    make_endpoint(c, "app", "{\"url\":\"http://b.test/\",\"uid\":\"b\"}");
    set_disabled(c, "a", true);
    set_disabled(c, "b", true);
}

static void look(struct caller *c)
{
    assert_int_equal(api_watch_look(c->api, c->org), RC_OK);
}

static struct answer say(struct caller *c, const char *issue, const char *what, const char *body)
{
    return call(c, "POST", arena_fmt(&c->arena, ISSUES "/%s/%s", issue, what).ptr, body);
}

/* Of the issue of the endpoint with that URL. */
static const char *member_of(struct caller *c, const char *url, const char *name)
{
    struct answer a = call(c, "GET", ISSUES, NULL);
    size_t i;
    const json_t *issue;
    json_array_foreach(at(a, "data"), i, issue)
    {
        if (str_eq(json_str_member(issue, "url"), str_from(url)))
            return json_string_value(json_object_get(issue, name));
    }
    fail_msg("no issue of %s", url);
    return NULL;
}

static int64_t count_of(struct caller *c, const char *name)
{
    return json_integer_value(at(call(c, "GET", ISSUES, NULL), name));
}

static void an_acknowledged_issue_says_by_whom_and_is_listed_behind_open_ones(void **state)
{
    struct caller *c = *state;
    break_two(c);
    const char *first = text_at(call(c, "GET", ISSUES, NULL), "data.0.url");
    const char *issue = member_of(c, first, "issueId");
    struct answer a = say(c, issue, "acknowledge", "{\"note\":\"called them\"}");
    assert_int_equal(a.status, 200);
    assert_string_equal(text_at(a, "state"), "acknowledged");
    assert_string_equal(text_at(a, "note"), "called them");
    assert_string_equal(text_at(a, "by.kind"), "token");
    assert_string_equal(member_of(c, first, "state"), "acknowledged");
    assert_string_not_equal(text_at(call(c, "GET", ISSUES, NULL), "data.0.url"), first);
    assert_int_equal(count_of(c, "openCount"), 1);
    assert_int_equal(count_of(c, "acknowledgedCount"), 1);
    assert_int_equal(count_of(c, "counts.endpoint_disabled"), 2);
    assert_int_equal(count_of(c, "openCounts.endpoint_disabled"), 1);
    a = call(c, "GET", "/api/v1/trouble", NULL);
    assert_int_equal(json_array_size(at(a, "data")), 2);
    a = call(c, "GET", ISSUES "?state=acknowledged", NULL);
    assert_int_equal(json_array_size(at(a, "data")), 1);
    assert_string_equal(text_at(say(c, issue, "reopen", NULL), "state"), "open");
    assert_int_equal(count_of(c, "openCount"), 2);
}

static void an_acknowledged_issue_that_ends_and_comes_again_is_open(void **state)
{
    struct caller *c = *state;
    break_two(c);
    say(c, member_of(c, "http://a.test/", "issueId"), "acknowledge", "{}");
    look(c);
    assert_string_equal(member_of(c, "http://a.test/", "state"), "acknowledged");
    set_disabled(c, "a", false);
    look(c);
    set_disabled(c, "a", true);
    assert_string_equal(member_of(c, "http://a.test/", "state"), "open");
}

/* Between two looks it cannot be seen to end; the time at which it began tells. */
static void a_new_run_of_failures_is_another_episode(void **state)
{
    (void)state;
    struct api_trouble t = { .rank = API_TROUBLE_FAILING,
                             .ep = { .num = 1, .failing_since_us = 1000 } };
    struct store_issue_mark m = { .episode = api_issue_episode(&t) };
    t.rank = API_TROUBLE_PARKED;
    assert_true(api_issue_mark_holds(&m, &t, 5000));
    t.ep.failing_since_us = 2000;
    assert_false(api_issue_mark_holds(&m, &t, 5000));
}

static const char *mute_for(struct caller *c, int64_t us)
{
    char text[TIME_TEXT_LEN + 1];
    time_format(clock_wall_us(clock_system()) + us, text);
    return arena_fmt(&c->arena, "{\"until\":\"%s\"}", text).ptr;
}

static void a_muted_issue_stays_muted_until_its_time_whatever_happens(void **state)
{
    struct caller *c = *state;
    break_two(c);
    const char *issue = member_of(c, "http://a.test/", "issueId");
    assert_int_equal(say(c, issue, "mute", mute_for(c, -1)).status, 422);
    assert_int_equal(say(c, issue, "mute", mute_for(c, 367 * API_TROUBLE_DAY_US)).status, 422);
    assert_int_equal(say(c, issue, "mute", "{}").status, 422);
    assert_int_equal(say(c, issue, "mute", mute_for(c, API_TROUBLE_HOUR_US)).status, 200);
    set_disabled(c, "a", false);
    look(c);
    set_disabled(c, "a", true);
    look(c);
    assert_string_equal(member_of(c, "http://a.test/", "state"), "muted");
    assert_non_null(member_of(c, "http://a.test/", "mutedUntil"));
    assert_int_equal(count_of(c, "mutedCount"), 1);
}

static void set_mark(struct caller *c, const char *key, int64_t until_us, enum rc expected)
{
    struct store_tx *tx = NULL;
    const struct store_issue_mark m = { .org = c->org,
                                        .key = str_from(key),
                                        .note = STR(""),
                                        .by = STR("{}"),
                                        .made_us = 1,
                                        .until_us = until_us };
    assert_int_equal(store_write(c->store, &tx), RC_OK);
    assert_int_equal(store_issue_mark_set(tx, &m), expected);
    if (expected == RC_OK)
        assert_int_equal(store_commit(tx), RC_OK);
    else
        store_end(tx);
}

static void an_issue_whose_time_is_over_is_open_and_its_mark_goes(void **state)
{
    struct caller *c = *state;
    struct store_issue_mark *marks = NULL;
    struct store_tx *tx = NULL;
    size_t count = 0;
    break_two(c);
    set_mark(c, member_of(c, "http://a.test/", "issueId"), 1000, RC_OK);
    assert_string_equal(member_of(c, "http://a.test/", "state"), "open");
    look(c);
    assert_int_equal(store_read(c->store, &tx), RC_OK);
    assert_int_equal(store_issue_mark_all(tx, c->org, &c->arena, &marks, &count), RC_OK);
    store_end(tx);
    assert_int_equal(count, 0);
}

static void there_are_only_so_many_marks(void **state)
{
    struct caller *c = *state;
    break_two(c);
    for (int i = 0; i < STORE_ISSUE_MARKS_MAX; i++)
        set_mark(c, arena_fmt(&c->arena, "issue_%d", i).ptr, INT64_MAX, RC_OK);
    struct answer a = say(c, member_of(c, "http://a.test/", "issueId"), "acknowledge", "{}");
    assert_int_equal(a.status, 409);
    assert_non_null(strstr(text_at(a, "detail"), "reopen one"));
    set_mark(c, "issue_7", INT64_MAX, RC_OK); /* one that is there is changed */
}

static void an_issue_that_is_not_there_is_not_found(void **state)
{
    struct caller *c = *state;
    break_two(c);
    struct answer a = say(c, "issue_nosuch", "acknowledge", "{}");
    assert_int_equal(a.status, 404);
    assert_non_null(strstr(text_at(a, "detail"), "issue_nosuch"));
    const char *own = token_of_app(c, "app", false);
    assert_int_equal(call_as(c, own, NULL, "GET", ISSUES, NULL).status, 403);
    assert_int_equal(call(c, "GET", ISSUES "?state=asleep", NULL).status, 422);
}

/* --- rules ------------------------------------------------------------------------------------------------ */

static void a_rule_is_made_changed_and_deleted(void **state)
{
    struct caller *c = *state;
    struct answer a = call(c, "POST", RULES,
                           "{\"name\":\"night\",\"kinds\":[\"endpoint_failing\"],"
                           "\"afterSeconds\":600}");
    assert_int_equal(a.status, 201);
    struct str path = arena_fmt(&c->arena, RULES "/%s", text_at(a, "id"));
    assert_true(json_is_true(at(a, "enabled")));
    a = call(c, "PUT", path.ptr, "{\"name\":\"day\",\"afterSeconds\":0,\"enabled\":false}");
    assert_int_equal(a.status, 200);
    assert_true(json_is_null(at(a, "kinds")));
    assert_string_equal(text_at(call(c, "GET", path.ptr, NULL), "name"), "day");
    assert_string_equal(text_at(call(c, "GET", RULES, NULL), "data.0.name"), "day");
    assert_int_equal(call(c, "DELETE", path.ptr, NULL).status, 204);
    assert_int_equal(call(c, "GET", path.ptr, NULL).status, 404);
    a = call(c, "POST", RULES, "{\"name\":\"x\",\"kinds\":[\"bad\"],\"afterSeconds\":0}");
    assert_int_equal(a.status, 422);
    assert_non_null(strstr(text_at(a, "detail.0.msg"), "'bad'"));
}

static void there_are_only_so_many_rules(void **state)
{
    struct caller *c = *state;
    const char *rule = "{\"name\":\"x\",\"afterSeconds\":60}";
    for (int i = 0; i < STORE_ALERT_RULES_MAX; i++)
        assert_int_equal(call(c, "POST", RULES, rule).status, 201);
    assert_int_equal(call(c, "POST", RULES, rule).status, 409);
}

static int64_t told(struct caller *c, const char *name)
{
    return json_integer_value(
        at(call(c, "GET", RULES, NULL), arena_fmt(&c->arena, "data.0.%s", name).ptr));
}

static void a_rule_tells_of_what_lasts_and_not_of_what_is_acknowledged(void **state)
{
    struct caller *c = *state;
    break_two(c);
    say(c, member_of(c, "http://a.test/", "issueId"), "acknowledge", "{}");
    call(c, "POST", RULES, "{\"name\":\"x\",\"afterSeconds\":0}");
    look(c);
    assert_int_equal(told(c, "watchedCount"), 2);
    assert_int_equal(told(c, "toldCount"), 1);
    look(c);
    assert_int_equal(told(c, "toldCount"), 1);
    set_disabled(c, "b", false);
    look(c);
    assert_int_equal(told(c, "watchedCount"), 1);
    assert_int_equal(told(c, "toldCount"), 0);
}

static void a_rule_waits_for_its_time_and_wants_its_kinds_only(void **state)
{
    struct caller *c = *state;
    break_two(c);
    call(c, "POST", RULES, "{\"name\":\"x\",\"afterSeconds\":3600}");
    look(c);
    assert_int_equal(told(c, "watchedCount"), 2);
    assert_int_equal(told(c, "toldCount"), 0);
    struct str path =
        arena_fmt(&c->arena, RULES "/%s", text_at(call(c, "GET", RULES, NULL), "data.0.id"));
    call(c, "PUT", path.ptr, "{\"name\":\"x\",\"kinds\":[\"source_refusing\"],\"afterSeconds\":0}");
    look(c);
    assert_int_equal(told(c, "watchedCount"), 0);
}

/* --- on a busy machine -------------------------------------------------------------------------------------- */

static int64_t leaping_us(void *ctx)
{
    int64_t *now_us = ctx;
    return *now_us += API_TROUBLE_HOUR_US;
}

static int64_t wall_us(void *ctx)
{
    (void)ctx;
    return clock_wall_us(clock_system());
}

struct waiting {
    struct store_record record;
    atomic_bool done;
};

static void record_done(struct store_job *job)
{
    atomic_store(&CONTAINER_OF(job, struct waiting, record.job)->done, true);
}

static void refuse_one(struct caller *c)
{
    struct store_tx *tx = NULL;
    struct store_source source;
    assert_int_equal(store_read(c->store, &tx), RC_OK);
    assert_int_equal(store_source_find(tx, c->org, STR("shop"), &c->arena, &source), RC_OK);
    store_end(tx);
    const struct store_request r = { .id = id_new(store_ids(c->store)),
                                     .source = source.num,
                                     .app = source.app,
                                     .at_us = clock_wall_us(clock_system()),
                                     .outcome = STORE_REQUEST_REJECTED,
                                     .status = 401,
                                     .reason = STR("no_matching_key"),
                                     .method = STR("POST"),
                                     .url = STR("/in/"),
                                     .headers = STR("[]") };
    struct waiting w = { .record = { .job = { .done = record_done }, .request = &r } };
    assert_int_equal(store_submit_record(c->store, &w.record), RC_OK);
    while (!atomic_load(&w.done))
        (void)sched_yield();
    assert_int_equal(w.record.job.rc, RC_OK);
}

static void a_source_that_refuses_is_shown_however_slow_the_machine_is(void **state)
{
    struct caller *c = *state;
    int64_t now_us = 0;
    const struct clock leaping = { .wall_us = wall_us, .mono_us = leaping_us, .ctx = &now_us };
    struct answer a = call(c, "PUT", "/ingest/api/v1/source/shop",
                           "{\"name\":\"Shop\",\"type\":\"generic-webhook\"}");
    assert_int_equal(a.status, 201);
    refuse_one(c);
    c->api->o.clock = &leaping;
    a = call(c, "GET", "/api/v1/trouble?kind=source_refusing", NULL);
    c->api->o.clock = clock_system();
    assert_string_equal(text_at(a, "data.0.sourceName"), "Shop");
    assert_true(json_is_true(at(a, "complete")));
}

static void the_details_of_the_first_issues_are_shown_however_slow_the_machine_is(void **state)
{
    struct caller *c = *state;
    int64_t now_us = 0;
    const struct clock leaping = { .wall_us = wall_us, .mono_us = leaping_us, .ctx = &now_us };
    break_two(c);
    c->api->o.clock = &leaping;
    struct answer trouble = call(c, "GET", "/api/v1/trouble", NULL);
    struct answer issues = call(c, "GET", ISSUES, NULL);
    c->api->o.clock = clock_system();
    assert_true(json_is_integer(at(trouble, "data.0.waitingCount")));
    assert_true(json_is_integer(at(trouble, "data.1.waitingCount")));
    assert_true(json_is_integer(at(issues, "data.1.waitingCount")));
}

#define T(name) cmocka_unit_test_setup_teardown(name, caller_open, caller_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_acknowledged_issue_says_by_whom_and_is_listed_behind_open_ones),
        T(an_acknowledged_issue_that_ends_and_comes_again_is_open),
        T(a_new_run_of_failures_is_another_episode),
        T(a_muted_issue_stays_muted_until_its_time_whatever_happens),
        T(an_issue_whose_time_is_over_is_open_and_its_mark_goes),
        T(there_are_only_so_many_marks),
        T(an_issue_that_is_not_there_is_not_found),
        T(a_rule_is_made_changed_and_deleted),
        T(there_are_only_so_many_rules),
        T(a_rule_tells_of_what_lasts_and_not_of_what_is_acknowledged),
        T(a_rule_waits_for_its_time_and_wants_its_kinds_only),
        T(a_source_that_refuses_is_shown_however_slow_the_machine_is),
        T(the_details_of_the_first_issues_are_shown_however_slow_the_machine_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
