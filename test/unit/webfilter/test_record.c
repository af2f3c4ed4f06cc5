/* SPDX-License-Identifier: Apache-2.0
 *
 * What a record holds, what is taken out of it, and comparing with what was.
 */
#include "webfilter/chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void pointers_take_values_out(void **state)
{
    (void)state;
    const struct str pointers[] = { STR("/user/password"), STR("/*/mail"), STR("/list/1"),
                                    STR("/x~1y"), STR("/none/at/all") };
    json_t *data = json_loads(
        "{\"user\":{\"password\":{\"deep\":1},\"mail\":\"m\",\"name\":\"n\"},\"list\":[1,2],\"x/y\":3}",
        0, NULL);
    json_t *hidden = webfilter_record_redact(data, pointers, COUNT_OF(pointers));
    char *text = json_dumps(hidden, JSON_COMPACT);
    assert_string_equal(
        text, "{\"user\":{\"password\":\"[redacted]\",\"mail\":\"[redacted]\",\"name\":\"n\"},"
              "\"list\":[1,\"[redacted]\"],\"x/y\":\"[redacted]\"}");
    free(text);
    json_decref(hidden);
    json_decref(data);
}

static void what_was_taken_out_fits_anything(void **state)
{
    static const struct {
        const char *kept, *now;
        bool fits;
    } rows[] = {
        { "{\"a\":\"[redacted]\",\"b\":[1,{\"c\":\"[redacted]\"}]}",
          "{\"a\":{\"x\":1},\"b\":[1,{\"c\":null}]}", true },
        { "{\"a\":\"[redacted]\"}", "{}", false },
        { "{\"a\":\"[redacted]\"}", "{\"a\":1,\"b\":2}", false },
        { "{\"a\":[1,2]}", "{\"a\":[1]}", false },
        { "{\"a\":{\"b\":1}}", "{\"a\":{\"b\":2}}", false },
        { "{\"a\":1.5}", "{\"a\":1.5}", true },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        json_t *kept = json_loads(rows[i].kept, 0, NULL), *now = json_loads(rows[i].now, 0, NULL);
        assert_int_equal(webfilter_record_fits(kept, now), rows[i].fits);
        json_decref(kept);
        json_decref(now);
    }
}

static void a_record_holds_no_values_unless_all_is_kept(void **state)
{
    (void)state;
    json_t *from = json_loads("{\"user\":{\"name\":\"ann\",\"mail\":\"a@b\"},\"n\":1}", 0, NULL);
    json_t *to = json_loads("{\"user\":{\"name\":\"bea\"},\"n\":1,\"x/y\":[1]}", 0, NULL);
    json_t *bare = webfilter_record_diff(from, to, false),
           *full = webfilter_record_diff(from, to, true);
    char *text = json_dumps(bare, JSON_COMPACT);
    assert_string_equal(
        text,
        "[{\"op\":\"replace\",\"path\":\"/user/name\"},{\"op\":\"remove\",\"path\":\"/user/mail\"},"
        "{\"op\":\"add\",\"path\":\"/x~1y\"}]");
    free(text);
    text = json_dumps(full, JSON_COMPACT);
    assert_non_null(strstr(text, "\"from\":\"ann\",\"to\":\"bea\""));
    free(text);
    json_decref(bare);
    json_decref(full);
    json_decref(from);
    json_decref(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pointers_take_values_out),
        cmocka_unit_test(what_was_taken_out_fits_anything),
        cmocka_unit_test(a_record_holds_no_values_unless_all_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
