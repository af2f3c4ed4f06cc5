/* SPDX-License-Identifier: Apache-2.0
 *
 * The public JSON parsing test suite, and agreement with jansson on it and on mutations of it.
 *
 * Where the two may differ, and why:
 *   - numbers out of range of int64_t or double: a span keeps digits, jansson refuses;
 *   - "\u0000" in a name: jansson cannot hold it;
 *   - nesting of 513 to 2048 levels: our limit is lower;
 *   - a NUL byte outside of a string: jansson takes it for the end of the text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "json/json.h"

#define SUITE TEST_DATA "/json"

enum { FILE_MAX = 1 << 20, MUTATIONS_PER_FILE = 200, MUTATED_MAX = 4096 };

/* What RFC 8259 leaves open, and what we do. */
static const struct {
    const char *file;
    bool accepted;
} left_open[] = {
    { "i_number_double_huge_neg_exp.json",
      true }, /* numbers of any size: only digits are looked at */
    { "i_number_huge_exp.json", true },
    { "i_number_neg_int_huge_exp.json", true },
    { "i_number_pos_double_huge_exp.json", true },
    { "i_number_real_neg_overflow.json", true },
    { "i_number_real_pos_overflow.json", true },
    { "i_number_real_underflow.json", true },
    { "i_number_too_big_neg_int.json", true },
    { "i_number_too_big_pos_int.json", true },
    { "i_number_very_big_negative_int.json", true },
    { "i_object_key_lone_2nd_surrogate.json", false }, /* half a surrogate pair is no character */
    { "i_string_1st_surrogate_but_2nd_missing.json", false },
    { "i_string_1st_valid_surrogate_2nd_invalid.json", false },
    { "i_string_UTF-16LE_with_BOM.json", false }, /* UTF-8 only */
    { "i_string_UTF-8_invalid_sequence.json", false },
    { "i_string_UTF8_surrogate_U+D800.json", false },
    { "i_string_incomplete_surrogate_and_escape_valid.json", false },
    { "i_string_incomplete_surrogate_pair.json", false },
    { "i_string_incomplete_surrogates_escape_valid.json", false },
    { "i_string_invalid_lonely_surrogate.json", false },
    { "i_string_invalid_surrogate.json", false },
    { "i_string_invalid_utf-8.json", false },
    { "i_string_inverted_surrogates_U+1D11E.json", false },
    { "i_string_iso_latin_1.json", false },
    { "i_string_lone_second_surrogate.json", false },
    { "i_string_lone_utf8_continuation_byte.json", false },
    { "i_string_not_in_unicode_range.json", false },
    { "i_string_overlong_sequence_2_bytes.json", false },
    { "i_string_overlong_sequence_6_bytes.json", false },
    { "i_string_overlong_sequence_6_bytes_null.json", false },
    { "i_string_truncated-utf-8.json", false },
    { "i_string_utf16BE_no_BOM.json", false },
    { "i_string_utf16LE_no_BOM.json", false },
    { "i_structure_500_nested_arrays.json", true },       /* 512 levels are allowed */
    { "i_structure_UTF-8_BOM_empty_object.json", false }, /* no byte order mark */
};

struct file {
    const char *name;
    struct str text;
};

static void each_file(void (*fn)(const struct file *file))
{
    DIR *dir = opendir(SUITE);
    assert_non_null(dir);
    size_t seen = 0;
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (!str_ends(str_from(entry->d_name), STR(".json"))) {
            continue;
        }
        char path[sizeof(SUITE) + sizeof(entry->d_name) + 1];
        snprintf(path, sizeof(path), "%s/%s", SUITE, entry->d_name);
        FILE *stream = fopen(path, "rb");
        char *bytes = malloc(FILE_MAX);
        assert_true(stream != NULL && bytes != NULL);
        size_t len = fread(bytes, 1, FILE_MAX, stream);
        fclose(stream);
        fn(&(struct file){ entry->d_name, str_of(bytes, len) });
        free(bytes);
        seen++;
    }
    closedir(dir);
    assert_int_equal(seen, 318);
}

