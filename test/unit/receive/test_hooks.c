/* SPDX-License-Identifier: Apache-2.0
 *
 * hooks.json: what is refused and where, parameters, rules.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "receive/hooks.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BYTES(text) \
    { \
        (text), sizeof(text) - 1 \
    }

static void wrong_files_are_refused_with_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *why;
    } rows[] = {
        { "{", "line 1: not JSON" },
        { "{}", "the file: must be a list" },
        { "[{}]", "hook 1: \"id\" is missing" },
        { "[{\"id\":\"a\"}]", "hook 1: \"execute-command\" is missing" },
        { "[{\"id\":\"a\",\"execute-command\":\"x\"},{\"id\":\"a\",\"execute-command\":\"x\"}]",
          "hook 2 (a): there is another hook of this id" },
        { "[{\"id\":\"a\",\"execute-command\":\"x\",\"execute\":1}]",
          "there is no \"execute\" here" },
        { "[{\"id\":\"a\",\"execute-command\":[]}]", "\"execute-command\" must be a string" },
        { "[{\"id\":\"a\",\"execute-command\":\"x\",\"success-http-response-code\":\"200\"}]",
          "\"success-http-response-code\" must be a number" },
        { "[{\"id\":\"a\",\"execute-command\":\"x\",\"max-concurrency\":300},"
          "{\"id\":\"b\",\"execute-command\":\"x\",\"max-concurrency\":300}]",
          "hook 2 (b): \"max-concurrency\" of all hooks adds up to more than 512" },
        { "[{\"id\":\"a\",\"execute-command\":\"x\",\"trigger-rule\":{\"and\":[{\"match\":{\"type\":"
          "\"value\",\"secret\":\"x\",\"parameter\":{\"source\":\"header\",\"name\":\"x\"}}}]}}]",
          "hook 1 (a): trigger-rule.and[0].match: there is no \"secret\" here" },
        { "[{\"id\":\"a\",\"execute-command\":\"x\",\"trigger-rule\":{\"or\":[],\"and\":[]}}]",
          "a rule is one of" },
        { "[{\"id\":\"a\",\"execute-command\":\"x\",\"trigger-rule\":{\"not\":{\"match\":{\"type\":"
          "\"regex\",\"regex\":\"(\",\"parameter\":{\"source\":\"header\",\"name\":\"x\"}}}}}]",
          "trigger-rule.not.match: \"regex\": missing closing parenthesis" },
        { "[{\"id\":\"a\",\"execute-command\":\"x\",\"trigger-rule\":{\"match\":{\"type\":"
          "\"ip-whitelist\",\"ip-range\":\"10.0.0.0/33\"}}}]",
          "\"10.0.0.0/33\" is not an address range" },
        { "[{\"id\":\"a\",\"execute-command\":\"x\",\"trigger-rule\":{\"match\":{\"type\":"
          "\"payload-hmac-sha1\",\"secret\":\"\",\"parameter\":{\"source\":\"header\",\"name\":\"x\"}}}}]",
          "\"secret\" is missing or empty" },
        { "[{\"id\":\"a\",\"execute-command\":\"x\",\"pass-arguments-to-command\":[{\"source\":\"body\","
          "\"name\":\"x\"}]}]",
          "pass-arguments-to-command[0]: there is no source \"body\"" },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct receive_hooks *hooks;
        struct buf why;
        buf_init(&why, 1024);
        assert_int_equal(receive_hooks_read(str_from(rows[i].text), &hooks, &why), RC_INVALID);
        assert_null(hooks);
        if (!str_contains(buf_str(&why), str_from(rows[i].why)))
            fail_msg("row %zu: %.*s", i, STR_ARGS(buf_str(&why)));
        buf_fini(&why);
    }
}

/* A hook with these further members. */
static struct receive_hooks *hooks_of(const char *members)
{
    struct receive_hooks *hooks = NULL;
    struct buf text, why;

    buf_init(&text, 8192);
    buf_init(&why, 1024);
    buf_say(&text, "[{\"id\":\"a\",\"execute-command\":\"x\",%s}]", members);
    if (receive_hooks_read(buf_str(&text), &hooks, &why) != RC_OK)
        fail_msg("%.*s", STR_ARGS(buf_str(&why)));
    buf_fini(&text);
    buf_fini(&why);
    return hooks;
}

