/* SPDX-License-Identifier: Apache-2.0
 *
 * One delivery by one shard, with a receiver that keeps what it got and answers as told.
 */
#include "core/app_priv.h"
#include "core/endpoint_priv.h"
#include "deliver/shard.h"
#include "deliver/transform.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct world {
    struct clock_fake clock; /* the monotonic one; the wall clock stands `jumped_us` off */
    struct clock both;
    int64_t jumped_us;
    struct rng_seeded rng;
    struct id_source *ids;
    struct fetch fetch;
    struct deliver_shard *shard;
    struct sign_keyring *keyring;
    struct core_endpoint ep;
    const char *options; /* of the endpoint */
    struct core_app *view;
    struct arena arena;
    /* what came, and what is answered */
    int requests;
    struct str headers, body, host;
    bool is_chunked;
    int64_t deadline_us;
    int status;
    enum fetch_error error;
    struct str response;
    /* what was recorded */
    struct store_outcome outcome;
    bool is_recorded;
    struct deliver_transform *asked; /* ours until it is answered */
} w;

static int64_t wall_us(void *ctx)
{
    (void)ctx;
    return w.clock.now_us + w.jumped_us;
}

static int64_t mono_us(void *ctx)
{
    (void)ctx;
    return w.clock.now_us;
}

static struct str kept(struct str s)
{
    return arena_str(&w.arena, s);
}

static void start_call(struct fetch *f, struct fetch_call *c)
{
    (void)f;
    w.requests++;
    w.headers = kept(c->headers);
    w.body = kept(c->body);
    w.is_chunked = c->chunked;
    w.host = kept(c->url->host);
    w.deadline_us = c->deadline_us;
    c->error = w.error;
    c->status = w.status;
    c->response = str_sub(w.response, 0, c->response_keep);
    c->response_headers =
        w.status == 429 ? STR("retry-after: 20\r\n") : STR("content-type: text/plain\r\n");
    (void)snprintf(c->detail, sizeof(c->detail), "%s", w.error == FETCH_OK ? "" : "nobody there");
    c->took_us = 7;
    c->done(c);
}

static void cancel_call(struct fetch *f, struct fetch_call *c)
{
    (void)f;
    (void)c;
    fail_msg("nothing is under way");
}

static void record(void *ctx, struct deliver_shard *shard, struct store_outcome *o)
{
    (void)ctx;
    (void)shard;
    w.outcome = *o;
    w.outcome.url = kept(o->url);
    w.outcome.error = kept(o->error);
    w.outcome.detail = kept(o->detail);
    w.outcome.response = kept(o->response);
    w.outcome.request_headers = kept(o->request_headers);
    w.is_recorded = true;
    o->job.rc = RC_CONFLICT; /* the shard forgets the delivery */
    o->job.done(&o->job);
}

static struct core_app *view_of(const struct core_endpoint *ep)
{
    struct core_app *view = core_app_new();
    core_app_describe(view, &(struct core_app){ .num = 1 });
    core_app_put(view, ep);
    return view;
}

static struct core_app *app(void *ctx, int64_t num)
{
    (void)ctx;
    (void)num;
    return core_app_ref(w.view);
}

static void health(void *ctx, struct deliver_shard *shard, int64_t num, int64_t endpoint,
                   const struct deliver_health *h)
{
    (void)ctx;
    (void)shard;
    (void)num;
    (void)endpoint;
    (void)h;
}

static void notice(void *ctx, const char *what, const struct store_outcome *o)
{
    (void)ctx;
    (void)what;
    (void)o;
}

static void transform(void *ctx, struct deliver_shard *shard, struct deliver_transform *t)
{
    (void)ctx;
    (void)shard;
    assert_null(w.asked);
    w.asked = t;
}

static void wake(void *ctx)
{
    (void)ctx;
}

/* As a view does it, from the endpoint and its options as they are now. */
static void compile(void)
{
    json_t *options = NULL;
    static const struct dest_envelope *const envelopes[] = { &dest_envelope_form, NULL };
    const struct core_targets t = dest_targets(envelopes);
    if (w.options != NULL)
        assert_int_equal(json_parse(str_from(w.options), &options, NULL), RC_OK);
    t.compile(t.ctx, &w.arena, STR("http"), options, NULL, &w.ep);
    json_decref(options);
}

