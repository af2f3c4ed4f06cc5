/* SPDX-License-Identifier: Apache-2.0
 *
 * Chains on a fake clock, asked of scripted processors: what they get, when, and what comes out.
 */
#include "http/wire.h"
#include "webfilter/chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PROCESSORS_MAX = 6, MS = 1000 };

/* One processor, found by the host of its URL: "p0.example", "p1.example", ... */
struct processor {
    int status; /* 0: fails */
    enum fetch_error error;
    const char *body;
    int64_t takes_us; /* 0: answers within the start */
    /* what came */
    int requests, canceled;
    char got[4096], head[4096];
    int64_t deadline_us, asked_at_us;
    struct fetch_call *call;
};

static struct world {
    struct clock_fake clock;
    struct rng_seeded rng;
    struct id_source *ids;
    struct loop *loops[2];
    size_t at; /* the loop the next run is on */
    struct fetch fetch, *fetches[2];
    struct webfilter_engine *engine;
    struct sign_vault *vault;
    struct webfilter_set *set;
    struct store_filter rows[PROCESSORS_MAX];
    struct store_filter_chain chain;
    size_t count;
    struct processor p[PROCESSORS_MAX];
    bool holds; /* requests are never answered, and any number may be out */
    struct arena arena;
    /* the verdict */
    int answers;
    int64_t answered_at_us;
    char data[512], exception[512], parts[1024];
    struct webfilter_halt halt;
    char reason[256];
} w;

/* --- the scripted client ----------------------------------------------------------------------------- */

static void end_call(struct processor *p, enum fetch_error error)
{
    struct fetch_call *c = p->call;
    p->call = NULL;
    c->error = error;
    c->status = error == FETCH_OK ? p->status : 0;
    c->response = error == FETCH_OK ? str_from(p->body) : STR_NONE;
    c->took_us = w.clock.now_us - p->asked_at_us;
    (void)snprintf(c->phrase, sizeof(c->phrase), "%s", http_reason(c->status));
    (void)snprintf(c->detail, sizeof(c->detail), "%s", error == FETCH_OK ? "" : "as told");
    c->done(c);
}

static void keep(char *out, size_t size, struct str s)
{
    (void)snprintf(out, size, "%.*s", STR_ARGS(s));
}

static void start_call(struct fetch *f, struct fetch_call *c)
{
    (void)f;
    struct processor *p = &w.p[c->url->host.ptr[1] - '0'];
    p->requests++;
    if (w.holds)
        return;
    keep(p->got, sizeof(p->got), c->body);
    keep(p->head, sizeof(p->head), c->headers);
    p->deadline_us = c->deadline_us;
    p->asked_at_us = w.clock.now_us;
    p->call = c;
    if (p->takes_us == 0)
        end_call(p, p->error);
}

static void cancel_call(struct fetch *f, struct fetch_call *c)
{
    (void)f;
    struct processor *p = &w.p[c->url->host.ptr[1] - '0'];
    assert_true(w.holds || p->call == c);
    p->call = c;
    p->canceled++;
    end_call(p, FETCH_CANCELED);
}

/* Lets time pass in steps of a millisecond; calls end when they take no longer, or at their deadline. */
static void turn(void)
{
    for (size_t i = 0; i < COUNT_OF(w.loops); i++)
        loop_turn(w.loops[i], 0);
}

static void pass(int64_t us)
{
    for (int64_t until = w.clock.now_us + us; w.clock.now_us < until;) {
        w.clock.now_us += MS;
        turn();
        for (size_t i = 0; i < PROCESSORS_MAX; i++) {
            struct processor *p = &w.p[i];
            int64_t spent = w.clock.now_us - p->asked_at_us;
            if (p->call != NULL && p->takes_us <= p->deadline_us && spent >= p->takes_us)
                end_call(p, p->error);
            else if (p->call != NULL && spent >= p->deadline_us)
                end_call(p, FETCH_TIMEOUT);
        }
        turn();
    }
}

/* --- the world ------------------------------------------------------------------------------------------ */