static const struct grapnel_header json_headers[] = {
    { BYTES("Content-Type"), BYTES("application/json; charset=utf-8") },
    { BYTES("X-Event"), BYTES("push") },
    { BYTES("Host"), BYTES("hooks.example.com") },
    { BYTES("X-Hub-Signature"),
      BYTES("sha256=0000, sha256=9f3ba4a96f7ca80a08b7dc90a0b1e9d3a1f0b9f6") },
};

static const struct grapnel_event event = {
    .method = BYTES("POST"),
    .peer = BYTES("192.0.2.77"),
    .peer_port = 443,
    .query = BYTES("q=a%20b&q=second&empty"),
    .headers = json_headers,
    .header_count = COUNT(json_headers),
    .body = BYTES(
        "{\"ref\":\"refs/heads/main\",\"n\":12345678901234567890.10,\"a\":{\"b\":[{\"c\":1},true]},"
        "\"x.y\":\"dotted\",\"inner\":\"{\\\"k\\\":[7]}\",\"u\":\"\\u00e9\",\"nil\":null}"),
};

static void parameters_have_the_values_that_the_original_gives(void **state)
{
    (void)state;
    static const struct {
        const char *source, *name;
        const char *value; /* NULL: there is none */
    } rows[] = {
        { "header", "x-event", "push" },
        { "header", "none", NULL },
        { "url", "q", "a b" },
        { "query", "empty", "" },
        { "query", "none", NULL },
        { "payload", "ref", "refs/heads/main" },
        { "payload", "n", "12345678901234567890.10" },
        { "payload", "a.b.0.c", "1" },
        { "payload", "a.b.1", "true" },
        { "payload", "a.b.2", NULL },
        { "payload", "a", "{\"b\":[{\"c\":1},true]}" },
        { "payload", "x.y", "dotted" },
        { "payload", "inner.k.0", "7" },
        { "payload", "u", "\xc3\xa9" },
        { "payload", "ref.deeper", NULL },
        { "payload", "nil", "<nil>" },
        { "request", "method", "POST" },
        { "request", "remote-addr", "192.0.2.77:443" },
        { "header", "Host", NULL },
        { "string", "literal", "literal" },
        { "entire-query", "", "{\"empty\":\"\",\"q\":\"a b\"}" },
    };
    struct receive_hooks *hooks =
        hooks_of("\"parse-parameters-as-json\":[{\"source\":\"payload\",\"name\":\"inner\"}]");
    const struct receive_hook *hook = receive_hooks_find(hooks, STR("a"));
    struct receive_request *request;
    struct arena a = { 0 };

    arena_init(&a);
    assert_int_equal(receive_request_new(&a, hook, &event, &request, NULL), RC_OK);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf text;
        struct str value;
        buf_init(&text, 1024);
        buf_say(&text, "\"pass-arguments-to-command\":[{\"source\":\"%s\",\"name\":\"%s\"}]",
                rows[i].source, rows[i].name);
        char *members = arena_cstr(&a, buf_str(&text));
        struct receive_hooks *one = hooks_of(members);
        enum rc rc = receive_request_value(
            request, &receive_hooks_find(one, STR("a"))->arguments.list[0], &value);
        assert_int_equal(rc, rows[i].value == NULL ? RC_NOT_FOUND : RC_OK);
        if (rc == RC_OK && !str_eq(value, str_from(rows[i].value)))
            fail_msg("row %zu: %.*s", i, STR_ARGS(value));
        receive_hooks_free(one);
        buf_fini(&text);
    }
    arena_fini(&a);
    receive_hooks_free(hooks);
}

#define MATCH(type, more) "{\"match\":{\"type\":\"" type "\"," more "}}"
#define PUSH \
    MATCH("value", "\"value\":\"push\",\"parameter\":{\"source\":\"header\",\"name\":\"X-Event\"}")
#define PULL \
    MATCH("value", "\"value\":\"pull\",\"parameter\":{\"source\":\"header\",\"name\":\"X-Event\"}")
