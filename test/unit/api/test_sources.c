/* SPDX-License-Identifier: Apache-2.0
 *
 * Sources and what came in at them, called without a socket.
 */
#include "caller.h"

#include "verify/verify.h"

#define SOURCES "/ingest/api/v1/source"

static void a_source_is_made_changed_and_deleted(void **state)
{
    struct caller *c = *state;
    struct answer a = call(
        c, "PUT", SOURCES "/gh",
        "{\"name\":\"GitHub\",\"type\":\"github\",\"config\":{\"secret\":\"s3cret-of-ours\"}}");
    assert_int_equal(a.status, 201);
    assert_string_equal(text_at(a, "uid"), "gh");
    assert_false(str_contains(a.text, STR("s3cret-of-ours")));
    assert_non_null(strstr(text_at(a, "ingestUrl"), "https://hooks.test/in/"));
    a = call(c, "PATCH", SOURCES "/gh", "{\"name\":\"Hub\"}");
    assert_int_equal(a.status, 200);
    assert_string_equal(text_at(call(c, "GET", SOURCES, NULL), "data.0.name"), "Hub");
    assert_int_equal(call(c, "DELETE", SOURCES "/gh", NULL).status, 204);
    assert_int_equal(call(c, "GET", SOURCES "/gh", NULL).status, 404);
}

static void what_is_wrong_with_a_source_leaves_nothing_behind(void **state)
{
    struct caller *c = *state;
    struct answer a = call(c, "POST", SOURCES, "{\"name\":\"x\",\"type\":\"nosuch\"}");
    assert_int_equal(a.status, 422);
    a = call(c, "PUT", SOURCES "/src_2abcdefghijklmnopqrstuvwxyz",
             "{\"name\":\"x\",\"type\":\"generic-webhook\"}");
    assert_int_equal(a.status, 404);
    assert_int_equal(json_array_size(at(call(c, "GET", SOURCES, NULL), "data")), 0);
    assert_int_equal(json_array_size(at(call(c, "GET", "/api/v1/app", NULL), "data")), 0);
}

static void a_new_url_takes_the_place_of_the_old_one(void **state)
{
    struct caller *c = *state;
    struct answer a = call(c, "PUT", SOURCES "/s", "{\"name\":\"x\",\"type\":\"generic-webhook\"}");
    assert_int_equal(a.status, 201);
    const char *before = text_at(a, "ingestUrl");
    a = call(c, "POST", SOURCES "/s/token/rotate", NULL);
    assert_int_equal(a.status, 200);
    assert_string_not_equal(before, text_at(a, "ingestUrl"));
    assert_int_equal(call(c, "POST", SOURCES "/s/secret/rotate", "{}").status, 422);
}

static void a_sources_endpoints_are_its_own(void **state)
{
    struct caller *c = *state;
    call(c, "PUT", SOURCES "/s", "{\"name\":\"x\",\"type\":\"generic-webhook\"}");
    struct answer a =
        call(c, "POST", SOURCES "/s/endpoint", "{\"url\":\"http://x.test/\",\"uid\":\"ep\"}");
    assert_int_equal(a.status, 201);
    assert_int_equal(call(c, "GET", SOURCES "/s/endpoint/ep", NULL).status, 200);
    assert_int_equal(json_array_size(at(call(c, "GET", "/api/v1/app", NULL), "data")), 0);
    assert_int_equal(call(c, "DELETE", SOURCES "/s/endpoint/ep", NULL).status, 204);
    assert_int_equal(json_array_size(at(call(c, "GET", SOURCES "/s/endpoint", NULL), "data")), 0);
}

static void the_owner_of_a_source_sees_that_source_alone(void **state)
{
    struct caller *c = *state;
    call(c, "PUT", SOURCES "/mine", "{\"name\":\"x\",\"type\":\"generic-webhook\"}");
    call(c, "PUT", SOURCES "/theirs", "{\"name\":\"y\",\"type\":\"generic-webhook\"}");
    struct answer a = call(c, "POST", SOURCES "/mine/dashboard", NULL);
    assert_int_equal(a.status, 200);
    const char *token = text_at(a, "token");
    assert_int_equal(call_as(c, token, NULL, "GET", SOURCES "/mine/request", NULL).status, 200);
    assert_int_equal(call_as(c, token, NULL, "GET", SOURCES "/theirs/request", NULL).status, 403);
    assert_int_equal(call_as(c, token, NULL, "GET", SOURCES, NULL).status, 403);
}

