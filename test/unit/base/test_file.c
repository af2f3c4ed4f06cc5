/* SPDX-License-Identifier: Apache-2.0 */
#include "test_base.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[96], fresh[96];

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/grapnel-file-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/kept", folder);
    (void)snprintf(fresh, sizeof(fresh), "%s/kept.new", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)rmdir(fresh);
    return rmdir(folder);
}

static void assert_content(const char *wanted)
{
    char text[64] = "";
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, wanted);
}

static void a_file_is_replaced_as_a_whole(void **state)
{
    const struct str one[] = { STR("one") }, two[] = { STR("t"), STR(""), STR("wo") };
    struct stat st;
    (void)state;
    assert_int_equal(file_replace(path, one, 1, false), RC_OK);
    assert_content("one");
    assert_int_equal(file_replace(path, two, 3, true), RC_OK);
    assert_content("two");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_not_equal(access(fresh, F_OK), 0);
}

static void what_cannot_be_replaced_stays(void **state)
{
    const struct str one[] = { STR("one") }, two[] = { STR("two") };
    (void)state;
    assert_int_equal(file_replace(path, one, 1, false), RC_OK);
    assert_int_equal(mkdir(fresh, 0700), 0); /* in the way */
    assert_int_equal(file_replace(path, two, 1, false), RC_IO);
    assert_int_equal(errno, EISDIR);
    assert_content("one");
}

static void a_full_disk_is_a_limit_and_the_rest_is_not(void **state)
{
    int fd = open("/dev/full", O_WRONLY);
    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(file_write(fd, "x", 1), RC_LIMIT);
    (void)close(fd);
    assert_int_equal(file_rc(EDQUOT), RC_LIMIT);
    assert_int_equal(file_rc(EIO), RC_IO);
}

static void the_folder_of_a_path_is_synced_however_it_is_written(void **state)
{
    char text[128];
    (void)state;
    assert_int_equal(file_sync_parent(path), RC_OK);
    assert_int_equal(file_sync_parent("nothing-of-that-name"), RC_OK);
    assert_int_equal(file_sync_parent("/tmp//"), RC_OK);
    (void)snprintf(text, sizeof(text), "%s/no-folder/file", folder);
    assert_int_equal(file_sync_parent(text), RC_IO);
    assert_int_equal(errno, ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_is_replaced_as_a_whole, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_cannot_be_replaced_stays, make_folder, remove_folder),
        cmocka_unit_test(a_full_disk_is_a_limit_and_the_rest_is_not),
        cmocka_unit_test_setup_teardown(the_folder_of_a_path_is_synced_however_it_is_written,
                                        make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