#define NULLED \
    MATCH("value", "\"value\":\"x\",\"parameter\":{\"source\":\"payload\",\"name\":\"nil.x\"}")
#define SIGNED \
    MATCH("payload-hmac-sha256", \
          "\"secret\":\"s\",\"parameter\":{\"source\":\"header\",\"name\":\"X-Hub-Signature\"}")
#define UNSIGNED \
    MATCH("payload-hmac-sha1", \
          "\"secret\":\"s\",\"parameter\":{\"source\":\"header\",\"name\":\"none\"}")
#define REGEX(pattern) \
    MATCH("regex", \
          "\"regex\":\"" pattern "\",\"parameter\":{\"source\":\"payload\",\"name\":\"ref\"}")

static void rules_judge_as_the_original_does(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        bool soft;
        enum receive_verdict verdict;
    } rows[] = {
        { PUSH, false, RECEIVE_YES },
        { PULL, false, RECEIVE_NO },
        { "{\"not\":" PULL "}", false, RECEIVE_YES },
        { "{\"and\":[" PUSH "," PULL "]}", false, RECEIVE_NO },
        { "{\"and\":[" PUSH "," PUSH "]}", false, RECEIVE_YES },
        { "{\"or\":[" PULL "," PUSH "]}", false, RECEIVE_YES },
        { "{\"or\":[" PULL "]}", false, RECEIVE_NO },
        { "{\"or\":[]}", false, RECEIVE_NO },
        { "{}", false, RECEIVE_NO },
        { "{\"not\":" NULLED "}", false, RECEIVE_FAILED },
        { "{\"or\":[" NULLED "," PUSH "]}", true, RECEIVE_FAILED },
        { "{\"or\":[" PUSH "," NULLED "]}", false, RECEIVE_YES },
        { "{\"and\":[" PULL "," NULLED "]}", false, RECEIVE_NO },
        { REGEX("main$"), false, RECEIVE_YES },
        { REGEX("^refs/(heads|tags)/"), false, RECEIVE_YES },
        { REGEX("master$"), false, RECEIVE_NO },
        { REGEX("(((((a?)*)*)*)*)*$x"), false, RECEIVE_NO }, /* within limits, whatever it costs */
        { SIGNED, false, RECEIVE_BAD_SIGNATURE },
        { UNSIGNED, false, RECEIVE_NO },
        { "{\"or\":[" SIGNED "," PUSH "]}", false, RECEIVE_BAD_SIGNATURE },
        { "{\"or\":[" SIGNED "," PUSH "]}", true, RECEIVE_YES },
        { "{\"not\":" SIGNED "}", false, RECEIVE_BAD_SIGNATURE },
        { "{\"and\":[" PULL "," SIGNED "]}", false, RECEIVE_NO },
        { "{\"not\":" UNSIGNED "}", false, RECEIVE_YES },
        { "{\"and\":[{\"not\":" UNSIGNED "}," PUSH "]}", false, RECEIVE_NO },
        { "{\"not\":{\"and\":[" UNSIGNED "]}}", false, RECEIVE_YES },
        { "{\"or\":[{\"not\":" UNSIGNED "}," PULL "]}", false, RECEIVE_YES },
        { "{\"or\":[" UNSIGNED "," PUSH "]}", false, RECEIVE_YES },
        { "{\"and\":[{\"or\":[" SIGNED "]}," PUSH "]}", true, RECEIVE_NO },
        { "{\"and\":[" SIGNED "]}", true, RECEIVE_BAD_SIGNATURE },
        { MATCH("ip-whitelist", "\"ip-range\":\"10.0.0.0/8 192.0.2.64/26\""), false, RECEIVE_YES },
        { MATCH("ip-whitelist", "\"ip-range\":\"192.0.2.0/26\""), false, RECEIVE_NO },
        { MATCH("ip-whitelist", "\"ip-range\":\"192.0.2.77\""), false, RECEIVE_YES },
        { MATCH("ip-whitelist", "\"ip-range\":\"::/0\""), false, RECEIVE_NO },
        { MATCH("scalr-signature", "\"secret\":\"s\""), false, RECEIVE_NO },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct receive_request *request;
        struct arena a = { 0 };
        arena_init(&a);
        char *members = arena_cstr(&a, arena_fmt(&a, "\"trigger-rule\":%s", rows[i].rule));
        struct receive_hooks *hooks = hooks_of(members);
        const struct receive_hook *hook = receive_hooks_find(hooks, STR("a"));
        assert_int_equal(receive_request_new(&a, hook, &event, &request, NULL), RC_OK);
        enum receive_verdict verdict = receive_rule_check(hook->rule, rows[i].soft, request);
        if (verdict != rows[i].verdict)
            fail_msg("row %zu: %d", i, (int)verdict);
        receive_hooks_free(hooks);
        arena_fini(&a);
    }
}

