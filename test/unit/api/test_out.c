/* SPDX-License-Identifier: Apache-2.0 */
#include "api/kit/out.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void members_and_elements_are_parted_by_commas(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1024);
    struct api_out o = { .b = &b };
    api_out_begin(&o, '{');
    api_out_key(&o, "list");
    api_out_begin(&o, '[');
    api_out_int(&o, NULL, 1);
    api_out_str(&o, NULL, STR("a\"b"));
    api_out_key(&o, NULL);
    api_out_begin(&o, '{');
    api_out_end(&o, '}');
    api_out_end(&o, ']');
    api_out_opt(&o, "none", STR_NONE);
    api_out_opt_int(&o, "zero", 0);
    api_out_bool(&o, "yes", true);
    api_out_raw(&o, "raw", STR("{ }"));
    api_out_opt_date(&o, "never", 0);
    api_out_date(&o, "start", 0);
    api_out_end(&o, '}');
    assert_int_equal(o.rc, RC_OK);
    assert_string_equal(
        b.ptr, "{\"list\":[1,\"a\\\"b\",{}],\"none\":null,\"zero\":null,\"yes\":true,\"raw\":{ },"
               "\"never\":null,\"start\":\"1970-01-01T00:00:00.000000Z\"}");
    buf_fini(&b);
}

static void the_first_failure_sticks(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 8);
    struct api_out o = { .b = &b };
    api_out_str(&o, NULL, STR("far too long"));
    api_out_int(&o, NULL, 1);
    assert_int_equal(o.rc, RC_LIMIT);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_and_elements_are_parted_by_commas),
        cmocka_unit_test(the_first_failure_sticks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