static bool expected(const char *name)
{
    if (name[0] != 'i') {
        return name[0] == 'y';
    }
    for (size_t i = 0; i < COUNT_OF(left_open); i++) {
        if (strcmp(left_open[i].file, name) == 0) {
            return left_open[i].accepted;
        }
    }
    fail_msg("%s is not in the table", name);
    return false;
}

static void check_file(const struct file *file)
{
    struct json_error error = { 0, "accepted" };
    bool accepted = json_validate(file->text, &error) == RC_OK;
    if (accepted != expected(file->name)) {
        fail_msg("%s: %s", file->name, error.reason);
    }
}

static void judges_the_public_suite_as_documented(void **state)
{
    (void)state;
    each_file(check_file);
}

/* May jansson refuse what we accept, for this reason? */
static bool jansson_may_refuse(enum json_error_code code)
{
    return code == json_error_numeric_overflow || code == json_error_null_byte_in_key;
}

static bool jansson_may_accept(struct str text, const struct json_error *error)
{
    return strcmp(error->reason, "nested deeper than 512 levels") == 0 ||
           (error->offset < text.len && text.ptr[error->offset] == '\0');
}

static void check_against_jansson(const char *name, struct str text)
{
    json_error_t why;
    struct json_error error = { 0, "accepted" };
    bool ours = json_validate(text, &error) == RC_OK;
    json_t *tree = json_loadb(text.ptr, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    if (ours && tree == NULL && !jansson_may_refuse(json_error_code(&why))) {
        fail_msg("%s: accepted, jansson: %s: %.*s", name, why.text, STR_ARGS(text));
    }
    if (!ours && tree != NULL && !jansson_may_accept(text, &error)) {
        fail_msg("%s: %s at %zu, jansson accepts: %.*s", name, error.reason, error.offset,
                 STR_ARGS(text));
    }
    json_decref(tree);
}

static void check_file_against_jansson(const struct file *file)
{
    check_against_jansson(file->name, file->text);
}

static void agrees_with_jansson_on_the_suite(void **state)
{
    (void)state;
    each_file(check_file_against_jansson);
}

static struct rng_seeded dice;

/* Replaces, drops, doubles or inserts a byte, most often one that has a meaning. */
static struct str mutate(struct str text, char *out)
{
    static const char meaningful[] = "{}[]:,\"\\ \n-+.eE0159tfnu/dD8";
    size_t len = text.len < MUTATED_MAX ? text.len : MUTATED_MAX;
    memcpy(out, text.ptr, len);
    for (uint64_t times = 1 + rng_below(&dice.rng, 3); times > 0; times--) {
        size_t at = len == 0 ? 0 : rng_below(&dice.rng, len);
        uint64_t kind = rng_below(&dice.rng, 4);
        char byte = rng_below(&dice.rng, 4) == 0
                        ? (char)rng_below(&dice.rng, 256)
                        : meaningful[rng_below(&dice.rng, sizeof(meaningful) - 1)];
        if (kind == 0 && len > 0) {
            out[at] = byte;
        } else if (kind == 1 && len > 0) {
            memmove(out + at, out + at + 1, len - at - 1);
            len--;
        } else {
            memmove(out + at + 1, out + at, len - at);
            out[at] = kind == 2 ? byte : out[at + (len > at ? 1 : 0)];
            len++;
        }
    }
    return str_of(out, len);
}

static void check_mutations(const struct file *file)
{
    char bytes[MUTATED_MAX + 8] = { 0 };
    for (int i = 0; i < MUTATIONS_PER_FILE; i++) {
        check_against_jansson(file->name, mutate(file->text, bytes));
    }
}

static void agrees_with_jansson_on_mutations_of_the_suite(void **state)
{
    (void)state;
    rng_seeded_init(&dice, 20260101);
    each_file(check_mutations);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_the_public_suite_as_documented),
        cmocka_unit_test(agrees_with_jansson_on_the_suite),
        cmocka_unit_test(agrees_with_jansson_on_mutations_of_the_suite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
