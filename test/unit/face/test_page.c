/* SPDX-License-Identifier: Apache-2.0
 *
 * What the server writes into the index pages, and the texts of options it puts into headers.
 */
#include "face/face_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct arena arena;

static int begin(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static void assert_str(struct str is, const char *wanted)
{
    assert_int_equal(is.len, strlen(wanted));
    assert_memory_equal(is.ptr == NULL ? "" : is.ptr, wanted, is.len);
}

static void the_prefix_is_the_path_of_the_public_url(void **state)
{
    static const struct {
        const char *url, *prefix, *host;
    } rows[] = {
        { "https://hooks.example", "", "hooks.example" },
        { "https://hooks.example/", "", "hooks.example" },
        { "https://hooks.example/a/b//", "/a/b", "hooks.example" },
        { "http://127.0.0.1:8071/x?y=/z", "/x", "127.0.0.1" },
        { "http://[::1]:8071/x", "/x", "::1" },
        { "hooks.example/x", "", "" },
        { "", "", "" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct str prefix, host;
        print_message("# %s\n", rows[i].url);
        face_split_url(str_from(rows[i].url), &prefix, &host);
        assert_str(prefix, rows[i].prefix);
        assert_str(host, rows[i].host);
    }
}

static void the_base_is_written_wherever_the_page_asks_for_it(void **state)
{
    (void)state;
    assert_str(face_fill_base(STR("{{base}}a{{base}}b{{base}"), STR("/x"), &arena),
               "/xa/xb{{base}");
    assert_str(face_fill_base(STR("<a href=\"{{base}}/c\">"), STR(""), &arena), "<a href=\"/c\">");
    assert_str(face_fill_base(STR(""), STR("/x"), &arena), "");
}

static void a_base_never_ends_the_attribute_it_stands_in(void **state)
{
    (void)state;
    assert_str(face_fill_base(STR("\"{{base}}\""), STR("/\"><script>&"), &arena),
               "\"/&quot;&gt;&lt;script&gt;&amp;\"");
}

static enum rc check(struct face_options o)
{
    struct buf why;
    const char **texts[] = { &o.frame_ancestors, &o.icon_origins, &o.name,
                             &o.support_url,     &o.logo,         &o.hide };
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (*texts[i] == NULL)
            *texts[i] = "";
    buf_init(&why, 1024);
    enum rc rc = face_check(&o, &why);
    assert_int_equal(why.len > 0, rc != RC_OK);
    buf_fini(&why);
    return rc;
}

static void options_that_would_leave_their_header_are_refused(void **state)
{
    (void)state;
    assert_int_equal(check((struct face_options){ .frame_ancestors = "https://a.example, *" }),
                     RC_OK);
    assert_int_equal(check((struct face_options){ .frame_ancestors = "'self'" }), RC_OK);
    assert_int_equal(check((struct face_options){ .frame_ancestors = "https://a.example; x" }),
                     RC_INVALID);
    assert_int_equal(check((struct face_options){ .frame_ancestors = "a\r\nb" }), RC_INVALID);
    assert_int_equal(check((struct face_options){ .icon_origins = "a,,b" }), RC_INVALID);
    assert_int_equal(check((struct face_options){ .hide = "channels,headers" }), RC_OK);
    assert_int_equal(check((struct face_options){ .hide = "channel" }), RC_INVALID);
    assert_int_equal(check((struct face_options){ .support_url = "data:text/html,x" }), RC_INVALID);
    assert_int_equal(check((struct face_options){ .name = "\xff" }), RC_INVALID);
    assert_int_equal(check((struct face_options){ .logo = "/nowhere/logo.png" }), RC_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_prefix_is_the_path_of_the_public_url, begin, end),
        cmocka_unit_test_setup_teardown(the_base_is_written_wherever_the_page_asks_for_it, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_base_never_ends_the_attribute_it_stands_in, begin, end),
        cmocka_unit_test(options_that_would_leave_their_header_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
