/* SPDX-License-Identifier: Apache-2.0
 *
 * XML and multipart bodies: what they become, what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "receive/payload_priv.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void xml_becomes_the_json_that_paths_expect(void **state)
{
    (void)state;
    static const struct {
        const char *xml, *json;
    } rows[] = {
        { "<a/>", "{\"a\":\"\"}" },
        { "<a> one\n</a>", "{\"a\":\"one\"}" },
        { "<a>1 &lt; 2 &#x26; &quot;3&quot;</a>", "{\"a\":\"1 < 2 & \\\"3\\\"\"}" },
        { "<a k=\"v\"/>", "{\"a\":{\"-k\":\"v\"}}" },
        { "<a k=\"v\">text</a>", "{\"a\":{\"-k\":\"v\",\"#text\":\"text\"}}" },
        { "<a><b>1</b><b>2</b><c/><b x='3'/></a>",
          "{\"a\":{\"b\":[\"1\",\"2\",{\"-x\":\"3\"}],\"c\":\"\"}}" },
        { "<a>before<b/>after</a>", "{\"a\":{\"b\":\"\",\"#text\":\"before\"}}" },
        { "<a><b/>after<b/>last</a>", "{\"a\":{\"b\":[\"\",\"\"],\"#text\":\"last\"}}" },
        { "<a>x<!-- c -->y</a>", "{\"a\":\"y\"}" },
        { "<a><![CDATA[<b>]]></a>", "{\"a\":\"<b>\"}" },
        { "<n:a xmlns:n='urn:x' n:k='v'><n:b>1</n:b></n:a>",
          "{\"a\":{\"-n\":\"urn:x\",\"-k\":\"v\",\"b\":\"1\"}}" },
        { "<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>", "{\"a\":\"\xc3\xa9\"}" },
        { "<!DOCTYPE a SYSTEM 'http://192.0.2.1/a.dtd'><a>1</a>", "{\"a\":\"1\"}" },
        { "<!DOCTYPE a [<!ATTLIST b k CDATA 'a default is not sent'>]><a><b/><b k='v'/></a>",
          "{\"a\":{\"b\":[\"\",{\"-k\":\"v\"}]}}" },
        { "<app><users><user id=\"1\" name=\"Jeff\"/><user id=\"2\" name=\"Sally\"/></users></app>",
          "{\"app\":{\"users\":{\"user\":[{\"-id\":\"1\",\"-name\":\"Jeff\"},"
          "{\"-id\":\"2\",\"-name\":\"Sally\"}]}}}" },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena a;
        struct buf why;
        struct str json = STR_NONE;
        arena_init(&a);
        buf_init(&why, 512);
        if (receive_xml_to_json(&a, str_from(rows[i].xml), &json, &why) != RC_OK ||
            !str_eq(json, str_from(rows[i].json)))
            fail_msg("%s: %.*s%.*s", rows[i].xml, STR_ARGS(json), STR_ARGS(buf_str(&why)));
        buf_fini(&why);
        arena_fini(&a);
    }
}

static void refuses_xml(struct str xml, const char *words)
{
    struct arena a;
    struct buf why;
    struct str json;

    arena_init(&a);
    buf_init(&why, 512);
    assert_int_equal(receive_xml_to_json(&a, xml, &json, &why), RC_INVALID);
    if (!str_contains(buf_str(&why), str_from(words)))
        fail_msg("%s: %.*s", words, STR_ARGS(buf_str(&why)));
    buf_fini(&why);
    arena_fini(&a);
}

static void xml_that_is_broken_or_expands_is_refused(void **state)
{
    (void)state;
    refuses_xml(STR("<a>\n</b>"), "not XML: mismatched tag in line 2");
    refuses_xml(STR("<a/><b/>"), "junk after document element");
    refuses_xml(STR(""), "no element found");
    refuses_xml(STR("<a>&b;</a>"), "undefined entity");
    refuses_xml(STR("<!DOCTYPE a SYSTEM 'x'><a>&b;</a>"), "an entity that is not XML's own");
    refuses_xml(STR("<!DOCTYPE a [<!ENTITY b 'bb'>]><a>&b;&b;</a>"), "entities of its own");
    refuses_xml(STR("<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>"),
                "entities of its own");
    refuses_xml(STR("<!DOCTYPE a [<!ENTITY % b SYSTEM 'http://192.0.2.1/'> %b;]><a/>"),
                "entities of its own");
}

static struct buf repeated(const char *text, size_t count)
{
    struct buf out;

    buf_init(&out, 8 << 20);
    for (size_t i = 0; i < count; i++)
        buf_say(&out, "%s", text);
    return out;
}

static void xml_has_limits_of_depth_and_number(void **state)
{
    (void)state;
    struct arena a;
    struct str json;
    struct buf deep = repeated("<a>", RECEIVE_XML_DEPTH_MAX + 1);
    struct buf empty_below = repeated("<a>", RECEIVE_XML_DEPTH_MAX);
    struct buf wide = repeated("<a/>", RECEIVE_XML_NODES_MAX);
    struct buf allowed = repeated("<a>", RECEIVE_XML_DEPTH_MAX);

    refuses_xml(buf_str(&deep), "deeper than 128");
    buf_say(&empty_below, "<b/>");
    refuses_xml(buf_str(&empty_below), "deeper than 128");
    refuses_xml(buf_str(&wide), "junk after document element");
    buf_reset(&deep);
    buf_say(&deep, "<r>%.*s</r>", STR_ARGS(buf_str(&wide)));
    refuses_xml(buf_str(&deep), "more than 100000");
    for (size_t i = 0; i < RECEIVE_XML_DEPTH_MAX; i++)
        buf_say(&allowed, "</a>");
    arena_init(&a);
    assert_int_equal(receive_xml_to_json(&a, buf_str(&allowed), &json, NULL), RC_OK);
    arena_fini(&a);
    buf_fini(&deep);
    buf_fini(&empty_below);
    buf_fini(&wide);
    buf_fini(&allowed);
}

/* --- multipart --------------------------------------------------------------------------------------- */

