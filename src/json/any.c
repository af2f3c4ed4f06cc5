/* SPDX-License-Identifier: Apache-2.0
 *
 * See json/any.h. A reader of its own, as jansson's stops at what it cannot hold. It recurses, which
 * JSON_DEPTH_MAX bounds.
 */
#include "json/any.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "json/text_priv.h"

enum { STRING_MAX = 1 << 30 /* the caller bounds the text */ };

struct reader {
    const char *start, *at, *end;
    const char *reason; /* why reading stopped; NULL while it goes on */
    unsigned depth;
    struct buf text; /* the string read last */
};

static json_t *read_value(struct reader *r);

static bool any_fails(struct reader *r, const char *reason)
{
    if (r->reason == NULL)
        r->reason = r->at >= r->end ? "the text ends too early" : reason;
    return false;
}

static json_t *any_stop(struct reader *r, const char *reason)
{
    (void)any_fails(r, reason);
    return NULL;
}

/* NUL is allowed nowhere outside of a string, so it can stand for the end. */
static char any_peek(const struct reader *r)
{
    return r->at < r->end ? *r->at : '\0';
}

static void skip_space(struct reader *r)
{
    while (r->at < r->end && strchr(" \t\r\n", *r->at) != NULL && *r->at != '\0')
        r->at++;
}

static bool take_char(struct reader *r, char c)
{
    skip_space(r);
    if (any_peek(r) != c || r->at == r->end)
        return false;
    r->at++;
    return true;
}

/* --- strings ------------------------------------------------------------------------------------ */