static int set_up(void **state)
{
    static const struct fetch_ops ops = { start_call, cancel_call, NULL };
    (void)state;
    memset(&w, 0, sizeof(w));
    clock_fake_init(&w.clock, INT64_C(1800000000000000));
    rng_seeded_init(&w.rng, 7);
    w.ids = id_source_new(&w.clock.clock, &w.rng.rng);
    for (size_t i = 0; i < COUNT_OF(w.loops); i++) {
        w.loops[i] = loop_new("test", &w.clock.clock);
        w.fetches[i] = &w.fetch;
    }
    w.fetch.ops = &ops;
    arena_init(&w.arena);
    assert_int_equal(sign_vault_new(STR("0123456789abcdef0123456789abcdef"), &w.vault), RC_OK);
    const struct webfilter_engine_options o = { .ids = w.ids,
                                                .clock = &w.clock.clock,
                                                .loops = w.loops,
                                                .fetches = w.fetches,
                                                .loop_count = COUNT_OF(w.loops),
                                                .user_agent = "test",
                                                .connect_us = 1000 * MS };
    w.engine = webfilter_engine_new(&o);
    w.chain = (struct store_filter_chain){
        .event = STR("Login"), .deadline_ms = 1000, .keep = STR("all"), .redact = STR("[]")
    };
    for (size_t i = 0; i < PROCESSORS_MAX; i++)
        w.p[i] = (struct processor){ .status = 200, .body = "{}" };
    turn();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    turn();
    webfilter_engine_free(w.engine);
    webfilter_set_unref(w.set);
    sign_vault_free(w.vault);
    for (size_t i = 0; i < COUNT_OF(w.loops); i++)
        loop_free(w.loops[i]);
    id_source_free(w.ids);
    arena_fini(&w.arena);
    return 0;
}

/* The next processor becomes a filter with these settings. */
static void filter(const char *settings)
{
    struct sign_key key;
    struct buf sealed;
    struct store_filter *row = &w.rows[w.count];
    *row = (struct store_filter){ .num = (int64_t)w.count + 1,
                                  .id = arena_fmt(&w.arena, "flt_%zu", w.count),
                                  .event = STR("Login"),
                                  .url = arena_fmt(&w.arena, "http://p%zu.example/", w.count),
                                  .settings = str_from(settings),
                                  .enabled = true,
                                  .updated_us = 1 };
    sign_key_generate(SIGN_HMAC256, &w.rng.rng, &key);
    buf_init(&sealed, 1024);
    assert_int_equal(webfilter_key_seal(w.vault, row->id, &key, &sealed), RC_OK);
    row->secret = arena_str(&w.arena, buf_str(&sealed));
    buf_fini(&sealed);
    w.count++;
}

static void answered(struct webfilter_run *run)
{
    w.answers++;
    w.answered_at_us = w.clock.now_us;
    keep(w.data, sizeof(w.data), json_text(&w.arena, run->verdict.data));
    keep(w.exception, sizeof(w.exception), json_text(&w.arena, run->verdict.exception));
    w.halt = webfilter_verdict_halt(&run->verdict);
    keep(w.reason, sizeof(w.reason), w.halt.reason);
    w.parts[0] = '\0';
    for (size_t i = 0; i < run->part_count; i++) {
        size_t len = strlen(w.parts);
        const char *error = run->parts[i].answer.error;
        json_t *part = webfilter_record_part(&run->parts[i]);
        const char *effect = json_string_value(json_object_get(part, "effect"));
        (void)snprintf(w.parts + len, sizeof(w.parts) - len, "%s%s%s%s", i > 0 ? " " : "", effect,
                       error[0] != '\0' ? ":" : "", error);
        json_decref(part);
    }
}

static void start(const char *data)
{
    if (w.set == NULL)
        w.set = webfilter_set_build(w.vault, 1, w.rows, w.count, &w.chain, 1);
    json_t *object = json_loads(data, 0, NULL);
    w.answers = 0;
    struct webfilter_run_input in = { .set = w.set,
                                      .chain = webfilter_set_chain(w.set, STR("Login")),
                                      .data = object,
                                      .answered = answered };
    assert_int_equal(webfilter_run_start(w.engine, w.loops[w.at], &in), RC_OK);
    json_decref(object);
}

static void run(const char *data)
{
    int64_t began = w.clock.now_us;
    start(data);
    while (w.answers == 0 && w.clock.now_us < began + 60000 * MS)
        pass(MS);
    assert_int_equal(w.answers, 1);
}

static void assert_got(const struct processor *p, const char *expected)
{
    json_t *got = json_loads(p->got, 0, NULL);
    json_t *metadata = json_object_get(got, "event_metadata");
    assert_string_equal(json_string_value(json_object_get(metadata, "event_type")), "Login");
    assert_int_equal(strlen(json_string_value(json_object_get(metadata, "time"))), 26);
    json_object_del(got, "event_metadata");
    char *text = json_dumps(got, JSON_COMPACT);
    assert_string_equal(text, expected);
    free(text);
    json_decref(got);
}

