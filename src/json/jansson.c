/* SPDX-License-Identifier: Apache-2.0
 *
 * jansson behind our own validator: the text is judged by the same rules as on the hot path first,
 * so that one text cannot be fine here and malformed there, and so that errors read the same.
 * jansson then refuses only what a tree cannot hold: numbers out of range, a name twice, U+0000.
 */
#include "json/json.h"

static const char *reason_of(const json_error_t *error)
{
    enum json_error_code code = json_error_code(error);
    if (code == json_error_numeric_overflow) {
        return "a number is out of range";
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

static int add_chunk(const char *bytes, size_t len, void *ctx)
{
    return buf_add(ctx, bytes, len) == RC_OK ? 0 : -1;
}

static enum rc write_as(const json_t *value, size_t flags, struct buf *out)
{
    size_t before = out->len;
    if (json_dump_callback(value, add_chunk, out, flags | JSON_ENCODE_ANY) == 0) {
        return RC_OK;
    }
    out->len = before;
    if (out->ptr != NULL) {
        out->ptr[before] = '\0';
    }
    return RC_LIMIT;
}

enum rc json_write(const json_t *value, struct buf *out)
{
    return write_as(value, JSON_COMPACT, out);
}

enum rc json_write_lines(const json_t *value, struct buf *out)
{
    enum rc rc = write_as(value, JSON_INDENT(1), out);
    return rc == RC_OK ? buf_add_char(out, '\n') : rc;
}

/* What a tree is made of came through limits far below this. */
enum { TREE_TEXT_MAX = 1 << 30 };

struct str json_text(struct arena *a, const json_t *value)
{
    struct buf out;
    buf_init(&out, TREE_TEXT_MAX);
    MUST(json_write(value, &out) == RC_OK);
    struct str text = arena_str(a, buf_str(&out));
    buf_fini(&out);
    return text;
}
