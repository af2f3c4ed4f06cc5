/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/files/keys_priv.h"

enum { MANY = 20000 };

static uint64_t hash_of(int64_t n)
{
    return store_keys_hash(1, 2, str_of((const char *)&n, sizeof n));
}

static void a_table_finds_what_was_added_and_nothing_else(void **state)
{
    (void)state;
    struct store_key_table t = { 0 };
    size_t at = 0;
    assert_int_equal(store_key_table_find(&t, hash_of(1), &at), 0);
    for (int64_t i = 1; i <= MANY; i++)
        store_key_table_add(&t, hash_of(i), i);
    assert_int_equal(t.count, MANY);
    for (int64_t i = 1; i <= MANY; i++) {
        at = 0;
        assert_int_equal(store_key_table_find(&t, hash_of(i), &at), i);
        at = 0;
        assert_int_equal(store_key_table_find(&t, hash_of(i + MANY), &at), 0);
    }
    store_key_table_fini(&t);
}

static void removing_keeps_the_others_findable(void **state)
{
    (void)state;
    struct store_key_table t = { 0 };
    for (int64_t i = 1; i <= MANY; i++)
        store_key_table_add(&t, (uint64_t)(i % 100),
                            i); /* long runs of equal and neighbouring homes */
    for (int64_t i = 1; i <= MANY; i += 2)
        store_key_table_remove(&t, (uint64_t)(i % 100), i);
    store_key_table_remove(&t, 5, MANY + 1);
    assert_int_equal(t.count, MANY / 2);
    size_t found = 0;
    for (uint64_t hash = 0; hash < 100; hash++) {
        size_t at = 0;
        for (int64_t k = store_key_table_find(&t, hash, &at); k != 0;
             k = store_key_table_find(&t, hash, &at)) {
            assert_int_equal(k % 2, 0);
            found++;
        }
    }
    assert_int_equal(found, MANY / 2);
    store_key_table_fini(&t);
}

struct folder {
    char dir[40];
    char path[60];
    struct store_key *keys;
};

static int make_folder(void **state)
{
    struct folder *f = XNEW(struct folder);
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/grapnel-keys-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->path, sizeof f->path, "%s/a.keys", f->dir);
    f->keys = xcalloc(MANY, sizeof *f->keys);
    for (int64_t i = 0; i < MANY; i++)
        f->keys[i] = (struct store_key){ hash_of(i / 2), i + 1 }; /* each hash twice */
    *state = f;
    return 0;
}

static int remove_folder(void **state)
{
    struct folder *f = *state;
    (void)unlink(f->path);
    assert_int_equal(rmdir(f->dir), 0); /* nothing else was left behind */
    xfree(f->keys);
    xfree(f);
    return 0;
}

static int64_t found_in(const struct store_key_file *file, uint64_t hash, size_t *at)
{
    int64_t k = -1;
    assert_int_equal(store_key_file_find(file, hash, at, &k), RC_OK);
    return k;
}

/* A mapped file that is cut ends the process by a signal. */
static void a_file_that_cannot_be_read_any_more_is_an_error(void **state)
{
    struct folder *f = *state;
    struct store_key_file *file;
    assert_int_equal(store_key_file_write(f->path, f->keys, MANY, true), RC_OK);
    assert_int_equal(store_key_file_open(f->path, &file), RC_OK);
    assert_int_equal(truncate(f->path, 100), 0);
    store_key_file_rest(file);
    size_t failed = 0;
    for (int64_t i = 0; i < 100; i++) {
        size_t at = 0;
        int64_t k = -1;
        assert_true(store_key_file_may_have(file, hash_of(i)));
        failed += store_key_file_find(file, hash_of(i), &at, &k) == RC_IO;
    }
    assert_int_equal(failed, 100);
    struct store_key_group *g = store_key_group_new(MANY);
    store_key_group_add_file(g, file);
    assert_true(store_key_group_may_have(g, hash_of(0)));
    assert_true(store_key_group_may_have(g, hash_of(MANY + 1)));
    store_key_group_unref(g);
    store_key_file_close(file);
}

static void hashes_that_lie_anyhow_are_found(void **state)
{
    struct folder *f = *state;
    struct store_key_file *file;
    static struct store_key keys[3000];
    for (size_t i = 0; i < COUNT_OF(keys); i++) /* runs, heaps at both ends, one far out */
        keys[i] = (struct store_key){ i < 1000   ? i
                                      : i < 2000 ? UINT64_MAX - i
                                                 : UINT64_C(7) << 40,
                                      (int64_t)i + 1 };
    assert_int_equal(store_key_file_write(f->path, keys, COUNT_OF(keys), true), RC_OK);
    assert_int_equal(store_key_file_open(f->path, &file), RC_OK);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        size_t at = 0;
        int64_t k = found_in(file, keys[i].hash, &at);
        while (k != keys[i].k && k != 0)
            k = found_in(file, keys[i].hash, &at);
        assert_int_equal(k, keys[i].k);
    }
    store_key_file_close(file);
}

