/* SPDX-License-Identifier: Apache-2.0
 *
 * See json/form.h.
 */
#include "json/form.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEY_MAX = 4096, TEXT_MAX = 64 * 1024 * 1024, NUMBER_MAX = 40, DIGITS_EXACT = 17 };

/* --- Python's str() and repr() ----------------------------------------------------------------------- */

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

/* The shortest digits that read back as the same number; "1.0" and "1e+20" as Python has them. */
static enum rc add_real(double d, struct buf *out)
{
    char digits[NUMBER_MAX];
    int exponent = 0;
    int precision = 0;
    do
        (void)snprintf(digits, sizeof(digits), "%.*e", precision, d);
    while (++precision < DIGITS_EXACT && strtod(digits, NULL) != d);
    const char *e = strchr(digits, 'e');
    if (e != NULL)
        exponent = (int)strtol(e + 1, NULL, 10);
    if (exponent < -4 || exponent >= 16) {
        (void)snprintf(digits, sizeof(digits), "%.*g", precision, d);
        return buf_add_str(out, str_from(digits));
    }
    int decimals = precision - 1 - exponent;
    (void)snprintf(digits, sizeof(digits), "%.*f", decimals > 1 ? decimals : 1, d);
    return buf_add_str(out, str_from(digits));
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
            rc = add_quoted(str_from(key), out);
        if (rc == RC_OK)
            rc = buf_add_str(out, STR(": "));
        if (rc == RC_OK)
            rc = add_repr(value, out);
    }
    return rc == RC_OK ? buf_add_char(out, '}') : rc;
}

static enum rc add_repr(const json_t *v, struct buf *out)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT: return add_dict(v, out);
    case JSON_ARRAY: return add_list(v, out);
    case JSON_STRING: return add_quoted(str_of(json_string_value(v), json_string_length(v)), out);
    case JSON_INTEGER: return buf_addf(out, "%lld", (long long)json_integer_value(v));
    case JSON_REAL: return add_real(json_real_value(v), out);
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

static enum rc add_field(struct str key, const json_t *value, struct buf *out)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    enum rc rc = json_is_string(value)
                     ? buf_add(&text, json_string_value(value), json_string_length(value))
                     : add_repr(value, &text);
    if (rc == RC_OK && out->len > 0)
        rc = buf_add_char(out, '&');
    if (rc == RC_OK)
        rc = add_escaped(key, out);
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

static enum rc read_field(struct str field, struct buf *text, json_t *into)
{
    size_t end = str_find(field, '=');
    buf_reset(text);
    enum rc rc = percent_decode(str_sub(field, 0, end), true, text);
    size_t key_len = text->len;
    if (rc == RC_OK)
        rc = percent_decode(str_sub(field, end + 1, field.len), true, text);
    if (rc != RC_OK)
        return rc;
    struct str all = buf_str(text);
    if (!str_is_utf8(all) || str_find(all, '\0') < all.len)
        return RC_INVALID;
    json_t *value = json_stringn(all.len > key_len ? all.ptr + key_len : "", all.len - key_len);
    char *key = xmemdup(key_len > 0 ? all.ptr : "", key_len);
    json_object_set_new(into, key, value);
    xfree(key);
    return RC_OK;
}

enum rc json_form_read(struct str form, json_t **out)
{
    struct str field;
    struct buf text;
    enum rc rc = RC_OK;
    buf_init(&text, form.len + 1);
    *out = json_object();
    while (rc == RC_OK && str_split(&form, '&', &field))
        if (field.len > 0)
            rc = read_field(field, &text, *out);
    buf_fini(&text);
    if (rc != RC_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return rc;
}

bool json_form_is_type(struct str content_type)
{
    return str_ieq(str_trim(str_sub(content_type, 0, str_find(content_type, ';'))),
                   STR("application/x-www-form-urlencoded"));
}