static void signatures_match_in_lists_with_and_without_prefix(void **state)
{
    (void)state;
    /* HMAC-SHA1 of "{}" under "s". */
#define MAC "850413ce2dee4c4142838bab9e9086cb305da54d"
    static const char *const given[] = { MAC, "sha1=" MAC, "sha1=00,sha1=" MAC, " 00 , " MAC };
    struct receive_hooks *hooks = hooks_of(
        "\"trigger-rule\":" MATCH("payload-hmac-sha1", "\"secret\":\"s\",\"parameter\":{\"source\":"
                                                       "\"header\",\"name\":\"s\"}"));
    const struct receive_hook *hook = receive_hooks_find(hooks, STR("a"));
    for (size_t i = 0; i < COUNT(given); i++) {
        struct receive_request *request;
        struct arena a = { 0 };
        arena_init(&a);
        struct grapnel_header headers[] = { { BYTES("S"), { given[i], strlen(given[i]) } } };
        struct grapnel_event one = { .headers = headers, .header_count = 1, .body = BYTES("{}") };
        assert_int_equal(receive_request_new(&a, hook, &one, &request, NULL), RC_OK);
        assert_int_equal(receive_rule_check(hook->rule, false, request), RECEIVE_YES);
        arena_fini(&a);
    }
    receive_hooks_free(hooks);
}

/* HMAC-SHA1 of "{}" and the date under "s". */
static void scalr_signatures_need_the_right_key_and_a_fresh_date(void **state)
{
    (void)state;
    struct receive_hooks *hooks =
        hooks_of("\"trigger-rule\":" MATCH("scalr-signature", "\"secret\":\"s\""));
    const struct receive_hook *hook = receive_hooks_find(hooks, STR("a"));
    static const struct {
        int64_t age_s;
        const char *key;
        bool is_malformed;
        enum receive_verdict verdict;
    } rows[] = {
        { 0, "s", false, RECEIVE_YES },
        { 290, "s", false, RECEIVE_YES },
        { -290, "s", false, RECEIVE_YES },
        { 400, "s", false, RECEIVE_BAD_SIGNATURE },
        { -400, "s", false, RECEIVE_BAD_SIGNATURE },
        { 0, "t", false, RECEIVE_BAD_SIGNATURE },
        { 0, "s", true, RECEIVE_BAD_SIGNATURE },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        char date[64], signed_text[80], mac[41];
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned len = 0;
        time_t at = time(NULL) - (time_t)rows[i].age_s;
        struct tm when;
        struct receive_request *request;
        struct arena a = { 0 };
        assert_non_null(gmtime_r(&at, &when));
        assert_true(strftime(date, sizeof date,
                             rows[i].is_malformed ? "%F %T" : "%a %d %b %Y %H:%M:%S UTC",
                             &when) > 0);
        (void)snprintf(signed_text, sizeof signed_text, "{}%s", date);
        assert_non_null(HMAC(EVP_sha1(), rows[i].key, (int)strlen(rows[i].key),
                             (const unsigned char *)signed_text, strlen(signed_text), digest,
                             &len));
        for (unsigned k = 0; k < len; k++)
            (void)snprintf(mac + 2 * k, 3, "%02x", digest[k]);
        struct grapnel_header headers[] = { { BYTES("X-Signature"), { mac, strlen(mac) } },
                                            { BYTES("Date"), { date, strlen(date) } } };
        struct grapnel_event one = { .headers = headers, .header_count = 2, .body = BYTES("{}") };
        arena_init(&a);
        assert_int_equal(receive_request_new(&a, hook, &one, &request, NULL), RC_OK);
        enum receive_verdict verdict = receive_rule_check(hook->rule, false, request);
        if (verdict != rows[i].verdict)
            fail_msg("row %zu: %d", i, (int)verdict);
        arena_fini(&a);
    }
    receive_hooks_free(hooks);
}

