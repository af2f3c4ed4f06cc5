/* SPDX-License-Identifier: Apache-2.0
 *
 * Hooks read again: all or nothing, and never from under a request.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "receive/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct files {
    char folder[64], one[96], two[96];
    struct receive_live live;
};

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    struct files *f = XNEW(struct files);

    (void)snprintf(f->folder, sizeof f->folder, "/tmp/grapnel-live-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->one, sizeof f->one, "%s/one.json", f->folder);
    (void)snprintf(f->two, sizeof f->two, "%s/two.json", f->folder);
    write_file(f->one, "[{\"id\":\"a\",\"execute-command\":\"x\"}]");
    write_file(f->two, "[{\"id\":\"b\",\"execute-command\":\"y\"}]");
    f->live.files[0] = f->one;
    f->live.files[1] = f->two;
    f->live.file_count = 2;
    assert_int_equal(receive_live_init(&f->live, NULL), RC_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct files *f = *state;

    receive_live_fini(&f->live);
    (void)unlink(f->one);
    (void)unlink(f->two);
    (void)rmdir(f->folder);
    xfree(f);
    return 0;
}

static bool has(struct files *f, const char *id)
{
    const struct receive_hooks *hooks = receive_live_take(&f->live);
    bool found = receive_hooks_find(hooks, str_from(id)) != NULL;

    receive_live_give(&f->live, hooks);
    return found;
}

static void hooks_of_several_files_count_together(void **state)
{
    assert_true(has(*state, "a"));
    assert_true(has(*state, "b"));
    assert_false(has(*state, "c"));
}

static void a_changed_file_is_noticed_and_read(void **state)
{
    struct files *f = *state;

    assert_false(receive_live_is_stale(&f->live));
    write_file(f->one, "[{\"id\":\"changed\",\"execute-command\":\"x\"}]");
    assert_true(receive_live_is_stale(&f->live));
    assert_int_equal(receive_live_reload(&f->live, NULL), RC_OK);
    assert_false(receive_live_is_stale(&f->live));
    assert_true(has(f, "changed"));
    assert_true(has(f, "b"));
    assert_false(has(f, "a"));
}

static void a_file_that_is_wrong_or_gone_changes_nothing(void **state)
{
    struct files *f = *state;
    static const char *const wrong[] = { "[{]", "[{\"id\":\"a\",\"execute-command\":\"twice\"}]" };
    static const char *const words[] = { "two.json: line 1: not JSON",
                                         "two.json: hook 1 (a): there is another" };

    for (size_t i = 0; i < 2; i++) {
        struct buf why;
        buf_init(&why, 512);
        write_file(f->two, wrong[i]);
        assert_int_equal(receive_live_reload(&f->live, &why), RC_INVALID);
        if (!str_contains(buf_str(&why), str_from(words[i])))
            fail_msg("%.*s", STR_ARGS(buf_str(&why)));
        assert_true(has(f, "a") && has(f, "b"));
        assert_false(receive_live_is_stale(&f->live)); /* it is not tried again and again */
        buf_fini(&why);
    }
    (void)unlink(f->two);
    assert_true(receive_live_is_stale(&f->live));
    assert_int_equal(receive_live_reload(&f->live, NULL), RC_INVALID);
    assert_true(has(f, "a") && has(f, "b"));
}

static void what_a_request_took_lives_until_it_gives_it_back(void **state)
{
    struct files *f = *state;
    const struct receive_hooks *held = receive_live_take(&f->live);
    const struct receive_hook *hook = receive_hooks_find(held, STR("a"));

    write_file(f->one, "[]");
    for (int i = 0; i < 3; i++)
        assert_int_equal(receive_live_reload(&f->live, NULL), RC_OK);
    assert_true(str_eq(hook->command, STR("x")));
    assert_false(has(f, "a"));
    receive_live_give(&f->live, held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hooks_of_several_files_count_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_changed_file_is_noticed_and_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_wrong_or_gone_changes_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_a_request_took_lives_until_it_gives_it_back, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
