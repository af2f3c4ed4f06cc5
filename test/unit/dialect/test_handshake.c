/* SPDX-License-Identifier: Apache-2.0
 *
 * What a handshake asks, and which answers it takes for a yes.
 */
#include "deliver/handshake_priv.h"
#include "dialect/dialect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define CHALLENGE "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static const struct deliver_handshake_kind *kind(const char *name)
{
    return deliver_handshake_find(dialect_handshakes, str_from(name));
}

static struct deliver_handshake_ask ask_of(const struct deliver_handshake *s)
{
    struct deliver_handshake_ask ask = { .challenge = CHALLENGE, .user_agent = "Grapnel/0" };
    buf_init(&ask.url, 4096);
    buf_init(&ask.headers, 4096);
    buf_init(&ask.body, 4096);
    assert_int_equal(deliver_handshake_build(s, &ask), RC_OK);
    return ask;
}

static void drop(struct deliver_handshake_ask *ask)
{
    buf_fini(&ask->url);
    buf_fini(&ask->headers);
    buf_fini(&ask->body);
}

static void the_question_goes_behind_an_existing_query_and_before_a_fragment(void **state)
{
    static const char *const cases[][2] = {
        { "https://a.example", "https://a.example?challengeCode=" CHALLENGE },
        { "https://a.example/x?y=1", "https://a.example/x?y=1&challengeCode=" CHALLENGE },
        { "https://a.example/#f?y", "https://a.example/?challengeCode=" CHALLENGE },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct deliver_handshake s = { .kind = kind("preservica"),
                                       .url = str_from(cases[i][0]),
                                       .secret = STR("x") };
        struct deliver_handshake_ask ask = ask_of(&s);
        assert_int_equal(ask.method, HTTP_POST);
        assert_string_equal(ask.url.ptr, cases[i][1]);
        drop(&ask);
    }
}

static void a_topic_cannot_add_parameters_of_its_own(void **state)
{
    (void)state;
    struct deliver_handshake s = { .kind = &deliver_handshake_websub,
                                   .url = STR("https://a.example/"),
                                   .topic = STR("x&hub.challenge=y z") };
    struct deliver_handshake_ask ask = ask_of(&s);
    assert_string_equal(ask.url.ptr, "https://a.example/?hub.mode=subscribe&hub.topic=x%26hub."
                                     "challenge%3Dy%20z&hub.challenge=" CHALLENGE);
    drop(&ask);
}

/* What judging a bare answer gives. */
static enum rc judge(struct deliver_handshake *s, int status, const char *headers, const char *body)
{
    struct deliver_handshake_ask ask = { .challenge = CHALLENGE };
    struct fetch_call c = { .status = status,
                            .response_headers = str_from(headers),
                            .response = str_from(body) };
    struct buf why;
    buf_init(&why, 400);
    enum rc rc = deliver_handshake_judge(s, &ask, &c, &why);
    assert_true((rc == RC_OK) == (why.len == 0)); /* a refusal always has a reason */
    buf_fini(&why);
    return rc;
}

static void the_hmac_of_the_challenge_is_a_yes_in_any_json_around_it(void **state)
{
    uint8_t mac[32];
    char hex[HEX_LEN(32) + 1], body[400];
    (void)state;
    struct deliver_handshake s = { .kind = kind("preservica"), .secret = STR("k") };
    sign_hmac256(STR("k"), STR(CHALLENGE), mac);
    hex_encode(mac, sizeof(mac), hex);
    (void)snprintf(
        body, sizeof(body),
        "{ \"challengeCode\": \"" CHALLENGE "\",  \"challengeResponse\": \"%s\", \"a\":1}", hex);
    assert_int_equal(judge(&s, 200, "", body), RC_OK);
    assert_int_equal(judge(&s, 204, "", body), RC_DENIED);
    s.secret = STR("l");
    assert_int_equal(judge(&s, 200, "", body), RC_DENIED);
    assert_int_equal(judge(&s, 200, "", "{\"challengeCode\":\"" CHALLENGE "\"}"), RC_DENIED);
    assert_int_equal(judge(&s, 200, "", "{\"challengeCode\":7,\"challengeResponse\":null}"),
                     RC_DENIED);
}

static void an_allowed_rate_is_read_strictly_and_bounded(void **state)
{
    static const struct {
        const char *value;
        enum rc rc;
        int64_t allowed;
    } cases[] = {
        { "*", RC_OK, 0 },
        { "120", RC_OK, 120 },
        { "0", RC_DENIED, 0 },
        { "-1", RC_DENIED, 0 },
        { "1.5", RC_DENIED, 0 },
        { "99999999999999999999", RC_DENIED, 0 },
        { "9999999999", RC_OK, DELIVER_HANDSHAKE_RATE_MAX },
        { "", RC_OK, 60 }, /* not said: what was asked for */
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char headers[128];
        struct deliver_handshake s = { .kind = &deliver_handshake_cloudevents,
                                       .origin = STR("us.example"),
                                       .rate = 60 };
        (void)snprintf(headers, sizeof(headers),
                       "WebHook-Allowed-Origin: US.example\r\nWebHook-Allowed-Rate: %s\r\n",
                       cases[i].value);
        assert_int_equal(judge(&s, 200, headers, ""), cases[i].rc);
        if (cases[i].rc == RC_OK)
            assert_int_equal(s.allowed_per_minute, cases[i].allowed);
    }
}

static void every_kind_is_found_by_its_name(void **state)
{
    (void)state;
    for (const struct deliver_handshake_kind *const *k = dialect_handshakes; *k != NULL; k++)
        assert_ptr_equal(kind((*k)->name), *k);
    assert_ptr_equal(kind("ping"), &deliver_handshake_ping);
    assert_null(kind("knock"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_question_goes_behind_an_existing_query_and_before_a_fragment),
        cmocka_unit_test(a_topic_cannot_add_parameters_of_its_own),
        cmocka_unit_test(the_hmac_of_the_challenge_is_a_yes_in_any_json_around_it),
        cmocka_unit_test(an_allowed_rate_is_read_strictly_and_bounded),
        cmocka_unit_test(every_kind_is_found_by_its_name),
    };
    return cmocka_run_group_tests_name("handshake", tests, NULL, NULL);
}