static int set_up(void **state)
{
    static const struct fetch_ops ops = { start_call, cancel_call, NULL };
    static const int64_t delays[] = { 5000000 };
    struct sign_key key;
    (void)state;
    memset(&w, 0, sizeof(w));
    arena_init(&w.arena);
    clock_fake_init(&w.clock, INT64_C(1614265330) * 1000000);
    rng_seeded_init(&w.rng, 1);
    w.both = (struct clock){ wall_us, mono_us, NULL };
    w.ids = id_source_new(&w.clock.clock, &w.rng.rng);
    w.fetch.ops = &ops;
    w.status = 200;
    assert_int_equal(sign_key_parse(STR("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), &key, NULL),
                     RC_OK);
    assert_int_equal(sign_keyring_new(&key, 1, &w.keyring), RC_OK);
    w.ep = (struct core_endpoint){ ._refs = 1, /* never let go */
                                   .fresh_until_us = INT64_MAX,
                                   .num = 5,
                                   .app = 1,
                                   .url = STR("https://receiver.test/hook"),
                                   .keyring = w.keyring };
    compile();
    w.view = view_of(&w.ep);
    w.shard = deliver_shard_new(
        &(struct deliver_shard_options){ .clock = &w.both,
                                         .rng = &w.rng.rng,
                                         .ids = w.ids,
                                         .clients = { .of = { [DEST_HTTP] = &w.fetch } },
                                         .backend = { .record = record,
                                                      .app = app,
                                                      .health = health,
                                                      .notice = notice,
                                                      .transform = transform },
                                         .limits = { .attempt_us = 15000000,
                                                     .connect_us = 5000000,
                                                     .response_keep = 10,
                                                     .response_read = 100,
                                                     .window_start = 8,
                                                     .window_max = 8,
                                                     .in_flight_max = 8,
                                                     .items_max = 8,
                                                     .payload_max = 1000,
                                                     .retry = { .delays_us = delays,
                                                                .count = 1,
                                                                .jitter_percent = 0,
                                                                .retry_after_max_us = 100000000 },
                                                     .breaker_max_us = 60000000 },
                                         .user_agent = "Grapnel/0",
                                         .wake = wake });
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    deliver_shard_free(w.shard);
    core_app_unref(w.view);
    sign_keyring_free(w.keyring);
    id_source_free(w.ids);
    arena_fini(&w.arena);
    return 0;
}

static struct id hand_over(struct store_message m)
{
    compile();
    m.id = id_new(w.ids);
    m.app = 1;
    m.created_us = wall_us(NULL);
    m.event_type = STR("test");
    struct store_message *message = store_message_new(&m);
    deliver_shard_add(w.shard, message, 5, m.created_us, 0, STORE_SCHEDULED);
    store_message_unref(message);
    (void)deliver_shard_run(w.shard);
    return m.id;
}

static struct id deliver_one(struct store_message m)
{
    w.is_recorded = false;
    struct id id = hand_over(m);
    assert_true(w.is_recorded);
    return id;
}

static size_t count_of(struct str text, const char *needle)
{
    size_t count = 0, len = strlen(needle);
    for (size_t i = 0; i + len <= text.len; i++)
        count += memcmp(text.ptr + i, needle, len) == 0 ? 1 : 0;
    return count;
}

static void a_request_carries_both_triples_over_the_body_as_it_was_sent(void **state)
{
    (void)state;
    char id_text[ID_TEXT_MAX + 1], expected[2048];
    struct buf signature;
    struct id id = deliver_one((struct store_message){ .payload = STR("{\"test\": 2432232314}") });
    struct str shown = id_format(STR("msg_"), &id, id_text);
    buf_init(&signature, SIGN_HEADER_MAX);
    struct sign_message message = { shown, 1614265330, STR("{\"test\": 2432232314}") };
    assert_int_equal(sign_header(w.keyring, &message, &signature), RC_OK);
    (void)snprintf(expected, sizeof(expected),
                   "content-type: application/json\r\nuser-agent: Grapnel/0\r\n"
                   "webhook-id: %s\r\nwebhook-timestamp: 1614265330\r\nwebhook-signature: %s\r\n"
                   "svix-id: %s\r\nsvix-timestamp: 1614265330\r\nsvix-signature: %s\r\n",
                   id_text, signature.ptr, id_text, signature.ptr);
    assert_true(str_eq(w.headers, str_from(expected)));
    assert_true(str_eq(w.body, STR("{\"test\": 2432232314}")));
    assert_true(str_starts(w.headers, w.outcome.request_headers));
    assert_int_equal(count_of(w.outcome.request_headers, "webhook-signature: v1,"), 1);
    assert_true(w.deadline_us == 15000000);
    assert_true(str_eq(w.outcome.url, STR("https://receiver.test/hook")));
    buf_fini(&signature);
}

static void configured_lines_win_over_defaults_and_nobody_over_the_signature(void **state)
{
    (void)state;
    w.ep.headers = STR("X-Tenant: 7\r\nUser-Agent: mine\r\n");
    w.ep.timeout_us = 2000000;
    (void)deliver_one((struct store_message){
        .payload = STR("a=1"),
        .content_type = STR("application/x-www-form-urlencoded"),
        .headers = STR(
            "Webhook-Signature: v1,forged\r\nx-tenant: 8\r\nX-Trace: abc\r\nContent-Length: 3\r\n") });
    assert_int_equal(count_of(w.headers, "content-type: application/x-www-form-urlencoded\r\n"), 1);
    assert_int_equal(count_of(w.headers, "User-Agent: mine\r\n"), 1);
    assert_int_equal(count_of(w.headers, "Grapnel/0"), 0);
    assert_int_equal(count_of(w.headers, "forged"), 0);
    assert_int_equal(count_of(w.headers, "X-Tenant: 7\r\n"), 1);
    assert_int_equal(count_of(w.headers, "x-tenant: 8"), 0);
    assert_int_equal(count_of(w.headers, "X-Trace: abc\r\n"), 1);
    assert_int_equal(count_of(w.headers, "Content-Length"), 0);
    assert_int_equal(count_of(w.outcome.request_headers, "X-Tenant"), 0);
    assert_true(w.deadline_us == 2000000);
}

static void credentials_in_the_url_become_basic_and_are_not_recorded(void **state)
{
    (void)state;
    w.ep.url = STR("https://us%65r:p%40ss@receiver.test/x?y=1");
    (void)deliver_one((struct store_message){ .payload = STR("{}") });
    assert_int_equal(count_of(w.headers, "authorization: Basic dXNlcjpwQHNz\r\n"), 1);
    assert_int_equal(count_of(w.outcome.request_headers, "authorization"), 0);
    assert_true(str_eq(w.outcome.url, STR("https://receiver.test/x?y=1")));
}

static void an_endpoint_without_a_readable_key_gets_nothing_unsigned(void **state)
{
    (void)state;
    w.ep.keyring = NULL;
    (void)deliver_one((struct store_message){ .payload = STR("{}") });
    assert_int_equal(w.requests, 0);
    assert_int_equal(w.outcome.to, STORE_SENDING);
    assert_true(str_eq(w.outcome.error, STR("key")));
}

static void a_bad_url_or_a_refused_address_is_given_up(void **state)
{
    (void)state;
    w.error = FETCH_ADDRESS;
    (void)deliver_one((struct store_message){ .payload = STR("{}") });
    assert_int_equal(w.outcome.to, STORE_FAILED);
    assert_true(str_eq(w.outcome.error, STR("address")));
    assert_true(str_eq(w.outcome.detail, STR("nobody there")));
    assert_int_equal(w.outcome.http_status, 0);
    w.error = FETCH_CONNECT;
    (void)deliver_one((struct store_message){ .payload = STR("{}") });
    assert_int_equal(w.outcome.to, STORE_SENDING);
    assert_true(w.outcome.next_due_us == w.clock.now_us + 5000000);
}

static void an_endpoints_own_schedule_wins(void **state)
{
    (void)state;
    static const int64_t own[] = { 250000 };
    w.status = 500;
    w.ep.retry_us = own;
    w.ep.retry_count = 1;
    (void)deliver_one((struct store_message){ .payload = STR("{}") });
    assert_int_equal(w.outcome.to, STORE_SENDING);
    assert_true(w.outcome.next_due_us == w.clock.now_us + 250000);
    w.ep.retry_count = 0;
    (void)deliver_one((struct store_message){ .payload = STR("{}") });
    assert_int_equal(w.outcome.to, STORE_FAILED);
}

static void a_response_is_cut_between_characters_and_other_bytes_as_they_are(void **state)
{
    (void)state;
    w.response = STR("12345678\xc3\xa9\xc3\xa9"); /* fits to the byte */
    (void)deliver_one((struct store_message){ .payload = STR("{}") });
    assert_int_equal(w.outcome.response.len, 10);
    w.response = STR("123456789\xc3\xa9\xc3\xa9");
    (void)deliver_one((struct store_message){ .payload = STR("{}") });
    assert_int_equal(w.outcome.response.len, 9);
    w.response = STR("\xff\xfe\x00 23456789abcdef");
    (void)deliver_one((struct store_message){ .payload = STR("{}") });
    assert_int_equal(w.outcome.response.len, 10);
    w.response = STR("short");
    (void)deliver_one((struct store_message){ .payload = STR("{}") });
    assert_true(str_eq(w.outcome.response, STR("short")));
}

static void a_form_that_came_as_one_stays_byte_for_byte(void **state)
{
    (void)state;
    w.options = "{\"encoding\":\"form\"}";
    (void)deliver_one((struct store_message){
        .payload = STR("b=2&a=%31"), .content_type = STR("application/x-www-form-urlencoded") });
    assert_true(str_eq(w.body, STR("b=2&a=%31")));
    (void)deliver_one((struct store_message){ .payload = STR("[1]") });
    assert_true(str_eq(w.outcome.error, STR("payload")));
    assert_int_equal(w.requests, 1);
}

static void an_endpoint_whose_url_cannot_be_read_is_never_sent_to(void **state)
{
    (void)state;
    w.ep.url = STR("https://receiver.test:99999/");
    (void)deliver_one((struct store_message){ .payload = STR("{}") });
    assert_true(str_eq(w.outcome.error, STR("bad_url")));
    assert_int_equal(w.outcome.to, STORE_FAILED);
    assert_int_equal(w.requests, 0);
}

static void a_lane_held_by_retry_after_stays_held_when_the_wall_clock_jumps(void **state)
{
    (void)state;
    w.status = 429;
    (void)deliver_one((struct store_message){ .payload = STR("{}") });
    assert_true(w.outcome.next_due_us == w.clock.now_us + 20000000);
    w.status = 200;
    w.jumped_us = INT64_C(3600) * 1000000;
    (void)hand_over((struct store_message){ .payload = STR("{}") });
    assert_int_equal(w.requests, 1);
    w.clock.now_us += 19999999;
    assert_true(deliver_shard_run(w.shard) == w.clock.now_us + 1);
    assert_int_equal(w.requests, 1);
    w.clock.now_us += 1;
    (void)deliver_shard_run(w.shard);
    assert_int_equal(w.requests, 2);
}

/* What a program that gave `text` makes the shard do; rc other than RC_OK: it gave none. */
static void answer_transform(enum rc rc, const char *text)
{
    struct deliver_transform *t = w.asked;
    assert_non_null(t);
    w.asked = NULL;
    t->rc = rc;
    if (rc == RC_OK)
        assert_int_equal(transform_message_read(str_from(text), &t->arena, &t->result, NULL),
                         RC_OK);
    else
        buf_say(&t->why, "%s", text);
    for (size_t i = 0; i < t->result.header_count; i++)
        buf_say(&t->lines, "%.*s: %.*s\r\n", STR_ARGS(t->result.headers[i].name),
                STR_ARGS(t->result.headers[i].value));
    deliver_shard_transformed(w.shard, t);
}

static void what_a_transform_makes_is_sent_and_signed(void **state)
{
    (void)state;
    w.ep.transform = STR(".body");
    struct id id = hand_over((struct store_message){
        .payload = STR("a=1"), .content_type = STR("text/plain"), .headers = STR("X-Own: 1\r\n") });
    assert_int_equal(w.requests, 0);
    assert_true(str_eq(w.asked->ep->transform, STR(".body")));
    answer_transform(
        RC_OK, "{\"$body\":{\"n\":2},\"$headers\":{\"X-New\":\"2\",\"webhook-id\":\"forged\"}}");
    assert_true(w.is_recorded && w.outcome.success);
    assert_true(str_eq(w.body, STR("{\"n\":2}")));
    assert_int_equal(count_of(w.headers, "X-New: 2\r\n"), 1);
    assert_int_equal(count_of(w.headers, "forged"), 0);
    assert_int_equal(count_of(w.headers, "content-type: application/json\r\n"), 1);

    char id_text[ID_TEXT_MAX + 1];
    struct buf signature;
    buf_init(&signature, 200);
    struct sign_message signed_message = { id_format(STR("msg_"), &id, id_text),
                                           wall_us(NULL) / 1000000, w.body };
    assert_int_equal(sign_header(w.keyring, &signed_message, &signature), RC_OK);
    assert_int_equal(count_of(w.headers, signature.ptr), 2);
    buf_fini(&signature);
}

static void without_a_new_body_a_message_goes_out_as_it_is(void **state)
{
    (void)state;
    w.ep.transform = STR("{}");
    (void)hand_over(
        (struct store_message){ .payload = STR("a=1"), .content_type = STR("text/plain") });
    answer_transform(RC_OK, "{\"$cancel\":false}");
    assert_true(str_eq(w.body, STR("a=1")));
    assert_int_equal(count_of(w.headers, "content-type: text/plain\r\n"), 1);
}

static void a_transform_may_cancel_a_delivery(void **state)
{
    (void)state;
    w.ep.transform = STR("{}");
    (void)hand_over((struct store_message){ .payload = STR("{}") });
    answer_transform(RC_OK, "{\"$cancel\":true}");
    assert_int_equal(w.outcome.to, STORE_CANCELED);
    assert_int_equal(w.outcome.reason, STORE_REASON_TRANSFORM);
    assert_int_equal(w.requests, 0);
}

static void a_transform_that_fails_is_a_failed_attempt_and_is_tried_again(void **state)
{
    (void)state;
    w.ep.transform = STR("error");
    (void)hand_over((struct store_message){ .payload = STR("{}") });
    answer_transform(RC_INVALID, "no way");
    assert_int_equal(w.outcome.to, STORE_SENDING);
    assert_true(str_eq(w.outcome.error, STR("transform")));
    assert_true(str_eq(w.outcome.detail, STR("no way")));
    assert_int_equal(w.requests, 0);
}

static void a_transform_that_found_no_helper_is_no_attempt_and_asked_again(void **state)
{
    (void)state;
    w.ep.transform = STR(".");
    (void)hand_over((struct store_message){ .payload = STR("{}") });
    answer_transform(RC_BUSY, "all helper processes are busy");
    (void)deliver_shard_run(w.shard);
    assert_null(w.asked);
    assert_false(w.is_recorded);
    w.clock.now_us += 1000000;
    (void)deliver_shard_run(w.shard);
    answer_transform(RC_OK, "{\"n\":1}");
    assert_true(str_eq(w.body, STR("{\"n\":1}")));
    assert_int_equal(w.outcome.attempt_count, 1);
}

static void a_transform_changed_meanwhile_is_run_as_it_is_now(void **state)
{
    (void)state;
    static struct core_endpoint renewed; /* the lane keeps it until the end */
    renewed = w.ep;
    w.ep.transform = STR("1");
    (void)hand_over((struct store_message){ .payload = STR("{}") });
    struct core_app *old = w.view;
    renewed.transform = STR("2");
    w.view = view_of(&renewed);
    deliver_shard_app_changed(w.shard, 1, CORE_CHANGED_ALL);
    answer_transform(RC_OK, "1");
    assert_int_equal(w.requests, 0);
    (void)deliver_shard_run(w.shard);
    assert_true(str_eq(w.asked->ep->transform, STR("2")));
    answer_transform(RC_OK, "2");
    assert_true(str_eq(w.body, STR("2")));
    core_app_unref(old);
}

static void a_stop_meanwhile_leaves_the_delivery_as_it_was(void **state)
{
    (void)state;
    w.ep.transform = STR(".");
    (void)hand_over((struct store_message){ .payload = STR("{}") });
    deliver_shard_stop(w.shard);
    assert_false(deliver_shard_is_quiet(w.shard));
    answer_transform(RC_OK, "1");
    assert_true(deliver_shard_is_quiet(w.shard));
    assert_int_equal(w.requests, 0);
    assert_false(w.is_recorded);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_carries_both_triples_over_the_body_as_it_was_sent),
        TEST(configured_lines_win_over_defaults_and_nobody_over_the_signature),
        TEST(credentials_in_the_url_become_basic_and_are_not_recorded),
        TEST(an_endpoint_without_a_readable_key_gets_nothing_unsigned),
        TEST(a_bad_url_or_a_refused_address_is_given_up),
        TEST(a_lane_held_by_retry_after_stays_held_when_the_wall_clock_jumps),
        TEST(an_endpoints_own_schedule_wins),
        TEST(what_a_transform_makes_is_sent_and_signed),
        TEST(without_a_new_body_a_message_goes_out_as_it_is),
        TEST(a_transform_may_cancel_a_delivery),
        TEST(a_transform_that_fails_is_a_failed_attempt_and_is_tried_again),
        TEST(a_transform_that_found_no_helper_is_no_attempt_and_asked_again),
        TEST(a_transform_changed_meanwhile_is_run_as_it_is_now),
        TEST(a_stop_meanwhile_leaves_the_delivery_as_it_was),
        TEST(a_form_that_came_as_one_stays_byte_for_byte),
        TEST(an_endpoint_whose_url_cannot_be_read_is_never_sent_to),
        TEST(a_response_is_cut_between_characters_and_other_bytes_as_they_are),
    };
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
