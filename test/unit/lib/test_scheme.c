/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#define HMAC "auth hmac\nsig header X-S\nmsg {body}\n"
#define LONG_LINE \
    "note xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"

static void reads_the_smallest_scheme(void **state)
{
    (void)state;
    struct grapnel_scheme *scheme;
    assert_status(grapnel_scheme_parse(gn_cstr("# mine\n\n" HMAC), &scheme, NULL),
                  GRAPNEL_VERIFIED);
    assert_bytes(grapnel_scheme_title(scheme), "");
    grapnel_scheme_free(scheme);
    grapnel_scheme_free(NULL);
}

static const struct {
    const char *text;
    unsigned line;
    const char *reason;
} bad[] = {
    { "", 0, "a scheme has 1 to 8192 bytes" },
    { "title x\n", 0, "auth is missing" },
    { "auth magic\n", 1, "not a kind of auth" },
    { "auth hmac\nhush sha1\n", 2, "not a line of a scheme" },
    { "auth hmac\nauth hmac\n", 2, "this line stands twice" },
    { "auth hmac\nsig\n", 2, "a line lacks its value" },
    { "auth hmac\nhash md5\n", 2, "a hash is sha1, sha256 or sha512" },
    { "key morse\n", 1, "a key is raw, base64, hex, sha1 or pem" },
    { "enc base32\n", 1, "an encoding is hex, base64 or base64url" },
    { "ts-unit days\n", 1, "a unit is s, ms or iso" },
    { "window 300\n", 1, "a window is two numbers: seconds past, seconds future" },
    { "window -1 0\n", 1, "a window is two numbers: seconds past, seconds future" },
    { "item-sep ab\n", 1, "a separator is one character, or the word space" },
    { "try harder\n", 1, "what may be tried is port, quote or newline" },
    { "reject-status 99\n", 1, "a status is a number from 200 to 599" },
    { "items notes\n", 1, "items are root or a JSON pointer" },
    { "items /notes parted\n", 1, "items are root or a JSON pointer" },
    { "source rumour\n", 1, "high, medium or low" },
    { "dedupe body\n", 1,
      "a header, a query, form or json field, or one of an item identifies an event" },
    { "dedupe json a + json /b\n", 1, "a JSON pointer begins with '/'" },
    { "jwt-alg none\n", 1, "not a JWT algorithm that is supported" },
    { "sig trailer X\n", 1, "not a kind of location" },
    { "sig header\n", 1, "a location lacks its name" },
    { "sig header a b\n", 1, "not the name of a header" },
    { "sig json id\n", 1, "a JSON pointer begins with '/'" },
    { "sig headers X-1*101\n", 1, "numbered headers are written NAME*N, N from 1 to 100" },
    { "ts position 0\n", 1, "a position is a number from 1" },
    { "sig body x\n", 1, "this location has no name" },
    { "msg {nonsense}\n", 1, "not a kind of token" },
    { "msg {nonsense:x}\n", 1, "not a kind of location" },
    { "msg {body\n", 1, "a token lacks its closing brace" },
    { "msg {body|rot13}\n", 1, "not a filter" },
    { "msg {body|lower|lower|lower}\n", 1, "a token has more than 2 filters" },
    { "msg [[x]]\n", 1, "brackets within brackets" },
    { "msg x]\n", 1, "a closing bracket without an opening one" },
    { "msg [x\n", 1, "a bracket is not closed" },
    { "msg x\\\n", 1, "a template ends in a backslash" },
    { "msg {sha256:id}\n", 1,
      "digests are {sha256:body}, {sha256:url}, {sha256:challenge} and {crc32:body}" },
    { "msg {value:3}\n", 1, "values are {value:1} and {value:2}" },
    { "sig header X\nmethod GET\n", 2, "this line belongs into a handshake" },
    { "handshake a\nauth hmac\n", 2, "this line belongs before the handshakes" },
    { "handshake a\nproof perhaps\n", 2, "proof is no, yes or if-keyed" },
    { "handshake a\nvalue token 1 query x\n", 2,
      "a value is: token|text|hex, least and most characters, location" },
    { "handshake a\nvalue token 1 2000 query x\n", 2,
      "a value is: token|text|hex, least and most characters, location" },
    { "handshake a\nheader X-Only\n", 2, "a header lacks its value" },
    { "handshake 1\nhandshake 2\nhandshake 3\nhandshake 4\nhandshake 5\n", 5,
      "more than 4 handshakes" },
    { "strip 1\nstrip 2\nstrip 3\nstrip 4\nstrip 5\n", 5, "too many lines of this name" },
    { "auth hmac\n", 0, "a signature scheme needs sig and msg" },
    { "auth equal\n", 0, "sig is missing" },
    { "auth hash\nsig header X\nmsg {body}\n", 0,
      "a plain hash proves nothing unless the message holds {secret}" },
    { "auth hmac\nsig header X\nmsg {secret}{body}\n", 0, "{secret} is for auth hash only" },
    { "auth hmac\nsig header X\nmsg {ts}{body}\n", 0, "{ts} needs ts" },
    { "auth jwt\nsig header X\n", 0, "jwt needs jwt-alg" },
    { HMAC "accept v1\n", 0, "accept needs kv-sep" },
    { HMAC "ts pair t\n", 0, "a time in a pair needs item-sep and kv-sep" },
    { HMAC "ts position 1\n", 0, "a time at a position needs item-sep" },
    { HMAC "window 300 300\nts header T\n", 0, "a window needs ts-unit" },
    { HMAC "window 300 300\nts-unit s\n", 0, "a window needs ts" },
    { "auth hmac\nsig pair x\nmsg {body}\n", 0, "a signature cannot be found in itself" },
    { "auth hmac\nsig item /x\nmsg {body}\n", 0, "signatures per item need items" },
    { HMAC "handshake a\nstatus 200\n", 0, "a handshake needs a method or a condition" },
    { HMAC "handshake a\nmethod GET\nbody {query:x}\n", 0,
      "a reply may hold only {value:N}, {companion} and {url}" },
    { HMAC "handshake a\nmethod GET\nheader X {header:y}\n", 0,
      "a reply may hold only {value:N}, {companion} and {url}" },
};

