/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/secret_priv.h"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/grapnel-secret-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static void path_of_secret(char path[static 128])
{
    (void)snprintf(path, 128, "%s/main-secret", folder);
}

static int remove_folder(void **state)
{
    char path[128];
    (void)state;
    path_of_secret(path);
    (void)unlink(path);
    return rmdir(folder);
}

static enum rc get(const char *configured, struct buf *out, struct buf *why)
{
    struct conf conf = { .data_dir = folder, .main_secret = configured };
    buf_reset(out);
    buf_reset(why);
    return server_main_secret(&conf, out, why);
}

static void a_secret_is_made_once_and_found_again(void **state)
{
    struct buf first, again, why;
    char path[128];
    struct stat st;
    (void)state;

    buf_init(&first, 1024);
    buf_init(&again, 1024);
    buf_init(&why, 1024);
    assert_int_equal(get("", &first, &why), RC_OK);
    assert_true(first.len >= 32);
    assert_int_equal(get("", &again, &why), RC_OK);
    assert_true(str_eq(buf_str(&first), buf_str(&again)));
    path_of_secret(path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    buf_fini(&first);
    buf_fini(&again);
    buf_fini(&why);
}

static void the_configured_secret_wins_and_makes_no_file(void **state)
{
    struct buf out, why;
    char path[128];
    (void)state;

    buf_init(&out, 1024);
    buf_init(&why, 1024);
    assert_int_equal(get("from the configuration", &out, &why), RC_OK);
    assert_true(str_eq(buf_str(&out), STR("from the configuration")));
    path_of_secret(path);
    assert_int_not_equal(access(path, F_OK), 0);
    buf_fini(&out);
    buf_fini(&why);
}

static void a_secret_that_others_may_read_is_refused_by_name(void **state)
{
    struct buf out, why;
    char path[128];
    (void)state;

    buf_init(&out, 1024);
    buf_init(&why, 1024);
    assert_int_equal(get("", &out, &why), RC_OK);
    path_of_secret(path);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(get("", &out, &why), RC_DENIED);
    assert_true(str_contains(buf_str(&why), STR("main-secret")));
    buf_fini(&out);
    buf_fini(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_secret_is_made_once_and_found_again, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(the_configured_secret_wins_and_makes_no_file, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_secret_that_others_may_read_is_refused_by_name,
                                        make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