static void a_request_is_judged_without_being_sent(void **state)
{
    struct caller *c = *state;
    call(c, "PUT", SOURCES "/gh",
         "{\"name\":\"x\",\"type\":\"github\",\"config\":{\"secret\":\"s3cret\"}}");
    struct answer a = call(c, "POST", SOURCES "/gh/explain",
                           "{\"body\":\"{}\",\"headers\":{\"x-hub-signature-256\":\"sha256=00\"}}");
    assert_int_equal(a.status, 200);
    assert_true(json_is_false(at(a, "accepted")));
    a = call(c, "GET", SOURCES "/gh/request", NULL);
    assert_int_equal(json_array_size(at(a, "data")), 0);
    assert_int_equal(json_array_size(at(call(c, "GET", SOURCES "/gh/log", NULL), "data")), 0);
    assert_int_equal(call(c, "GET", SOURCES "/gh/request/req_nosuch", NULL).status, 404);
    assert_int_equal(call(c, "POST", SOURCES "/gh/request/req_nosuch/replay", NULL).status, 404);
    a = call(c, "POST", SOURCES "/gh/request/replay", "{\"dryRun\":true}");
    assert_int_equal(a.status, 200);
    assert_int_equal(json_integer_value(at(a, "matched")), 0);
}

/* --- presets -------------------------------------------------------------------------------------- */

#define PRESETS "/ingest/api/v1/preset"

static void a_preset_says_what_a_form_needs(void **state)
{
    struct caller *c = *state;
    struct answer a = call(c, "GET", PRESETS "/github", NULL);
    assert_int_equal(a.status, 200);
    assert_string_equal(text_at(a, "title"), "GitHub");
    assert_string_equal(text_at(a, "secret.kind"), "text");
    assert_true(json_is_true(at(a, "secret.isRequired")));
    assert_string_equal(text_at(a, "signedIn.0"), "header X-Hub-Signature-256");
    assert_non_null(strstr(text_at(a, "scheme"), "auth hmac"));
    a = call(c, "GET", PRESETS "/open-ai", NULL); /* Svix' name for it */
    assert_string_equal(text_at(a, "name"), "openai");
    assert_int_equal(call(c, "GET", PRESETS "/nosuch", NULL).status, 404);
}

static void a_preset_says_which_kind_of_secret_it_takes(void **state)
{
    static const struct {
        const char *name, *kind, *step;
    } cases[] = {
        { "discord", "hex", "public key" },
        { "paypal", "pem", "PEM" },
        { "gitlab", "token", "header X-Gitlab-Token" },
        { "mailchimp", "token", "?secret=" },
        { "mixpanel", "basic", "user:password" },
        { "asana", "text", "Leave the secret empty" },
        { "google-pubsub", "none", "keys are fetched from https://" },
        { "aws-sns", "none", "ARN" },
        { "shipstation", "none", "not signed" },
        { "standard-webhooks", "base64", "signing secret" },
    };
    struct caller *c = *state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct str target = arena_fmt(&c->arena, PRESETS "/%s", cases[i].name);
        struct answer a = call(c, "GET", arena_cstr(&c->arena, target), NULL);
        assert_int_equal(a.status, 200);
        assert_string_equal(text_at(a, "secret.kind"), cases[i].kind);
        assert_non_null(strstr(text_at(a, "steps.1"), cases[i].step));
    }
}

/* Follows `iterator` (or `prevIterator`) to the end; returns how many presets there were. */
static size_t walk_presets(struct caller *c, const char *from, const char *next)
{
    size_t count = 0;
    for (struct answer a = call(c, "GET", from, NULL);; a = call(c, "GET", from, NULL)) {
        assert_int_equal(a.status, 200);
        count += json_array_size(at(a, "data"));
        if (json_is_true(at(a, "done")))
            return count;
        struct str target = arena_fmt(&c->arena, PRESETS "?limit=50&iterator=%s", text_at(a, next));
        from = arena_cstr(&c->arena, target);
    }
}

static void presets_come_a_page_at_a_time_in_both_directions(void **state)
{
    struct caller *c = *state;
    size_t all = verify_book_count(c->book);
    assert_int_equal(walk_presets(c, PRESETS "?limit=50", "iterator"), all);
    assert_int_equal(walk_presets(c, PRESETS "?limit=50&iterator=-zzz", "prevIterator"), all);
    assert_int_equal(call(c, "GET", PRESETS "?limit=0", NULL).status, 422);
}

#define T(name) cmocka_unit_test_setup_teardown(name, caller_open, caller_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_source_is_made_changed_and_deleted),
        T(what_is_wrong_with_a_source_leaves_nothing_behind),
        T(a_new_url_takes_the_place_of_the_old_one),
        T(a_sources_endpoints_are_its_own),
        T(the_owner_of_a_source_sees_that_source_alone),
        T(a_request_is_judged_without_being_sent),
        T(a_preset_says_what_a_form_needs),
        T(a_preset_says_which_kind_of_secret_it_takes),
        T(presets_come_a_page_at_a_time_in_both_directions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
