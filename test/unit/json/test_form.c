/* SPDX-License-Identifier: Apache-2.0
 *
 * The flattened form encoding, against what the Open edX plugin and the requests package make of
 * the same data.
 */
#include "json/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct {
    const char *says, *json, *form;
} rows[] = {
    { "keys are joined with an underscore", "{\"user\":{\"pii\":{\"email\":\"a@b.c\"}}}",
      "user_pii_email=a%40b.c" },
    { "members go in order", "{\"a\":\"1\",\"b\":{\"c\":\"2\"},\"d\":\"3\"}", "a=1&b_c=2&d=3" },
    { "truth is spelled as Python does", "{\"a\":true,\"b\":false,\"c\":null}",
      "a=True&b=False&c=None" },
    { "an integer", "{\"n\":-12}", "n=-12" },
    { "reals keep a fraction", "{\"a\":1.0,\"b\":0.1,\"c\":1234.5}", "a=1.0&b=0.1&c=1234.5" },
    { "large and small reals", "{\"a\":1e20,\"b\":1.5e-7,\"c\":1e15}",
      "a=1e%2B20&b=1.5e-07&c=1000000000000000.0" },
    { "a list is one text", "{\"l\":[\"a\",1,true,null,{\"k\":[]}]}",
      "l=%5B%27a%27%2C+1%2C+True%2C+None%2C+%7B%27k%27%3A+%5B%5D%7D%5D" },
    { "a text with a quote is quoted the other way", "{\"l\":[\"it's\"]}", "l=%5B%22it%27s%22%5D" },
    { "an empty object leaves nothing", "{\"a\":{},\"b\":\"x\"}", "b=x" },
    { "nothing at all", "{}", "" },
    { "blanks, also at the ends", "{\"a\":\" x  y \"}", "a=+x++y+" },
    { "bytes beyond ASCII", "{\"n\":\"Andr\xc3\xa9s\"}", "n=Andr%C3%A9s" },
    { "an empty text", "{\"n\":\"\"}", "n=" },
};

static void writes_forms_as_the_plugin_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf out;
        json_t *value = json_loads(rows[i].json, 0, NULL);
        buf_init(&out, 4096);
        assert_int_equal(json_form_write(value, &out), RC_OK);
        if (!str_eq(buf_str(&out), str_from(rows[i].form)))
            fail_msg("%s: %.*s, not %s", rows[i].says, STR_ARGS(buf_str(&out)), rows[i].form);
        buf_fini(&out);
        json_decref(value);
    }
}

static void refuses_what_is_no_object_and_what_does_not_fit(void **state)
{
    (void)state;
    struct buf out;
    json_t *list = json_loads("[1]", 0, NULL),
           *long_one = json_loads("{\"a\":\"xxxxxxxxxxxxxxxx\"}", 0, NULL);
    buf_init(&out, 8);
    assert_int_equal(json_form_write(list, &out), RC_INVALID);
    assert_int_equal(json_form_write(long_one, &out), RC_LIMIT);
    buf_fini(&out);
    json_decref(list);
    json_decref(long_one);
}

static void reads_forms_into_flat_objects(void **state)
{
    (void)state;
    json_t *out;
    assert_int_equal(json_form_read(STR("a=1&b_c=x+y%21&&d&a=2"), &out), RC_OK);
    char *text = json_dumps(out, JSON_COMPACT);
    assert_string_equal(text, "{\"a\":\"2\",\"b_c\":\"x y!\",\"d\":\"\"}");
    free(text);
    json_decref(out);
}

static void refuses_malformed_forms(void **state)
{
    (void)state;
    json_t *out;
    assert_int_equal(json_form_read(STR("a=%4"), &out), RC_INVALID);
    assert_null(out);
    assert_int_equal(json_form_read(STR("a=%ff"), &out), RC_INVALID);
    assert_int_equal(json_form_read(STR("a%00=b"), &out), RC_INVALID);
}

static void a_form_is_known_by_its_content_type(void **state)
{
    (void)state;
    assert_true(json_form_is_type(STR("application/x-www-form-urlencoded")));
    assert_true(json_form_is_type(STR("Application/X-WWW-Form-URLencoded ; charset=utf-8")));
    assert_false(json_form_is_type(STR("application/x-www-form-urlencoded-not")));
    assert_false(json_form_is_type(STR("application/json")));
    assert_false(json_form_is_type(STR_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_forms_as_the_plugin_does),
        cmocka_unit_test(refuses_what_is_no_object_and_what_does_not_fit),
        cmocka_unit_test(reads_forms_into_flat_objects),
        cmocka_unit_test(refuses_malformed_forms),
        cmocka_unit_test(a_form_is_known_by_its_content_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
