/* SPDX-License-Identifier: Apache-2.0
 *
 * What is taken out of a record, and comparing with what was.
 */
#include "filter/chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void pointers_take_values_out(void **state)
{
    (void)state;
    const struct str pointers[] = { STR("/user/password"), STR("/*/mail"), STR("/list/1"),
                                    STR("/x~1y"), STR("/none/at/all") };
    json_t *data = json_loads(
        "{\"user\":{\"password\":{\"deep\":1},\"mail\":\"m\",\"name\":\"n\"},\"list\":[1,2],\"x/y\":3}",
        0, NULL);
    json_t *hidden = filter_record_redact(data, pointers, COUNT_OF(pointers));
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
        assert_int_equal(filter_record_fits(kept, now), rows[i].fits);
        json_decref(kept);
        json_decref(now);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pointers_take_values_out),
        cmocka_unit_test(what_was_taken_out_fits_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
