/* SPDX-License-Identifier: Apache-2.0
 *
 * Which answers go out compressed, and which never do.
 */
#include "api/kit/pack.h"

#include "caller.h"
#include "http/gzip.h"

#include <stdio.h>

#define GZIP "accept-encoding: gzip, deflate"

static struct str reply_header(struct answer a, const char *name)
{
    for (size_t i = 0; i < a.reply->header_count; i++)
        if (str_ieq(a.reply->headers[i].name, str_from(name)))
            return a.reply->headers[i].value;
    return STR_NONE;
}

static bool is_packed(struct answer a)
{
    assert_true(a.status >= 200 && a.status < 300);
    return str_eq(reply_header(a, "Content-Encoding"), STR("gzip"));
}

static void make_apps(struct caller *c, size_t count)
{
    char uid[32];
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(uid, sizeof(uid), "packed-%zu", i);
        (void)make_app(c, uid);
    }
}

static void a_long_list_is_packed_for_those_who_take_it(void **state)
{
    struct caller *c = *state;
    struct buf plain;
    make_apps(c, 40);
    struct answer raw = call(c, "GET", "/api/v1/app", NULL);
    struct answer packed = call_as(c, c->token, GZIP, "GET", "/api/v1/app", NULL);
    assert_false(is_packed(raw));
    assert_true(is_packed(packed));
    assert_true(packed.text.len < raw.text.len / 4);
    assert_true(str_eq(reply_header(raw, "Vary"), STR("Accept-Encoding")));
    assert_true(str_eq(reply_header(packed, "Vary"), STR("Accept-Encoding")));
    buf_init(&plain, API_REPLY_MAX);
    assert_int_equal(http_gunzip(packed.text, &plain), RC_OK);
    assert_true(str_eq(buf_str(&plain), raw.text));
    buf_fini(&plain);
}

static void what_is_refused_or_short_is_as_it_is(void **state)
{
    static const char *const refusals[] = { "accept-encoding: br", "accept-encoding: gzip;q=0",
                                            "accept-encoding: identity, gzip;q=0.5" };
    struct caller *c = *state;
    make_apps(c, 40);
    for (size_t i = 0; i < COUNT_OF(refusals); i++)
        assert_false(is_packed(call_as(c, c->token, refusals[i], "GET", "/api/v1/app", NULL)));
    struct answer brief = call_as(c, c->token, GZIP, "GET", "/api/v1/app?limit=1", NULL);
    assert_false(is_packed(brief));
    assert_int_equal(reply_header(brief, "Vary").len, 0);
}

static void an_answer_that_is_given_again_is_kept_unpacked(void **state)
{
    struct caller *c = *state;
    char body[3000];
    (void)snprintf(body, sizeof(body), "{\"name\":\"%0200d\",\"metadata\":{\"k\":\"%02000d\"}}", 1,
                   2);
    struct answer first =
        call_as(c, c->token, "idempotency-key: once", "POST", "/api/v1/app", body);
    struct answer again =
        call_as(c, c->token, "idempotency-key: once", "POST", "/api/v1/app", body);
    assert_true(first.text.len > API_PACK_MIN);
    assert_true(str_eq(first.text, again.text));
}

static void what_holds_a_secret_is_never_packed(void **state)
{
    struct caller *c = *state;
    char body[256];
    for (size_t i = 0; i < 20; i++) {
        (void)snprintf(body, sizeof(body), "{\"name\":\"source %zu\",\"type\":\"generic-webhook\"}",
                       i);
        assert_int_equal(call(c, "POST", "/ingest/api/v1/source", body).status, 201);
    }
    struct answer a = call_as(c, c->token, GZIP, "GET", "/ingest/api/v1/source", NULL);
    assert_true(a.text.len > API_PACK_MIN);
    assert_false(is_packed(a));
    assert_int_equal(reply_header(a, "Vary").len, 0);
}