/* --- what holds ------------------------------------------------------------------------------------------ */

static void a_chain_without_filters_changes_nothing(void **state)
{
    (void)state;
    run("{\"a\":1}");
    assert_string_equal(w.data, "{}");
    assert_false(w.halt.halt);
}

static void every_filter_gets_the_original_data_in_order(void **state)
{
    (void)state;
    w.p[0].body = "{\"data\":{\"a\":2,\"b\":1}}";
    w.p[0].takes_us = 5 * MS;
    w.p[1].body = "{\"data\":{\"a\":3}}";
    filter("{}");
    filter("{}");
    run("{\"a\":1}");
    assert_got(&w.p[0], "{\"a\":1}");
    assert_got(&w.p[1], "{\"a\":1}");
    assert_int_equal(w.p[1].asked_at_us - w.p[0].asked_at_us, 5 * MS);
    assert_string_equal(w.data, "{\"a\":3,\"b\":1}");
    assert_string_equal(w.parts, "applied applied");
}

static void requests_are_signed_and_named(void **state)
{
    (void)state;
    filter("{}");
    run("{}");
    assert_non_null(strstr(w.p[0].head, "content-type: application/json\r\n"));
    assert_non_null(strstr(w.p[0].head, "\r\nwebhook-id: frun_"));
    assert_non_null(strstr(w.p[0].head, "\r\nwebhook-timestamp: 1800000000\r\n"));
    assert_non_null(strstr(w.p[0].head, "\r\nwebhook-signature: v1,"));
}

static void a_form_filter_gets_flattened_fields(void **state)
{
    (void)state;
    filter("{\"encoding\":\"form\"}");
    run("{\"user\":{\"name\":\"x y\",\"ok\":true}}");
    assert_non_null(
        strstr(w.p[0].got, "user_name=x+y&user_ok=True&event_metadata_event_type=Login&"));
    assert_non_null(strstr(w.p[0].head, "content-type: application/x-www-form-urlencoded\r\n"));
}

static void a_chained_filter_gets_what_those_before_it_changed(void **state)
{
    (void)state;
    w.p[0].body = "{\"data\":{\"a\":2}}";
    filter("{}");
    filter("{\"mode\":\"chained\"}");
    run("{\"a\":1,\"b\":1}");
    assert_got(&w.p[1], "{\"a\":2,\"b\":1}");
}

static void parallel_filters_are_asked_at_once_and_merged_in_order(void **state)
{
    (void)state;
    w.p[0].body = "{\"data\":{\"a\":\"first\",\"b\":0}}";
    w.p[0].takes_us = 50 * MS;
    w.p[1].body = "{\"data\":{\"a\":\"second\"}}";
    w.p[1].takes_us = 10 * MS;
    filter("{\"mode\":\"parallel\"}");
    filter("{\"mode\":\"parallel\"}");
    filter("{}");
    int64_t began = w.clock.now_us;
    run("{}");
    assert_int_equal(w.p[0].asked_at_us, w.p[1].asked_at_us);
    assert_int_equal(w.p[2].asked_at_us - began, 50 * MS);
    assert_string_equal(w.data, "{\"a\":\"second\",\"b\":0}");
}

static void a_halt_ends_the_chain_and_cancels_its_neighbours(void **state)
{
    (void)state;
    w.p[0].status = 403;
    w.p[0].takes_us = 10 * MS;
    w.p[1].takes_us = 500 * MS;
    filter("{\"mode\":\"parallel\",\"haltOn4xx\":true,\"redirectOn4xx\":\"https://r.example/\"}");
    filter("{\"mode\":\"parallel\"}");
    filter("{}");
    int64_t began = w.clock.now_us;
    run("{}");
    assert_int_equal(w.answered_at_us - began, 10 * MS);
    assert_int_equal(w.p[1].canceled, 1);
    assert_int_equal(w.p[2].requests, 0);
    assert_true(w.halt.halt);
    assert_int_equal(w.halt.status, 403);
    assert_string_equal(
        w.reason,
        "Request to http://p0.example/ after webhook event Login returned status code 403 (Forbidden)");
}

