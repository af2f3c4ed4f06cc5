/* SPDX-License-Identifier: Apache-2.0
 *
 * Trees to text. Our own writer, for two things that jansson's has not: what json/any.h keeps in strings
 * goes out as it came, and a real has the fewest digits that read back as the same number (0.1).
 */
#include "json/write.h"

#include "json/any.h"
#include "json/text_priv.h"

enum { TREE_TEXT_MAX = 1 << 30 /* what a tree is made of came through limits far below this */ };

struct writer {
    struct buf *out;
    bool has_lines; /* a member a line, a blank per level */
    size_t depth;
};

static enum rc add_value(struct writer *w, const json_t *v);

/* --- strings ------------------------------------------------------------------------------------ */

static enum rc add_unit(struct buf *out, unsigned unit)
{
    return buf_addf(out, "\\u%04X", unit);
}

static enum rc add_special(struct buf *out, char c)
{
    static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *at = c == '\0' ? NULL : strchr(plain, c);
    if (at == NULL)
        return add_unit(out, (unsigned char)c);
    char escape[] = { '\\', letters[at - plain] };
    return buf_add(out, escape, sizeof(escape));
}

static bool is_special(char c)
{
    return (unsigned char)c < ' ' || c == '"' || c == '\\' || (unsigned char)c == 0xC0 ||
           (unsigned char)c == 0xED;
}

/* One character that may have to be escaped; *s goes past it. */
static enum rc add_character(struct buf *out, struct str *s)
{
    const unsigned char *at = (const unsigned char *)s->ptr;
    bool is_surrogate = at[0] == 0xED && s->len >= 3 && at[1] >= 0xA0;
    bool is_null = at[0] == 0xC0 && s->len >= 2;
    size_t used = is_surrogate ? 3 : is_null ? 2 : 1;
    struct str c = str_sub(*s, 0, used);
    *s = str_sub(*s, used, s->len);
    if (is_null)
        return add_unit(out, 0);
    if (is_surrogate)
        return add_unit(out, 0xD000u | (at[1] & 0x3Fu) << 6 | (at[2] & 0x3Fu));
    return at[0] >= 0x80 ? buf_add_str(out, c) : add_special(out, c.ptr[0]);
}

static enum rc add_string(struct buf *out, struct str s)
{
    enum rc rc = buf_add_char(out, '"');
    while (rc == RC_OK && s.len > 0) {
        size_t run = 0;
        while (run < s.len && !is_special(s.ptr[run]))
            run++;
        rc = buf_add_str(out, str_sub(s, 0, run));
        s = str_sub(s, run, s.len);
        if (rc == RC_OK && s.len > 0)
            rc = add_character(out, &s);
    }
    return rc == RC_OK ? buf_add_char(out, '"') : rc;
}

static enum rc add_string_value(struct buf *out, const json_t *v)
{
    struct str s = json_str_of(v);
    return json_any_is_number(v) ? buf_add_str(out, str_sub(s, 1, s.len)) : add_string(out, s);
}

/* --- containers --------------------------------------------------------------------------------- */

static enum rc begin_line(struct writer *w)
{
    enum rc rc = w->has_lines ? buf_add_char(w->out, '\n') : RC_OK;
    for (size_t i = 0; w->has_lines && rc == RC_OK && i < w->depth; i++)
        rc = buf_add_char(w->out, ' ');
    return rc;
}

static enum rc begin_child(struct writer *w, bool is_first)
{
    enum rc rc = is_first ? RC_OK : buf_add_char(w->out, ',');
    return rc == RC_OK ? begin_line(w) : rc;
}

static enum rc end_container(struct writer *w, char end, bool is_empty)
{
    enum rc rc = RC_OK;
    w->depth--;
    if (!is_empty)
        rc = begin_line(w);
    return rc == RC_OK ? buf_add_char(w->out, end) : rc;
}

static enum rc add_object(struct writer *w, const json_t *object)
{
    const char *name;
    json_t *value;
    bool is_first = true;
    enum rc rc = buf_add_char(w->out, '{');
    w->depth++;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        if (rc == RC_OK)
            rc = begin_child(w, is_first);
        if (rc == RC_OK)
            rc = add_string(w->out, str_from(name));
        if (rc == RC_OK)
            rc = buf_add_str(w->out, w->has_lines ? STR(": ") : STR(":"));
        if (rc == RC_OK)
            rc = add_value(w, value);
        is_first = false;
    }
    return rc == RC_OK ? end_container(w, '}', is_first) : rc;
}

static enum rc add_array(struct writer *w, const json_t *array)
{
    size_t count = json_array_size(array);
    enum rc rc = buf_add_char(w->out, '[');
    w->depth++;
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        rc = begin_child(w, i == 0);
        if (rc == RC_OK)
            rc = add_value(w, json_array_get(array, i));
    }
    return rc == RC_OK ? end_container(w, ']', count == 0) : rc;
}

static enum rc add_value(struct writer *w, const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT: return add_object(w, v);
    case JSON_ARRAY: return add_array(w, v);
    case JSON_STRING: return add_string_value(w->out, v);
    case JSON_INTEGER: return buf_addf(w->out, "%lld", (long long)json_integer_value(v));
    case JSON_REAL: return json_text_real(json_real_value(v), w->out);
    case JSON_TRUE: return buf_add_str(w->out, STR("true"));
    case JSON_FALSE: return buf_add_str(w->out, STR("false"));
    case JSON_NULL: break;
    }
    return buf_add_str(w->out, STR("null"));
}

/* --- what others call ---------------------------------------------------------------------------- */

static enum rc write_as(const json_t *value, bool has_lines, struct buf *out)
{
    size_t before = out->len;
    struct writer w = { out, has_lines, 0 };
    enum rc rc = add_value(&w, value);
    if (rc != RC_OK)
        buf_cut(out, before);
    return rc;
}

enum rc json_write(const json_t *value, struct buf *out)
{
    return write_as(value, false, out);
}

enum rc json_write_lines(const json_t *value, struct buf *out)
{
    enum rc rc = write_as(value, true, out);
    return rc == RC_OK ? buf_add_char(out, '\n') : rc;
}

struct str json_text(struct arena *a, const json_t *value)
{
    struct buf out;
    buf_init(&out, TREE_TEXT_MAX);
    MUST(json_write(value, &out) == RC_OK);
    struct str text = arena_str(a, buf_str(&out));
    buf_fini(&out);
    return text;
}
