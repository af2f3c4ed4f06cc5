/* SPDX-License-Identifier: Apache-2.0
 *
 * See json/form.h.
 */
#include "json/form.h"

#include "json/any.h"
#include "json/text_priv.h"

#include <stdlib.h>

enum { KEY_MAX = 4096, TEXT_MAX = 64 * 1024 * 1024 };

/* --- Python's str() and repr() ----------------------------------------------------------------------- */

typedef enum rc (*text_fn)(struct str text, struct buf *out);

/* A tree's string as the characters it stands for. */
static enum rc add_characters(struct str s, text_fn add, struct buf *out)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    enum rc rc = json_any_text(s, &text);
    if (rc == RC_OK)
        rc = add(buf_str(&text), out);
    buf_fini(&text);
    return rc;
}

/* Digits that no number here can hold: Python keeps integers, and has reals as inf. */
static enum rc add_digits(const json_t *v, struct buf *out)
{
    const char *digits = json_string_value(v) + 1;
    return strpbrk(digits, ".eE") == NULL ? buf_add_str(out, str_from(digits))
                                          : json_text_real(strtod(digits, NULL), out);
}

static enum rc add_repr(const json_t *v, struct buf *out);

/* Single quotes, unless the text has those and no double ones. */
static enum rc add_quoted(struct str s, struct buf *out)
{
    bool has_single = str_find(s, '\'') < s.len;
    char quote = has_single && str_find(s, '"') == s.len ? '"' : '\'';
    enum rc rc = buf_add_char(out, quote);
    for (size_t i = 0; rc == RC_OK && i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c == '\n')
            rc = buf_add_str(out, STR("\\n"));
        else if (c == '\r')
            rc = buf_add_str(out, STR("\\r"));
        else if (c == '\t')
            rc = buf_add_str(out, STR("\\t"));
        else if (c < ' ' || c == 0x7f)
            rc = buf_addf(out, "\\x%02x", c);
        else if (c == '\\' || c == (unsigned char)quote)
            rc = buf_addf(out, "\\%c", c);
        else
            rc = buf_add_char(out, (char)c);
    }
    return rc == RC_OK ? buf_add_char(out, quote) : rc;
}

static enum rc add_list(const json_t *list, struct buf *out)
{
    enum rc rc = buf_add_char(out, '[');
    for (size_t i = 0; rc == RC_OK && i < json_array_size(list); i++) {
        if (i > 0)
            rc = buf_add_str(out, STR(", "));
        if (rc == RC_OK)
            rc = add_repr(json_array_get(list, i), out);
    }
    return rc == RC_OK ? buf_add_char(out, ']') : rc;
}

static enum rc add_dict(const json_t *dict, struct buf *out)
{
    const char *key;
    json_t *value;
    bool is_first = true;
    enum rc rc = buf_add_char(out, '{');
    json_object_foreach((json_t *)(uintptr_t)dict, key, value)
    {
        if (rc == RC_OK && !is_first)
            rc = buf_add_str(out, STR(", "));
        is_first = false;
        if (rc == RC_OK)
            rc = add_characters(str_from(key), add_quoted, out);
        if (rc == RC_OK)
            rc = buf_add_str(out, STR(": "));
        if (rc == RC_OK)
            rc = add_repr(value, out);
    }
    return rc == RC_OK ? buf_add_char(out, '}') : rc;
}

static enum rc add_string(const json_t *v, text_fn add, struct buf *out)
{
    struct str s = json_str_of(v);
    return json_any_is_number(v) ? add_digits(v, out) : add_characters(s, add, out);
}

static enum rc add_repr(const json_t *v, struct buf *out)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT: return add_dict(v, out);
    case JSON_ARRAY: return add_list(v, out);
    case JSON_STRING: return add_string(v, add_quoted, out);
    case JSON_INTEGER: return buf_addf(out, "%lld", (long long)json_integer_value(v));
    case JSON_REAL: return json_text_real(json_real_value(v), out);
    case JSON_TRUE: return buf_add_str(out, STR("True"));
    case JSON_FALSE: return buf_add_str(out, STR("False"));
    case JSON_NULL: break;
    }
    return buf_add_str(out, STR("None"));
}

/* --- writing ------------------------------------------------------------------------------------------ */

static enum rc add_escaped(struct str s, struct buf *out)
{
    enum rc rc = RC_OK;
    while (rc == RC_OK && s.len > 0) {
        size_t blank = str_find(s, ' ');
        rc = percent_encode(str_sub(s, 0, blank), out);
        if (rc == RC_OK && blank < s.len)
            rc = buf_add_char(out, '+');
        s = str_sub(s, blank + 1, s.len);
    }
    return rc;
}

static enum rc add_plain(struct str s, struct buf *out)
{
    return buf_add_str(out, s);
}