static void an_earlier_filter_decides_though_a_later_one_halts_first(void **state)
{
    (void)state;
    w.p[0].status = 500;
    w.p[0].takes_us = 20 * MS;
    w.p[1].status = 403;
    filter("{\"mode\":\"parallel\",\"haltOn5xx\":true}");
    filter("{\"mode\":\"parallel\",\"haltOn4xx\":true}");
    run("{}");
    assert_int_equal(w.halt.status, 500);
}

static void a_shadow_is_recorded_never_applied_and_never_waited_for(void **state)
{
    (void)state;
    w.p[0].body = "{\"data\":{\"a\":9},\"exception\":{\"X\":\"no\"}}";
    w.p[0].takes_us = 300 * MS;
    filter("{\"mode\":\"shadow\",\"failClosed\":true}");
    filter("{}");
    int64_t began = w.clock.now_us;
    run("{}");
    assert_true(w.answered_at_us - began <= MS);
    assert_string_equal(w.data, "{}");
    assert_false(w.halt.halt);
    pass(400 * MS);
    assert_null(w.p[0].call);
}

static void a_filter_has_its_timeout_and_the_chain_its_deadline(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        w.p[i].takes_us = 3600000000;
        filter("{\"timeoutMs\":600}");
    }
    int64_t began = w.clock.now_us;
    run("{}");
    assert_int_equal(w.p[0].deadline_us, 600 * MS);
    assert_int_equal(w.p[1].deadline_us, 400 * MS);
    assert_int_equal(w.p[2].requests, 0);
    assert_int_equal(w.answered_at_us - began, 1000 * MS);
    assert_string_equal(w.parts, "skipped:timeout skipped:timeout skipped:deadline");
}

static void no_answer_halts_a_filter_that_says_so(void **state)
{
    (void)state;
    w.p[0].error = FETCH_CONNECT;
    filter("{\"haltOnRequestException\":true}");
    run("{}");
    assert_true(w.halt.halt);
    assert_string_equal(w.reason,
                        "Request to http://p0.example/ after webhook event Login failed: as told");
}

static void a_breaker_stops_asking_and_probes_after_a_while(void **state)
{
    (void)state;
    w.p[0].status = 503;
    filter("{\"breakerFailures\":3,\"breakerMs\":1000}");
    for (int i = 0; i < 5; i++)
        run("{}");
    assert_int_equal(w.p[0].requests, 3);
    assert_string_equal(w.parts, "skipped:breaker");
    pass(1001 * MS);
    w.p[0].takes_us = 50 * MS;
    w.p[0].status = 200;
    start("{}");
    start("{}"); /* while the probe is out */
    assert_string_equal(w.parts, "skipped:breaker");
    pass(60 * MS);
    run("{}");
    assert_string_equal(w.parts, "none");
    assert_int_equal(w.p[0].requests, 5);
}

static void a_breaker_counts_the_failures_of_every_loop(void **state)
{
    (void)state;
    w.p[0].status = 503;
    filter("{\"breakerFailures\":3,\"breakerMs\":1000}");
    for (int i = 0; i < 6; i++) {
        w.at = (size_t)i % COUNT_OF(w.loops);
        run("{}");
    }
    assert_int_equal(w.p[0].requests, 3);
    pass(1001 * MS);
    w.p[0].takes_us = 50 * MS;
    start("{}"); /* the probe */
    w.at = 0;
    start("{}");
    assert_string_equal(w.parts, "skipped:breaker");
    pass(60 * MS);
}

static void a_changed_filter_begins_anew(void **state)
{
    (void)state;
    w.p[0].status = 503;
    filter("{\"breakerFailures\":1,\"breakerMs\":60000}");
    run("{}");
    run("{}");
    assert_int_equal(w.p[0].requests, 1);
    webfilter_set_unref(w.set);
    w.set = NULL;
    w.rows[0].updated_us++;
    run("{}");
    assert_int_equal(w.p[0].requests, 2);
}

static void what_is_kept_makes_room_for_what_is_new(void **state)
{
    char data[64];
    (void)state;
    filter("{\"cacheSeconds\":60}");
    for (int i = 0; i <= WEBFILTER_CACHED_MAX; i++) {
        (void)snprintf(data, sizeof(data), "{\"n\":%d}", i);
        run(data);
    }
    assert_int_equal(w.p[0].requests, WEBFILTER_CACHED_MAX + 1);
    run(data);
    assert_int_equal(w.p[0].requests, WEBFILTER_CACHED_MAX + 1);
    run("{\"n\":0}");
    assert_int_equal(w.p[0].requests, WEBFILTER_CACHED_MAX + 2);
}

