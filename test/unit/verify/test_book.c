/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "verify/verify.h"

static char folder[64];

static void write_scheme(const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void remove_scheme(const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(unlink(path), 0);
}

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/presets-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static void presets_are_sorted_and_found_by_either_name(void **state)
{
    struct verify_book *book = NULL;
    (void)state;
    assert_int_equal(verify_book_open(NULL, &book, NULL), RC_OK);
    for (size_t i = 1; i < verify_book_count(book); i++)
        assert_true(str_cmp(verify_book_at(book, i - 1)->name, verify_book_at(book, i)->name) < 0);
    assert_true(verify_book_count(book) > 120);
    assert_non_null(verify_book_find(book, STR("github")));
    assert_ptr_equal(verify_book_find(book, STR("open-ai")), verify_book_find(book, STR("openai")));
    assert_null(verify_book_find(book, STR("cron")));
    assert_null(verify_book_find(book, STR("")));
    verify_book_free(book);
}

static void a_scheme_says_where_it_may_be_judged(void **state)
{
    static const struct {
        const char *name;
        bool is_slow, is_sns, is_token, needs_secret;
    } rows[] = {
        { "github", false, false, false, true },
        { "discord", true, false, false, true },
        { "aws-sns", true, true, false, false },
        { "gitlab", false, false, true, true },
        { "postmark", false, false, true, true },
        { "netlify", true, false, false, true },
        { "docker-hub", false, false, false, false },
        { "generic-webhook", false, false, false, false },
    };
    struct verify_book *book = NULL;
    (void)state;
    assert_int_equal(verify_book_open(NULL, &book, NULL), RC_OK);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct verify_scheme *s = verify_book_find(book, str_from(rows[i].name));
        assert_non_null(s);
        assert_int_equal(s->is_slow, rows[i].is_slow);
        assert_int_equal(s->is_sns, rows[i].is_sns);
        assert_int_equal(s->is_token, rows[i].is_token);
        assert_int_equal(s->needs_secret, rows[i].needs_secret);
    }
    verify_book_free(book);
}

static void an_operators_preset_joins_the_others(void **state)
{
    struct verify_book *book = NULL;
    (void)state;
    write_scheme("our-own.scheme", "title Own\nauth equal\nsig header X-Own\n");
    write_scheme("notes.txt", "not a scheme");
    assert_int_equal(verify_book_open(folder, &book, NULL), RC_OK);
    const struct verify_scheme *s = verify_book_find(book, STR("our-own"));
    assert_non_null(s);
    assert_true(str_eq(s->title, STR("Own")));
    verify_book_free(book);
    remove_scheme("our-own.scheme");
    remove_scheme("notes.txt");
}

static void a_wrong_one_is_refused_with_file_line_and_reason(void **state)
{
    static const struct {
        const char *name, *text, *words;
    } rows[] = {
        { "bad.scheme", "title Bad\nauth hmac\nhash md5\n", "bad.scheme:3: a hash is" },
        { "github.scheme", "auth none\n", "github.scheme: there is a built-in preset" },
        { "Upper.scheme", "auth none\n", "Upper.scheme: a preset's name" },
        { "empty.scheme", "", "empty.scheme" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct verify_book *book = NULL;
        struct buf why;
        buf_init(&why, 512);
        write_scheme(rows[i].name, rows[i].text);
        assert_int_equal(verify_book_open(folder, &book, &why), RC_INVALID);
        if (strstr(why.ptr, rows[i].words) == NULL)
            fail_msg("%s: %s", rows[i].name, why.ptr);
        remove_scheme(rows[i].name);
        buf_fini(&why);
    }
}

static void a_folder_that_is_not_there_is_told(void **state)
{
    struct verify_book *book = NULL;
    struct buf why;
    (void)state;
    buf_init(&why, 512);
    assert_int_equal(verify_book_open("/nonexistent/presets", &book, &why), RC_IO);
    assert_non_null(strstr(why.ptr, "/nonexistent/presets"));
    buf_fini(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets_are_sorted_and_found_by_either_name),
        cmocka_unit_test(a_scheme_says_where_it_may_be_judged),
        cmocka_unit_test_setup_teardown(an_operators_preset_joins_the_others, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_wrong_one_is_refused_with_file_line_and_reason,
                                        make_folder, remove_folder),
        cmocka_unit_test(a_folder_that_is_not_there_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