static enum rc read_parts(struct arena *a, const char *type, struct str body,
                          struct receive_part **parts, size_t *count, struct buf *why)
{
    return receive_multipart_read(a, str_from(type), body, parts, count, why);
}

static void parts_are_found_with_name_type_and_bytes_as_sent(void **state)
{
    (void)state;
    static const char body[] =
        "a preamble\r\n--bound \t\r\n"
        "Content-Disposition: form-data; name=\"one\"\r\n\r\n"
        "1\r\n--boundary is text\r\n--bound\r\n"
        "content-type: application/json\r\n"
        "CONTENT-DISPOSITION: form-data; x; name=two; filename=\"a;\\\"b\"\r\n\r\n"
        "{\0}\r\n--bound\r\n"
        "content-disposition: form-data; filename=nameless\r\n\r\nx\r\n--bound\r\n"
        "content-disposition: form-data; name=\"\xc3\xa9mpty\"\r\n\r\n\r\n--bound--\r\nend";
    struct arena a;
    struct receive_part *parts;
    size_t count;

    arena_init(&a);
    assert_int_equal(read_parts(&a, "multipart/form-data; charset=x; boundary=\"bound\"",
                                str_of(body, sizeof body - 1), &parts, &count, NULL),
                     RC_OK);
    assert_int_equal(count, 3);
    assert_true(str_eq(parts[0].name, STR("one")));
    assert_true(str_eq(parts[0].body, STR("1\r\n--boundary is text")));
    assert_false(parts[0].is_file);
    assert_true(str_eq(parts[1].name, STR("two")));
    assert_true(str_eq(parts[1].type, STR("application/json")));
    assert_true(parts[1].is_file);
    assert_true(str_eq(parts[1].body, str_of("{\0}", 3)));
    assert_true(str_eq(parts[2].name, STR("\xc3\xa9mpty")));
    assert_int_equal(parts[2].body.len, 0);
    arena_fini(&a);
}