static void an_answer_is_good_for_the_set_time_on_every_loop(void **state)
{
    (void)state;
    w.p[0].body = "{\"data\":{\"b\":1}}";
    filter("{\"cacheSeconds\":2}");
    run("{\"a\":1}");
    w.at = 1;
    run("{\"a\":1}");
    assert_string_equal(w.data, "{\"b\":1}");
    assert_int_equal(w.p[0].requests, 1);
    run("{\"a\":2}");
    assert_int_equal(w.p[0].requests, 2);
    pass(2001 * MS);
    run("{\"a\":1}");
    assert_int_equal(w.p[0].requests, 3);
}

static void failures_are_not_remembered(void **state)
{
    (void)state;
    w.p[0].status = 500;
    filter("{\"cacheSeconds\":60,\"breakerFailures\":0}");
    run("{}");
    run("{}");
    assert_int_equal(w.p[0].requests, 2);
}

static void a_key_that_does_not_open_counts_as_no_answer(void **state)
{
    (void)state;
    filter("{\"haltOnRequestException\":true}");
    w.rows[0].secret = STR("something else");
    run("{}");
    assert_int_equal(w.p[0].requests, 0);
    assert_string_equal(w.parts, "halted:key");
}

static void on_stopped(void *arg)
{
    ++*(int *)arg;
}

static void stopping_answers_what_is_under_way(void **state)
{
    (void)state;
    int stopped = 0;
    w.p[0].takes_us = 900 * MS;
    filter("{}");
    filter("{}");
    start("{}");
    webfilter_engine_stop(w.engine, on_stopped, &stopped);
    turn();
    assert_int_equal(stopped, COUNT_OF(w.loops));
    assert_int_equal(w.answers, 1);
    assert_int_equal(w.p[1].requests, 0);
    assert_string_equal(w.parts, "skipped:canceled skipped:canceled");
}

static void more_runs_than_a_loop_takes_are_refused_unless_they_ask_nobody(void **state)
{
    (void)state;
    int stopped = 0;
    w.holds = true;
    filter("{\"haltOnRequestException\":true}");
    for (int i = 0; i < WEBFILTER_RUNS_MAX; i++)
        start("{}");
    json_t *data = json_object();
    struct webfilter_run_input in = { .set = w.set,
                                      .chain = webfilter_set_chain(w.set, STR("Login")),
                                      .data = data,
                                      .answered = answered };
    assert_int_equal(webfilter_run_start(w.engine, w.loops[0], &in), RC_BUSY);
    assert_int_equal(webfilter_run_start(w.engine, w.loops[1], &in), RC_OK);
    webfilter_engine_stop(w.engine, on_stopped, &stopped);
    turn();
    assert_int_equal(w.p[0].canceled, WEBFILTER_RUNS_MAX + 1);
    in.refusal = (struct webfilter_refusal){ "busy", STR("too much to do") };
    assert_int_equal(webfilter_run_start(w.engine, w.loops[0], &in), RC_OK); /* it asks nobody */
    assert_string_equal(w.parts, "halted:busy");
    json_decref(data);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_chain_without_filters_changes_nothing),
        CASE(every_filter_gets_the_original_data_in_order),
        CASE(requests_are_signed_and_named),
        CASE(a_form_filter_gets_flattened_fields),
        CASE(a_chained_filter_gets_what_those_before_it_changed),
        CASE(parallel_filters_are_asked_at_once_and_merged_in_order),
        CASE(a_halt_ends_the_chain_and_cancels_its_neighbours),
        CASE(an_earlier_filter_decides_though_a_later_one_halts_first),
        CASE(a_shadow_is_recorded_never_applied_and_never_waited_for),
        CASE(a_filter_has_its_timeout_and_the_chain_its_deadline),
        CASE(no_answer_halts_a_filter_that_says_so),
        CASE(a_breaker_stops_asking_and_probes_after_a_while),
        CASE(a_breaker_counts_the_failures_of_every_loop),
        CASE(a_changed_filter_begins_anew),
        CASE(an_answer_is_good_for_the_set_time_on_every_loop),
        CASE(what_is_kept_makes_room_for_what_is_new),
        CASE(failures_are_not_remembered),
        CASE(a_key_that_does_not_open_counts_as_no_answer),
        CASE(stopping_answers_what_is_under_way),
        CASE(more_runs_than_a_loop_takes_are_refused_unless_they_ask_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
