/* SPDX-License-Identifier: Apache-2.0
 *
 * The validator agrees with jansson (but for what test/unit/json/test_suite.c documents), a scanned
 * member is itself a valid value, and its characters are UTF-8.
 */
#include "../fuzz.h"

#include "json/json.h"

static bool jansson_may_refuse(enum json_error_code code)
{
    return code == json_error_numeric_overflow || code == json_error_null_byte_in_key;
}

static bool jansson_may_accept(struct str text, const struct json_error *error)
{
    return strcmp(error->reason, "nested deeper than 512 levels") == 0 ||
           (error->offset < text.len && text.ptr[error->offset] == '\0');
}

static void compare_with_jansson(struct str text)
{
    json_error_t why;
    struct json_error error = { 0, NULL };
    bool ours = json_validate(text, &error) == RC_OK;
    MUST(ours || (error.reason != NULL && error.offset <= text.len));
    json_t *tree = json_loadb(text.ptr, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    if (ours) {
        MUST(tree != NULL || jansson_may_refuse(json_error_code(&why)));
    } else {
        MUST(tree == NULL || jansson_may_accept(text, &error));
    }
    json_decref(tree);
}

static enum rc check_value(void *ctx, size_t index, struct json_span value)
{
    (void)index;
    int64_t number;
    MUST(json_validate(value.text, NULL) == RC_OK);
    if (value.type == JSON_SPAN_STRING) {
        MUST(str_is_utf8(json_span_string(ctx, value)));
    } else if (value.type == JSON_SPAN_NUMBER) {
        enum rc rc = json_span_int(value, &number);
        MUST(rc == RC_OK || rc == RC_INVALID);
    }
    return RC_OK;
}

static void check_members(struct str text)
{
    struct json_member wanted[] = { { .name = STR("a") },
                                    { .name = STR("type") },
                                    { .name = STR("") } };
    struct arena a;
    arena_init(&a);
    if (json_scan_object(text, wanted, COUNT_OF(wanted), NULL) == RC_OK) {
        for (size_t i = 0; i < COUNT_OF(wanted); i++) {
            struct json_span value = wanted[i].value;
            if (value.type == JSON_SPAN_ARRAY) {
                MUST(json_span_each(value, check_value, &a) == RC_OK);
            } else if (value.type != JSON_SPAN_NONE) {
                (void)check_value(&a, i, value);
            }
        }
    }
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size };
    compare_with_jansson(text);
    check_members(text);
    return 0;
}