static void a_file_finds_every_match_and_nothing_else(void **state)
{
    struct folder *f = *state;
    struct store_key_file *file;
    assert_int_equal(store_key_file_open(f->path, &file), RC_NOT_FOUND);
    assert_int_equal(store_key_file_write(f->path, f->keys, MANY, false), RC_OK);
    assert_int_equal(store_key_file_open(f->path, &file), RC_OK);
    assert_int_equal(store_key_file_count(file), MANY);
    for (int64_t i = 0; i < MANY / 2; i++) {
        size_t at = 0;
        assert_int_equal(found_in(file, hash_of(i), &at), 2 * i + 1);
        assert_int_equal(found_in(file, hash_of(i), &at), 2 * i + 2);
        assert_int_equal(found_in(file, hash_of(i), &at), 0);
        at = 0;
        assert_int_equal(found_in(file, hash_of(i + MANY), &at), 0);
        if (i == MANY / 4)
            store_key_file_rest(file); /* from here on the filter is read as it is needed */
    }
    store_key_file_close(file);
}

static void a_group_knows_all_of_its_files_and_little_else(void **state)
{
    struct folder *f = *state;
    struct store_key_file *file;
    int wrong = 0;
    assert_int_equal(store_key_file_write(f->path, f->keys, MANY, true), RC_OK);
    assert_int_equal(store_key_file_open(f->path, &file), RC_OK);
    struct store_key_group *g = store_key_group_new(MANY);
    assert_false(store_key_group_may_have(g, hash_of(0)));
    store_key_group_add_file(g, file);
    store_key_file_close(file);
    store_key_group_add(g, hash_of(MANY));
    store_key_group_unref(store_key_group_ref(g));
    for (int64_t i = 0; i < MANY / 2; i++) {
        assert_true(store_key_group_may_have(g, hash_of(i)));
        wrong += store_key_group_may_have(g, hash_of(MANY + 1 + i));
    }
    assert_true(store_key_group_may_have(g, hash_of(MANY)));
    assert_true(wrong < MANY / 2 / 20);
    store_key_group_unref(g);
}

static void an_empty_file_finds_nothing(void **state)
{
    struct folder *f = *state;
    struct store_key_file *file;
    size_t at = 0;
    assert_int_equal(store_key_file_write(f->path, f->keys, 0, true), RC_OK);
    assert_int_equal(store_key_file_open(f->path, &file), RC_OK);
    assert_int_equal(found_in(file, 1, &at), 0);
    store_key_file_close(file);
}

static void a_cut_or_changed_file_is_corrupt(void **state)
{
    struct folder *f = *state;
    struct store_key_file *file;
    struct stat st;
    assert_int_equal(store_key_file_write(f->path, f->keys, 500, true), RC_OK);
    assert_int_equal(stat(f->path, &st), 0);
    const off_t offsets[] = { 0, 9, 17, 30, 100, st.st_size - 1 };
    for (size_t i = 0; i < COUNT_OF(offsets); i++) {
        assert_int_equal(store_key_file_write(f->path, f->keys, 500, true), RC_OK);
        FILE *raw = fopen(f->path, "r+");
        assert_non_null(raw);
        assert_int_equal(fseek(raw, offsets[i], SEEK_SET), 0);
        int c = fgetc(raw);
        assert_int_equal(fseek(raw, offsets[i], SEEK_SET), 0);
        assert_int_not_equal(fputc(c ^ 0x40, raw), EOF);
        assert_int_equal(fclose(raw), 0);
        assert_int_equal(store_key_file_open(f->path, &file), RC_CORRUPT);
    }
    for (off_t size = 0; size < st.st_size; size += st.st_size / 7) {
        assert_int_equal(truncate(f->path, size), 0);
        assert_int_equal(store_key_file_open(f->path, &file), RC_CORRUPT);
        assert_int_equal(store_key_file_write(f->path, f->keys, 500, true), RC_OK);
    }
}

static void a_folder_that_is_not_there_is_an_io_error(void **state)
{
    (void)state;
    struct store_key key = { 1, 1 };
    assert_int_equal(store_key_file_write("/nowhere/at/all.keys", &key, 1, true), RC_IO);
}

static void hashes_depend_on_seed_application_and_text(void **state)
{
    (void)state;
    uint64_t hash = store_keys_hash(1, 2, STR("order-123456789"));
    assert_true(hash == store_keys_hash(1, 2, STR("order-123456789")));
    assert_true(hash != store_keys_hash(2, 2, STR("order-123456789")));
    assert_true(hash != store_keys_hash(1, 3, STR("order-123456789")));
    assert_true(hash != store_keys_hash(1, 2, STR("order-123456788")));
    assert_true(store_keys_hash(1, 2, STR("")) != store_keys_hash(1, 2, str_of("\0", 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_finds_what_was_added_and_nothing_else),
        cmocka_unit_test(removing_keeps_the_others_findable),
        cmocka_unit_test_setup_teardown(a_file_finds_every_match_and_nothing_else, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_read_any_more_is_an_error,
                                        make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(hashes_that_lie_anyhow_are_found, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_group_knows_all_of_its_files_and_little_else, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(an_empty_file_finds_nothing, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_cut_or_changed_file_is_corrupt, make_folder,
                                        remove_folder),
        cmocka_unit_test(a_folder_that_is_not_there_is_an_io_error),
        cmocka_unit_test(hashes_depend_on_seed_application_and_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