/* --- the shapes -------------------------------------------------------------------------------------- */

/* Words of names behind which there may be a secret, and the fields that bear one of them and hold none. */
static const char *const words[] = { "secret",     "token", "password", "csrf",   "otp",
                                     "credential", "key",   "url",      "headers" };
static const char *const harmless[] = {
    "IngestSourceOut.secretCount", /* a number */
    "IngestPresetOut.secret",      /* what kind it is */
    "SystemOptionOut.secret",      /* whether it is one; its value is `(set)` then */
    "EventTypeFaultOut.keyword",   /* of JSON Schema */
    "GaiaWebhookOut.routingKey",   /* of RabbitMQ */
    "EndpointOut.url",             /* of receivers, without credentials */
    "MessageEndpointOut.url",
    "SessionOut.tokenId", /* a number */
    "TriedSideOut.headers",
    "MessageAttemptOut.url",
    "DeliveryOut.url",
    "EventTypeListenerOut.url",
    "ExplainedAttempt.url",
    "ExplainedEndpoint.url",
    "TroubleOut.url",
    "FilterOut.url",
    "PreservicaSubscriptionOut.url",
    "IngestRequestOut.url",              /* without the token */
    "PortalConfigOut.supportUrl",        /* the operator's */
    "MessageAttemptOut.requestHeaders",  /* without secrets */
    "MessageAttemptOut.responseHeaders", /* the receiver's */
    "IngestRequestOut.headers",          /* without secrets */
    "IngestLogOut.headers",
    "ExplainedTransform.headers", /* that a program makes; it has no secrets to make them of */
    "TransformTestOut.headers",
};

static bool has_word(const char *name)
{
    char low[128];
    size_t len = strlen(name);
    assert_true(len < sizeof(low));
    for (size_t i = 0; i <= len; i++)
        low[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 'a' - 'A') : name[i];
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strstr(low, words[i]) != NULL)
            return true;
    return false;
}

static bool is_harmless(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(harmless); i++)
        if (strcmp(harmless[i], name) == 0)
            return true;
    return false;
}

struct walk {
    const struct api *api;
    size_t rows, secret_rows;
};

static void check_schema(const struct api_schema *schema, unsigned depth)
{
    char name[256];
    for (size_t i = 0; i < schema->count && depth < 8; i++) {
        const struct api_field *f = &schema->fields[i];
        (void)snprintf(name, sizeof(name), "%s.%s", schema->name, f->name);
        if (has_word(f->name) && f->type != API_BOOL && (f->flags & API_SECRET) == 0 &&
            !is_harmless(name))
            fail_msg("%s sounds like a secret: mark it API_SECRET, or list it as harmless", name);
        if (f->schema != NULL)
            check_schema(f->schema, depth + 1);
    }
}

static void check_row(void *arg, const struct http_route *route)
{
    struct walk *w = arg;
    const struct api_route *row = api_route_of(w->api, route);
    w->rows++;
    if (row == NULL || row->out == NULL) {
        assert_false(api_pack_allowed(row)); /* nobody knows what it holds */
        return;
    }
    check_schema(row->out, 0);
    assert_int_equal(api_pack_allowed(row), !api_schema_is_secret(row->out));
    w->secret_rows += api_schema_is_secret(row->out);
}

static void every_field_that_sounds_like_a_secret_is_one_or_is_known_to_be_none(void **state)
{
    struct caller *c = *state;
    struct walk w = { .api = c->api };
    http_router_each(c->router, check_row, &w);
    assert_true(w.rows > 100 && w.secret_rows > 10);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, caller_open, caller_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_long_list_is_packed_for_those_who_take_it),
        CASE(what_is_refused_or_short_is_as_it_is),
        CASE(an_answer_that_is_given_again_is_kept_unpacked),
        CASE(what_holds_a_secret_is_never_packed),
        CASE(every_field_that_sounds_like_a_secret_is_one_or_is_known_to_be_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
