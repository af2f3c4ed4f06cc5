/* SPDX-License-Identifier: Apache-2.0
 *
 * See cli/ckan_dump_priv.h. CSV as PostgreSQL and spreadsheets write it (RFC 4180, lines may end in LF).
 */
#include "cli/ckan_dump_priv.h"

enum { FIELDS_MAX = 64 };

/* The rest of a quoted field, up to its closing quote; "" is a quote. RC_INVALID: it is not closed. */
static enum rc take_quoted(struct str *rest, struct buf *text)
{
    for (;;) {
        size_t len = str_find(*rest, '"');
        if (len == rest->len)
            return RC_INVALID;
        bool is_double = len + 1 < rest->len && rest->ptr[len + 1] == '"';
        enum rc rc = buf_add_str(text, str_sub(*rest, 0, len + (is_double ? 1 : 0)));
        *rest = str_sub(*rest, len + (is_double ? 2 : 1), rest->len);
        if (rc != RC_OK || !is_double)
            return rc;
    }
}

/* One field of CSV off *rest into *out; *last: it ends its line. */
static enum rc take_field(struct arena *a, struct str *rest, struct str *out, bool *last)
{
    struct buf text;
    enum rc rc = RC_OK;

    buf_init(&text, CLI_CKAN_DUMP_MAX);
    if (str_skip_prefix(rest, STR("\"")))
        rc = take_quoted(rest, &text);
    size_t line = str_find(*rest, '\n'); /* first: a comma may be a whole file away */
    size_t end = str_find(str_sub(*rest, 0, line), ',');
    struct str plain = str_sub(*rest, 0, end);
    if (plain.len > 0 && plain.ptr[plain.len - 1] == '\r')
        plain.len--;
    if (rc == RC_OK)
        rc = buf_add_str(&text, plain);
    *last = end == line;
    *rest = str_sub(*rest, end + 1, rest->len);
    *out = arena_str(a, buf_str(&text));
    buf_fini(&text);
    return rc;
}

static enum rc take_line(struct arena *a, struct str *rest, struct str fields[static FIELDS_MAX],
                         size_t *count)
{
    bool last = false;

    for (*count = 0; !last; (*count)++) {
        if (*count == FIELDS_MAX)
            return RC_INVALID;
        enum rc rc = take_field(a, rest, &fields[*count], &last);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

static bool is_named_twice(const struct str *names, size_t count)
{
    for (size_t i = 1; i < count; i++)
        for (size_t k = 0; k < i; k++)
            if (str_eq(names[i], names[k]))
                return true;
    return false;
}

static enum rc parse_csv(struct arena *a, struct str text, json_t *rows)
{
    struct str names[FIELDS_MAX], fields[FIELDS_MAX];
    size_t name_count = 0, count = 0;
    enum rc rc = take_line(a, &text, names, &name_count);

    if (rc == RC_OK && is_named_twice(names, name_count))
        return RC_INVALID;
    while (rc == RC_OK && text.len > 0) {
        rc = take_line(a, &text, fields, &count);
        if (rc != RC_OK || (count == 1 && fields[0].len == 0))
            continue;
        if (count != name_count)
            return RC_INVALID;
        json_t *row = json_object();
        for (size_t i = 0; i < count; i++)
            json_object_setn_new(row, names[i].ptr, names[i].len,
                                 json_stringn(fields[i].ptr, fields[i].len));
        json_array_append_new(rows, row);
    }
    return rc;
}

static enum rc parse_lines(struct str text, json_t *rows)
{
    struct str line;
    enum rc rc = RC_OK;

    while (rc == RC_OK && str_split(&text, '\n', &line)) {
        json_t *row = NULL;
        if (str_trim(line).len == 0)
            continue;
        rc = json_parse(line, &row, NULL);
        if (rc == RC_OK)
            json_array_append_new(rows, row);
    }
    return rc;
}

static bool has_id(json_t *row)
{
    return json_string_length(json_object_get(row, "id")) > 0;
}

enum rc cli_ckan_dump_read(struct arena *a, struct str text, json_t *rows)
{
    json_t *whole = NULL;
    enum rc rc = RC_OK;

    if (str_find(text, '\0') < text.len) /* no table has one, and names of members end at it */
        return RC_INVALID;
    if (text.len > 0 && text.ptr[0] == '[') {
        rc = json_parse(text, &whole, NULL);
        if (rc == RC_OK)
            json_array_extend(rows, whole);
        json_decref(whole);
    } else if (text.len > 0 && text.ptr[0] == '{') {
        rc = parse_lines(text, rows);
    } else {
        rc = parse_csv(a, text, rows);
    }
    if (rc == RC_OK && json_array_size(rows) == 0)
        rc = RC_INVALID;
    for (size_t i = 0; i < json_array_size(rows) && rc == RC_OK; i++)
        rc = has_id(json_array_get(rows, i)) ? RC_OK : RC_INVALID;
    return rc;
}