static void broken_payloads_are_refused_and_unknown_types_have_no_parameters(void **state)
{
    (void)state;
    static const struct {
        const char *type, *body;
        enum rc rc;
    } rows[] = {
        { "text/xml", "<a/>", RC_OK },
        { "application/atom+xml", "<a/>", RC_OK },
        { "application/xml", "", RC_OK },
        { "application/xml", "<a>", RC_INVALID },
        { "multipart/form-data; boundary=x", "--x--", RC_OK },
        { "multipart/form-data; boundary=x", "--x", RC_INVALID },
        { "application/json", "{", RC_INVALID },
        { "application/json", "", RC_OK },
        { "application/x-www-form-urlencoded", "a=%zz", RC_INVALID },
        { "application/x-www-form-urlencoded", "a=b", RC_OK },
        { "text/plain", "anything", RC_OK },
        { "multipart/mixed; boundary=x", "--x", RC_OK },
    };
    struct receive_hooks *hooks = hooks_of("\"response-message\":\"x\"");
    const struct receive_hook *hook = receive_hooks_find(hooks, STR("a"));

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct grapnel_header headers[] = { { BYTES("content-type"),
                                              { rows[i].type, strlen(rows[i].type) } } };
        struct grapnel_event one = { .headers = headers,
                                     .header_count = 1,
                                     .body = { rows[i].body, strlen(rows[i].body) } };
        struct receive_request *request;
        struct arena a = { 0 };
        arena_init(&a);
        if (receive_request_new(&a, hook, &one, &request, NULL) != rows[i].rc)
            fail_msg("row %zu", i);
        arena_fini(&a);
    }
    receive_hooks_free(hooks);
}

/* The values of one body of the type, asked for by "payload" and these names; NULL: there is none. */
static void check_values(const char *type, struct str body, const char *const (*rows)[2],
                         size_t count)
{
    struct grapnel_header headers[] = { { BYTES("content-type"), { type, strlen(type) } } };
    struct grapnel_event one = { .headers = headers,
                                 .header_count = 1,
                                 .body = { body.ptr, body.len } };
    struct receive_hooks *hooks =
        hooks_of("\"parse-parameters-as-json\":[{\"source\":\"payload\",\"name\":\"inner\"}]");
    struct receive_request *request;
    struct arena a = { 0 };

    arena_init(&a);
    assert_int_equal(
        receive_request_new(&a, receive_hooks_find(hooks, STR("a")), &one, &request, NULL), RC_OK);
    for (size_t i = 0; i < count; i++) {
        const struct receive_parameter p = { .source = rows[i][0][0] == '*' ? RECEIVE_ENTIRE_PAYLOAD
                                                                            : RECEIVE_PAYLOAD,
                                             .name = str_from(rows[i][0]) };
        struct str value;
        enum rc rc = receive_request_value(request, &p, &value);
        if (rc != (rows[i][1] == NULL ? RC_NOT_FOUND : RC_OK) ||
            (rc == RC_OK && !str_eq(value, str_from(rows[i][1]))))
            fail_msg("%s: %.*s", rows[i][0], STR_ARGS(value));
    }
    arena_fini(&a);
    receive_hooks_free(hooks);
}

static void xml_is_walked_as_json_is(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "app.users.user.0.-name", "Jeff" },
        { "app.messages.message.-id", "1" },
        { "app.messages.message.#text", "Hello!!" },
        { "app.users.user.2.-name", NULL },
        { "app.users.user.0", "{\"-name\":\"Jeff\"}" },
        { "*", "{\"app\":{\"messages\":{\"message\":{\"#text\":\"Hello!!\",\"-id\":\"1\"}},"
               "\"users\":{\"user\":[{\"-name\":\"Jeff\"},\"\"]}}}" },
    };

    check_values("text/xml; charset=utf-8",
                 STR("<app><users><user name=\"Jeff\"/><user/></users>"
                     "<messages><message id=\"1\">Hello!!</message></messages></app>"),
                 rows, COUNT(rows));
}

