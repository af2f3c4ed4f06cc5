/* SPDX-License-Identifier: Apache-2.0
 *
 * hooks.json as people write it. adnanh/webhook reads it as YAML, so that its files may have comments, a comma
 * after the last of a list, objects of one member without braces in a list, null for what is not there, numbers
 * where texts are meant, and names in any case.
 */
#include "receive/hooks_text_priv.h"

#include <ctype.h>

enum { RELAXED_DEPTH_MAX = 256 };

/* Where the text is: in lists and objects, outermost first. */
struct relaxing {
    struct str text;
    struct buf *out;
    size_t last; /* in the output: behind the last byte that is no space */
    size_t depth;
    bool is_list[RELAXED_DEPTH_MAX];
    bool is_pair
        [RELAXED_DEPTH_MAX]; /* an object of one member that has no braces is open in the list */
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Behind the quote that ends the string at `at`, or the end. */
static size_t string_end(struct str text, size_t at)
{
    for (at++; at < text.len && text.ptr[at] != '"'; at++)
        at += text.ptr[at] == '\\' ? 1 : 0;
    return at < text.len ? at + 1 : text.len;
}

static void hooks_text_put(struct relaxing *r, struct str text)
{
    MUST(buf_add_str(r->out, text) == RC_OK); /* twice the text is the most that can come */
    r->last = r->out->len;
}

static bool *open_pair(struct relaxing *r)
{
    return r->depth > 0 && r->is_list[r->depth - 1] ? &r->is_pair[r->depth - 1] : NULL;
}

static void close_pair(struct relaxing *r)
{
    bool *pair = open_pair(r);

    if (pair != NULL && *pair) {
        *pair = false;
        hooks_text_put(r, STR("}"));
    }
}

/* `[ "or": [...] ]` is a list of an object with "or". Returns where the string ends. */
static size_t put_string(struct relaxing *r, size_t at)
{
    size_t end = string_end(r->text, at), next = end;
    bool *pair = open_pair(r);

    while (next < r->text.len && is_space(r->text.ptr[next]))
        next++;
    if (pair != NULL && !*pair && next < r->text.len && r->text.ptr[next] == ':') {
        *pair = true;
        hooks_text_put(r, STR("{"));
    }
    hooks_text_put(r, str_sub(r->text, at, end - at));
    return end;
}

static void put_bracket(struct relaxing *r, char c)
{
    if (c == '[' || c == '{') {
        r->is_list[r->depth] = c == '[';
        r->is_pair[r->depth++] = false;
    } else {
        if (r->last > 0 && r->out->ptr[r->last - 1] == ',')
            r->out->ptr[r->last - 1] = ' ';
        close_pair(r);
        r->depth -= r->depth > 0 ? 1 : 0;
    }
    hooks_text_put(r, str_of(&c, 1));
}

/* Lines stay where they are: errors name them. What cannot be made sense of stays, too: it is not JSON. */
void receive_text_relax(struct str text, struct buf *out)
{
    struct relaxing r = { .text = text, .out = out };
    size_t i = 0;

    while (i < text.len && r.depth < RELAXED_DEPTH_MAX) {
        char c = text.ptr[i];
        if (c == '"') {
            i = put_string(&r, i);
            continue;
        }
        if (c == '#' && (i == 0 || is_space(text.ptr[i - 1]))) {
            i += str_find(str_sub(text, i, text.len), '\n');
            continue;
        }
        if (c == ',')
            close_pair(&r);
        if (is_space(c))
            MUST(buf_add_char(out, c) == RC_OK);
        else if (strchr("[]{}", c) != NULL && c != '\0')
            put_bracket(&r, c);
        else
            hooks_text_put(&r, str_of(&c, 1));
        i++;
    }
    hooks_text_put(&r, str_sub(text, i, text.len));
}

static char *hooks_text_lower(const char *key)
{
    char *name = xstrdup(key);

    for (char *c = name; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return name;
}

/* Names in lower case; what is null is not there, but for a value to compare with, which is empty then. Nested
 * no deeper than the parser lets it be. */
json_t *receive_config_tidy(const json_t *value)
{
    const char *key;
    json_t *member;
    size_t i;

    if (json_is_array(value)) {
        json_t *list = json_array();
        json_array_foreach(value, i, member)(void)
            json_array_append_new(list, receive_config_tidy(member));
        return list;
    }
    if (!json_is_object(value))
        return json_incref((json_t *)(uintptr_t)value);
    json_t *object = json_object();
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        char *name = hooks_text_lower(key);
        json_t *kept = json_is_null(member) && strcmp(name, "value") == 0
                           ? json_string("")
                           : receive_config_tidy(member);
        if (json_is_null(kept))
            json_decref(kept);
        else
            (void)json_object_set_new_nocheck(object, name, kept);
        xfree(name);
    }
    return object;
}

/* What YAML makes of a number or a truth where a text is wanted. */
bool receive_config_text(struct arena *a, const json_t *value, struct str *out)
{
    if (json_is_string(value))
        *out = arena_str(a, json_str_of(value));
    else if (json_is_boolean(value))
        *out = json_is_true(value) ? STR("true") : STR("false");
    else if (json_is_integer(value))
        *out = arena_fmt(a, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        *out = arena_fmt(a, "%.7g", json_real_value(value));
    else
        return false;
    return true;
}

/* The codes that the original knows; it answers any other with 200. */
unsigned receive_config_status(int64_t code)
{
    static const struct {
        int64_t first, last;
    } known[] = { { 200, 208 }, { 226, 226 }, { 300, 305 }, { 307, 308 },
                  { 400, 418 }, { 421, 426 }, { 428, 429 }, { 431, 431 },
                  { 451, 451 }, { 500, 508 }, { 510, 511 } };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (code >= known[i].first && code <= known[i].last)
            return (unsigned)code;
    }
    return 200;
}