static bool is_plain(char c)
{
    return (unsigned char)c >= ' ' && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

/* One character that is not plain, or a run of those that are, into r->text. */
static bool take_piece(struct reader *r)
{
    struct json_character c;
    struct str rest = str_of(r->at, (size_t)(r->end - r->at));
    size_t used = 0;
    while (used < rest.len && is_plain(rest.ptr[used]))
        used++;
    if (used == 0 && any_peek(r) == '\\') {
        used = json_text_escape_any(rest, &c);
        r->at += used;
        return used > 0 ? buf_add(&r->text, c.bytes, c.len) == RC_OK
                        : any_fails(r, "an escape in a string is malformed");
    }
    if (used == 0)
        used = json_text_utf8((const unsigned char *)rest.ptr, rest.len);
    if (used == 0)
        return any_fails(r, (unsigned char)any_peek(r) < ' '
                                ? "a control character in a string is not escaped"
                                : "a string is not UTF-8");
    r->at += used;
    return buf_add(&r->text, rest.ptr, used) == RC_OK;
}

/* At the opening quote. */
static bool take_string(struct reader *r)
{
    r->at++;
    buf_reset(&r->text);
    while (r->at < r->end && *r->at != '"')
        if (!take_piece(r))
            return any_fails(r, "a string is too long");
    if (r->at == r->end)
        return any_fails(r, "");
    r->at++;
    return true;
}

static json_t *read_string(struct reader *r)
{
    if (!take_string(r))
        return NULL;
    struct str s = buf_str(&r->text);
    return json_stringn_nocheck(s.len > 0 ? s.ptr : "", s.len);
}

/* --- numbers and words --------------------------------------------------------------------------- */

static json_t *number_of(struct buf *digits, struct str text)
{
    char *end;
    bool is_real = str_find(text, '.') < text.len || str_find(text, 'e') < text.len ||
                   str_find(text, 'E') < text.len;
    errno = 0;
    if (!is_real) {
        long long whole = strtoll(digits->ptr + 1, &end, 10);
        if (errno == 0)
            return json_integer(whole);
    } else {
        double real = strtod(digits->ptr + 1, &end);
        if (isfinite(real))
            return json_real(real);
    }
    return json_stringn_nocheck(digits->ptr, digits->len);
}

/* The validator knows the grammar of numbers. */
static json_t *any_read_number(struct reader *r)
{
    size_t len = 0;
    while (r->at + len < r->end && r->at[len] != '\0' &&
           strchr("+-.0123456789Ee", r->at[len]) != NULL)
        len++;
    struct str text = str_of(r->at, len);
    if (len == 0 || json_validate(text, NULL) != RC_OK)
        return any_stop(r, len == 0 ? "not a value" : "a number is malformed");
    buf_reset(&r->text);
    if (buf_add_char(&r->text, (char)JSON_ANY_NUMBER) != RC_OK ||
        buf_add_str(&r->text, text) != RC_OK)
        return any_stop(r, "a number is too long");
    r->at += len;
    return number_of(&r->text, text);
}

static json_t *read_word(struct reader *r)
{
    struct str rest = str_of(r->at, (size_t)(r->end - r->at));
    if (str_skip_prefix(&rest, STR("true"))) {
        r->at = rest.ptr;
        return json_true();
    }
    if (str_skip_prefix(&rest, STR("false"))) {
        r->at = rest.ptr;
        return json_false();
    }
    if (str_skip_prefix(&rest, STR("null"))) {
        r->at = rest.ptr;
        return json_null();
    }
    return any_read_number(r);
}

/* --- structure ----------------------------------------------------------------------------------- */

static bool take_member(struct reader *r, json_t *object)
{
    skip_space(r);
    if (any_peek(r) != '"')
        return any_fails(r, "the name of a member is not a string");
    if (!take_string(r))
        return false;
    char *name = xmemdup(buf_str(&r->text).ptr, r->text.len);
    bool fine = take_char(r, ':') || any_fails(r, "a colon is missing after the name of a member");
    json_t *value = fine ? read_value(r) : NULL;
    if (value != NULL)
        (void)json_object_set_new_nocheck(object, name, value);
    xfree(name);
    return value != NULL;
}

static json_t *read_object(struct reader *r)
{
    json_t *object = json_object();
    bool fine = true;
    if (take_char(r, '}'))
        return object;
    do
        fine = take_member(r, object);
    while (fine && take_char(r, ','));
    if (fine && take_char(r, '}'))
        return object;
    json_decref(object);
    return any_stop(r, "neither a comma nor the end of the object");
}

static json_t *read_array(struct reader *r)
{
    json_t *array = json_array(), *value;
    if (take_char(r, ']'))
        return array;
    do {
        value = read_value(r);
        if (value != NULL)
            (void)json_array_append_new(array, value);
    } while (value != NULL && take_char(r, ','));
    if (value != NULL && take_char(r, ']'))
        return array;
    json_decref(array);
    return any_stop(r, "neither a comma nor the end of the array");
}

static json_t *read_container(struct reader *r)
{
    if (r->depth == JSON_DEPTH_MAX)
        return any_stop(r, "nested deeper than 512 levels");
    r->depth++;
    bool is_object = *r->at++ == '{';
    json_t *value = is_object ? read_object(r) : read_array(r);
    r->depth--;
    return value;
}

static json_t *read_value(struct reader *r)
{
    skip_space(r);
    switch (any_peek(r)) {
    case '{':
    case '[': return read_container(r);
    case '"': return read_string(r);
    default: return read_word(r);
    }
}

enum rc json_parse_any(struct str text, json_t **out, struct json_error *error)
{
    struct reader r = { .start = text.ptr == NULL ? "" : text.ptr };
    struct str rest = str_of(r.start, text.len);
    (void)str_skip_prefix(&rest, STR("\xEF\xBB\xBF"));
    r.at = rest.ptr;
    r.end = r.start + text.len;
    buf_init(&r.text, STRING_MAX);
    *out = read_value(&r);
    skip_space(&r);
    if (*out != NULL && r.at < r.end) {
        json_decref(*out);
        *out = any_stop(&r, "something follows after the value");
    }
    buf_fini(&r.text);
    if (*out == NULL && error != NULL)
        *error = (struct json_error){ (size_t)(r.at - r.start), r.reason };
    return *out != NULL ? RC_OK : RC_INVALID;
}

/* --- what a tree's strings are ------------------------------------------------------------------- */

bool json_any_is_number(const json_t *v)
{
    return json_is_string(v) && json_string_length(v) > 0 &&
           (unsigned char)json_string_value(v)[0] == JSON_ANY_NUMBER;
}

/* How many bytes of a tree's string the next character is; 0: it is none. */
static size_t character_len(struct str s)
{
    const unsigned char *at = (const unsigned char *)s.ptr;
    if (at[0] < 0x80)
        return 1;
    if (s.len >= 2 && at[0] == 0xC0 && at[1] == 0x80)
        return 2;
    if (s.len >= 3 && at[0] == 0xED && at[1] >= 0xA0 && at[1] < 0xC0 && (at[2] & 0xC0) == 0x80)
        return 3;
    return json_text_utf8(at, s.len);
}

json_t *json_any_string(struct str s)
{
    size_t len = 1;
    for (size_t at = 0; at < s.len && len > 0; at += len)
        len = character_len(str_sub(s, at, s.len));
    return len > 0 ? json_stringn_nocheck(s.len > 0 ? s.ptr : "", s.len) : NULL;
}

enum rc json_any_text(struct str s, struct buf *out)
{
    enum rc rc = RC_OK;
    while (rc == RC_OK && s.len > 0) {
        size_t len = character_len(s);
        struct str c = str_sub(s, 0, len);
        if (len == 2 && (unsigned char)c.ptr[0] == 0xC0)
            rc = buf_add_char(out, '\0');
        else if (len == 0 ||
                 (len == 3 && (unsigned char)c.ptr[0] == 0xED && (unsigned char)c.ptr[1] >= 0xA0))
            rc = buf_add_str(out, STR("\xEF\xBF\xBD"));
        else
            rc = buf_add_str(out, c);
        s = str_sub(s, len > 0 ? len : 1, s.len);
    }
    return rc;
}