static void multipart_fields_are_text_and_files_of_json_are_walked(void **state)
{
    (void)state;
#define FIELD(name, more, body) \
    "--b\r\nContent-Disposition: form-data; name=\"" name "\"" more "\r\n\r\n" body "\r\n"
    static const char *const rows[][2] = {
        { "user", "a" },
        { "inner.k.0", "7" },
        { "event.n.deep", "1" },
        { "event", "{\"n\":{\"deep\":1}}" },
        { "raw", "\x01\xff" },
        { "broken", "{" },
        { "none", NULL },
        { "*", "{\"event\":{\"n\":{\"deep\":1}},\"inner\":{\"k\":[7]},\"user\":\"a\"}" },
    };

    check_values("multipart/form-data; boundary=b",
                 STR(FIELD("user", "", "a") FIELD("user", "", "second")
                         FIELD("inner", "", "{\"k\":[7]}")
                             FIELD("event", "; filename=e\r\nContent-Type: application/json",
                                   "{\"n\":{\"deep\":1}}") FIELD("raw", "; filename=r", "\x01\xff")
                                 FIELD("broken", "; filename=r\r\nContent-Type: application/json",
                                       "{") "--b--\r\n"),
                 rows, COUNT(rows));
}

static void names_on_a_values_way_cost_no_memory(void **state)
{
    (void)state;
    static const char file[] =
        "[{\"id\":\"a\",\"execute-command\":\"x\",\"pass-arguments-to-command\":"
        "[{\"source\":\"payload\",\"name\":\"ref\"}]}]";
    static const struct grapnel_header json[] = { { BYTES("content-type"),
                                                    BYTES("application/json") } };
    struct receive_hooks *hooks = NULL;
    struct receive_request *request;
    struct str value;
    struct buf body;
    struct arena a;

    arena_init(&a);
    buf_init(&body, 1 << 20);
    buf_say(&body, "{\"r\\u0065f\":\"x\"");
    for (int i = 0; i < 1000; i++)
        buf_say(&body, ",\"escaped\\n%04d\":1", i);
    buf_say(&body, "}");
    assert_int_equal(receive_hooks_read(str_from(file), &hooks, NULL), RC_OK);
    const struct receive_hook *hook = receive_hooks_find(hooks, STR("a"));
    struct grapnel_event one = { .headers = json,
                                 .header_count = 1,
                                 .body = { body.ptr, body.len } };
    assert_int_equal(receive_request_new(&a, hook, &one, &request, NULL), RC_OK);
    size_t before = arena_used(&a);
    assert_int_equal(receive_request_value(request, &hook->arguments.list[0], &value), RC_OK);
    assert_true(str_eq(value, STR("x")));
    assert_in_range(arena_used(&a) - before, 0, 64);
    receive_hooks_free(hooks);
    buf_fini(&body);
    arena_fini(&a);
}

/* The values of one JSON body, as the original hands them on. */
static void json_is_read_and_handed_on_as_go_does(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *rows[3][2];
    } cases[] = {
        { "[{\"b\":1, \"a\":2}]",
          { { "*", "{\"root\":[{\"a\":2,\"b\":1}]}" }, { "root.0.a", "2" } } },
        { "{\"b\":\"main\",\"t\":\"cut \\ud83d\"}",
          { { "b", "main" }, { "t", "cut \xef\xbf\xbd" } } },
        { "{\"b\":\"main\",\"t\":\"caf\xe9\"}", { { "b", "main" }, { "t", "caf\xef\xbf\xbd" } } },
        { "{\"t\":\"\\ud83d\\ude00\"}", { { "t", "\xf0\x9f\x98\x80" } } },
        { "{\"z\":1.50,\"a\":\"<&>\\u2028\\b\\u0001\",\"z\":1e5}",
          { { "*", "{\"a\":\"\\u003c\\u0026\\u003e\\u2028\\b\\u0001\",\"z\":1e5}" } } },
        { "{\"a\":1} and more", { { "a", "1" } } },
        { "null", { { "*", "null" }, { "a", NULL } } },
        { "\"text\"", { { "*", "null" } } },
        { "", { { "*", "null" } } },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t count = 0;
        while (count < COUNT(cases[i].rows) && cases[i].rows[count][0] != NULL)
            count++;
        check_values("application/json", str_from(cases[i].body), cases[i].rows, count);
    }
}

