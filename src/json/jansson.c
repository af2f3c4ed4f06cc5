/* SPDX-License-Identifier: Apache-2.0
 *
 * jansson behind our own validator: the text is judged by the same rules as on the hot path first,
 * so that one text cannot be fine here and malformed there, and so that errors read the same.
 * jansson then refuses only what a tree cannot hold: numbers out of range, a name twice, U+0000.
 */
#include "json/tree.h"

static const char *reason_of(const json_error_t *error)
{
    enum json_error_code code = json_error_code(error);
    if (code == json_error_numeric_overflow) {
        return "a number is out of range (integers are limited to 64 bits; send a larger one as a string)";
    }
    if (code == json_error_duplicate_key) {
        return "a member occurs twice";
    }
    if (code == json_error_null_character || code == json_error_null_byte_in_key) {
        return "a string holds U+0000";
    }
    return "not a value";
}

enum rc json_parse(struct str text, json_t **out, struct json_error *error)
{
    *out = NULL;
    enum rc rc = json_validate(text, error);
    if (rc != RC_OK) {
        return rc;
    }
    json_error_t why;
    *out = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (*out != NULL) {
        return RC_OK;
    }
    if (error != NULL) {
        *error =
            (struct json_error){ (size_t)(why.position > 0 ? why.position : 0), reason_of(&why) };
    }
    return RC_INVALID;
}

struct str json_str_of(const json_t *v)
{
    return json_is_string(v) ? str_of(json_string_value(v), json_string_length(v)) : STR_NONE;
}

struct str json_str_member(const json_t *object, const char *name)
{
    return json_str_of(json_object_get(object, name));
}