static void says_line_and_reason_of_what_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < GN_COUNT(bad); i++) {
        struct grapnel_scheme_error error = { 99, "" };
        struct grapnel_scheme *scheme;
        assert_status(grapnel_scheme_parse(gn_cstr(bad[i].text), &scheme, &error),
                      GRAPNEL_MALFORMED_SCHEME);
        assert_null(scheme);
        if (error.line != bad[i].line || strcmp(error.reason, bad[i].reason) != 0) {
            fail_msg("%s: line %u: %s", bad[i].text, error.line, error.reason);
        }
    }
}

static void limits_size_and_parts(void **state)
{
    (void)state;
    static char text[GRAPNEL_SCHEME_TEXT_MAX + 64];
    struct grapnel_scheme_error error;
    struct grapnel_scheme *scheme;
    size_t len = (size_t)(stpcpy(text, HMAC) - text);
    while (len + sizeof(LONG_LINE) <= GRAPNEL_SCHEME_TEXT_MAX) {
        len = (size_t)(stpcpy(text + len, LONG_LINE) - text);
    }
    assert_status(grapnel_scheme_parse(gn_bytes(text, len), &scheme, &error), GRAPNEL_VERIFIED);
    grapnel_scheme_free(scheme);
    memset(text + len, '\n', sizeof(text) - len);
    assert_status(
        grapnel_scheme_parse(gn_bytes(text, GRAPNEL_SCHEME_TEXT_MAX + 1), &scheme, &error),
        GRAPNEL_MALFORMED_SCHEME);

    len = (size_t)(stpcpy(text, "auth hmac\nsig header X\nmsg ") - text);
    for (int i = 0; i < 97; i++) {
        len = (size_t)(stpcpy(text + len, "{body}") - text);
    }
    assert_status(grapnel_scheme_parse(gn_bytes(text, len), &scheme, &error),
                  GRAPNEL_MALFORMED_SCHEME);
    assert_string_equal(error.reason, "the templates have more than 96 parts");
}

static void templates_know_escapes_and_plain_braces(void **state)
{
    (void)state;
    struct fixture f;
    char text[512];
    fixture_init_text(
        &f,
        "auth hmac\nsig header X-S\nmsg {\"a\":\\[1\\]} \\{body\\} \\n\\\\ [{query:gone}x]{method}|{path}\n");
    fixture_secret(&f, "secret");
    fixture_url(&f, "https://user@example.com:8443/a/b");
    assert_status(fixture_sign(&f), GRAPNEL_VERIFIED);
    assert_status(grapnel_explain(f.scheme, &f.config, &f.request, &f.verdict, text, sizeof(text)),
                  GRAPNEL_VERIFIED);
    assert_non_null(strstr(text, "{\"a\":[1]} {body} \\n\\\\ POST|/a/b\n"));
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_smallest_scheme),
        cmocka_unit_test(says_line_and_reason_of_what_is_wrong),
        cmocka_unit_test(limits_size_and_parts),
        cmocka_unit_test(templates_know_escapes_and_plain_braces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