static enum rc add_field(struct str key, const json_t *value, struct buf *out)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    enum rc rc =
        json_is_string(value) ? add_string(value, add_plain, &text) : add_repr(value, &text);
    if (rc == RC_OK && out->len > 0)
        rc = buf_add_char(out, '&');
    if (rc == RC_OK)
        rc = add_characters(key, add_escaped, out);
    if (rc == RC_OK)
        rc = buf_add_char(out, '=');
    if (rc == RC_OK)
        rc = add_escaped(buf_str(&text), out);
    buf_fini(&text);
    return rc;
}

/* `key`: the joined name so far. */
static enum rc add_members(const json_t *object, struct buf *key, struct buf *out)
{
    const char *name;
    json_t *value;
    enum rc rc = RC_OK;
    size_t before = key->len;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        if (rc == RC_OK && before > 0)
            rc = buf_add_char(key, '_');
        if (rc == RC_OK)
            rc = buf_add_str(key, str_from(name));
        if (rc == RC_OK)
            rc = json_is_object(value) ? add_members(value, key, out)
                                       : add_field(buf_str(key), value, out);
        buf_cut(key, before);
    }
    return rc;
}

enum rc json_form_write(const json_t *object, struct buf *out)
{
    struct buf key;
    if (!json_is_object(object))
        return RC_INVALID;
    buf_init(&key, KEY_MAX);
    enum rc rc = add_members(object, &key, out);
    buf_fini(&key);
    return rc;
}

/* --- reading ------------------------------------------------------------------------------------------ */

/* What `text` holds of a field, key and value. RC_INVALID: not to be had that way. */
typedef enum rc (*decode_fn)(struct str s, struct buf *text);

static enum rc decode_strictly(struct str s, struct buf *text)
{
    size_t before = text->len;
    enum rc rc = percent_decode(s, true, text);
    struct str got = str_sub(buf_str(text), before, text->len);
    return rc == RC_OK && (!str_is_utf8(got) || str_find(got, '\0') < got.len) ? RC_INVALID : rc;
}

/* Bytes as a tree of json/any.h has them; those that are not UTF-8 as U+FFFD. */
static enum rc add_bytes(struct str s, struct buf *out)
{
    enum rc rc = RC_OK;
    while (rc == RC_OK && s.len > 0) {
        const unsigned char *at = (const unsigned char *)s.ptr;
        size_t len = at[0] < 0x80 ? 1 : json_text_utf8(at, s.len);
        if (at[0] == 0)
            rc = buf_add_str(out, STR("\xC0\x80"));
        else
            rc = buf_add_str(out, len > 0 ? str_sub(s, 0, len) : STR("\xEF\xBF\xBD"));
        s = str_sub(s, len > 0 ? len : 1, s.len);
    }
    return rc;
}

static enum rc decode_anything(struct str s, struct buf *text)
{
    struct buf bytes;
    enum rc rc = RC_OK;
    buf_init(&bytes, s.len + 1);
    while (rc == RC_OK && s.len > 0) {
        size_t run = s.ptr[0] == '%' ? 3 : str_find(s, '%');
        struct str piece = str_sub(s, 0, run);
        rc = percent_decode(piece, true, &bytes);
        if (rc == RC_INVALID) { /* a bare '%' stands for itself */
            run = 1;
            rc = buf_add_char(&bytes, '%');
        }
        s = str_sub(s, run, s.len);
    }
    if (rc == RC_OK)
        rc = add_bytes(buf_str(&bytes), text);
    buf_fini(&bytes);
    return rc;
}

static enum rc read_field(struct str field, decode_fn decode, struct buf *text, json_t *into)
{
    size_t end = str_find(field, '=');
    buf_reset(text);
    enum rc rc = decode(str_sub(field, 0, end), text);
    size_t key_len = text->len;
    if (rc == RC_OK)
        rc = decode(str_sub(field, end + 1, field.len), text);
    if (rc != RC_OK)
        return rc;
    struct str all = buf_str(text);
    json_t *value =
        json_stringn_nocheck(all.len > key_len ? all.ptr + key_len : "", all.len - key_len);
    char *key = xmemdup(key_len > 0 ? all.ptr : "", key_len);
    (void)json_object_set_new_nocheck(into, key, value);
    xfree(key);
    return RC_OK;
}

static enum rc read_form(struct str form, decode_fn decode, json_t **out)
{
    struct str field;
    struct buf text;
    enum rc rc = RC_OK;
    buf_init(&text, 3 * form.len + 1); /* a byte becomes three at most */
    *out = json_object();
    while (rc == RC_OK && str_split(&form, '&', &field))
        if (field.len > 0)
            rc = read_field(field, decode, &text, *out);
    buf_fini(&text);
    if (rc != RC_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return rc;
}

enum rc json_form_read(struct str form, json_t **out)
{
    return read_form(form, decode_strictly, out);
}

enum rc json_form_read_any(struct str form, json_t **out)
{
    return read_form(form, decode_anything, out);
}

bool json_form_is_type(struct str content_type)
{
    return str_ieq(str_trim(str_sub(content_type, 0, str_find(content_type, ';'))),
                   STR("application/x-www-form-urlencoded"));
}