static void multipart_may_have_bare_line_feeds_and_quoted_parts(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "a", "1" },
        { "q", "1=2" },
        { "empty", "x" },
        { "other", NULL },
        { "*", "{\"a\":\"1\",\"empty\":\"x\",\"q\":\"1=2\"}" },
    };

    check_values("multipart/form-data; boundary=B",
                 STR("--B\nContent-Disposition: form-data; name=\"a\"\n\n1\n"
                     "--B\nContent-Disposition: form-data; name=q\n"
                     "Content-Transfer-Encoding: quoted-printable\n\n1=3D=\n2\n"
                     "--B\nContent-Disposition: form-data; name=empty; filename=\"\"\n\nx\n"
                     "--B\nContent-Disposition: attachment; name=other\n\nx\n--B--"),
                 rows, COUNT(rows));
}

static void files_are_read_as_the_original_reads_them(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "[{\"id\":1,\"execute-command\":\"x\",\"trigger-rule\":null,\"pass-arguments-to-command\":null}]",
        "[{\"ID\":\"1\",\"Execute-Command\":\"x\"}]",
        "[ # a comment\n{\"id\":\"1\",\"execute-command\":\"x # no comment, ]\",},\n]",
        "[{\"id\":\"1\",\"execute-command\":\"x\",\"trigger-rule\":{\"and\":[\"or\" :[\"and\":[],],\"not\":{}]}}]",
        "[{\"id\":\"1\",\"execute-command\":\"x\",\"success-http-response-code\":799}]",
        "[{\"id\":\"1\",\"execute-command\":\"x\",\"pass-arguments-to-command\":[{\"source\":\"string\","
        "\"name\":\"\"}]}]",
        "[{\"id\":\"1\",\"execute-command\":\"x\",\"trigger-rule\":{\"match\":{\"type\":\"ip-whitelist\","
        "\"ip-range\":\"10.0.0.0/8\\t127.0.0.1/32\"}}}]",
        "[{\"id\":\"1\",\"execute-command\":\"x\",\"trigger-rule\":{\"match\":{\"type\":\"value\","
        "\"value\":true,\"parameter\":{\"source\":\"payload\",\"name\":\"a\"}}}}]",
    };

    for (size_t i = 0; i < COUNT(texts); i++) {
        struct receive_hooks *hooks;
        struct buf why;
        buf_init(&why, 1024);
        if (receive_hooks_read(str_from(texts[i]), &hooks, &why) != RC_OK)
            fail_msg("%zu: %.*s", i, STR_ARGS(buf_str(&why)));
        assert_non_null(receive_hooks_find(hooks, STR("1")));
        assert_int_equal(receive_hooks_find(hooks, STR("1"))->success_code, 200);
        receive_hooks_free(hooks);
        buf_fini(&why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_read_and_handed_on_as_go_does),
        cmocka_unit_test(multipart_may_have_bare_line_feeds_and_quoted_parts),
        cmocka_unit_test(files_are_read_as_the_original_reads_them),
        cmocka_unit_test(wrong_files_are_refused_with_the_place),
        cmocka_unit_test(parameters_have_the_values_that_the_original_gives),
        cmocka_unit_test(rules_judge_as_the_original_does),
        cmocka_unit_test(signatures_match_in_lists_with_and_without_prefix),
        cmocka_unit_test(scalr_signatures_need_the_right_key_and_a_fresh_date),
        cmocka_unit_test(broken_payloads_are_refused_and_unknown_types_have_no_parameters),
        cmocka_unit_test(xml_is_walked_as_json_is),
        cmocka_unit_test(multipart_fields_are_text_and_files_of_json_are_walked),
        cmocka_unit_test(names_on_a_values_way_cost_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