static void refuses_parts(const char *type, struct str body, const char *words)
{
    struct arena a;
    struct receive_part *parts;
    struct buf why;
    size_t count;

    arena_init(&a);
    buf_init(&why, 512);
    assert_int_equal(read_parts(&a, type, body, &parts, &count, &why), RC_INVALID);
    if (!str_contains(buf_str(&why), str_from(words)))
        fail_msg("%s: %.*s", words, STR_ARGS(buf_str(&why)));
    buf_fini(&why);
    arena_fini(&a);
}

static void multipart_that_is_cut_off_or_malformed_is_refused(void **state)
{
    (void)state;
    static const char type[] = "multipart/form-data; boundary=b";

    refuses_parts("multipart/form-data", STR("--b--"), "no boundary");
    refuses_parts("multipart/form-data; boundary=\"\"", STR("----"), "no boundary");
    refuses_parts("multipart/form-data; boundary", STR("----"), "no boundary");
    refuses_parts(type, STR(""), "no end");
    refuses_parts(type, STR("--b\r\na: b\r\n\r\ntext"), "no end");
    refuses_parts(type, STR("--b\r\na: b\r\n\r\ntext\n--b--"), "no end");
    refuses_parts(type, STR("--b\r\n\r\n--b--"), "headers are malformed");
    refuses_parts(type, STR("--b\r\nno colon\r\n\r\ntext\r\n--b--"), "headers are malformed");
    refuses_parts(type, STR("--b\r\na: b\n\ntext\r\n--b--"), "headers are malformed");
    refuses_parts(type, STR("--b\r\na: b\n\r\ntext\r\n--b--"), "headers are malformed");
}

static void multipart_has_limits_of_parts_and_headers(void **state)
{
    (void)state;
    static const char type[] = "multipart/form-data; boundary=b";
    struct buf many = repeated("--b\r\ncontent-disposition: form-data; name=x\r\n\r\n\r\n",
                               RECEIVE_PARTS_MAX + 1);
    struct buf head;

    buf_say(&many, "--b--");
    refuses_parts(type, buf_str(&many), "more than 1000 parts");
    buf_fini(&many);
    buf_init(&head, 4 * RECEIVE_PART_HEAD_MAX);
    buf_say(&head, "--b\r\nx: %*s\r\n\r\n\r\n--b--", RECEIVE_PART_HEAD_MAX, "");
    refuses_parts(type, buf_str(&head), "too long");
    buf_reset(&head);
    buf_say(&head, "multipart/form-data; boundary=%0*d", RECEIVE_BOUNDARY_MAX + 1, 0);
    refuses_parts(head.ptr, STR("--"), "longer than 200");
    buf_fini(&head);
}

static void quoted_values_cost_no_more_than_they_are_long(void **state)
{
    (void)state;
    struct arena a;
    struct receive_part *parts;
    size_t count, bare;
    struct buf body = repeated(";a=\"\"", 1500);

    arena_init(&a);
    assert_int_equal(
        read_parts(&a, "multipart/form-data; boundary=b", STR("--b--"), &parts, &count, NULL),
        RC_OK);
    bare = arena_used(&a);
    arena_fini(&a);
    struct buf whole = repeated("", 0);
    buf_say(&whole, "--b\r\ncontent-disposition: form-data; name=x%.*s\r\n\r\n\r\n--b--",
            STR_ARGS(buf_str(&body)));
    arena_init(&a);
    assert_int_equal(
        read_parts(&a, "multipart/form-data; boundary=b", buf_str(&whole), &parts, &count, NULL),
        RC_OK);
    assert_int_equal(count, 1);
    assert_in_range(arena_used(&a), bare, bare + 2 * whole.len);
    arena_fini(&a);
    buf_fini(&whole);
    buf_fini(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xml_becomes_the_json_that_paths_expect),
        cmocka_unit_test(xml_that_is_broken_or_expands_is_refused),
        cmocka_unit_test(xml_has_limits_of_depth_and_number),
        cmocka_unit_test(parts_are_found_with_name_type_and_bytes_as_sent),
        cmocka_unit_test(multipart_that_is_cut_off_or_malformed_is_refused),
        cmocka_unit_test(multipart_has_limits_of_parts_and_headers),
        cmocka_unit_test(quoted_values_cost_no_more_than_they_are_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
