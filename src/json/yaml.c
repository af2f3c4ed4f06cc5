/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML to the tree that JSON would have made, over libyaml's events. Plain scalars are read as YAML 1.2's core
 * schema says (so that `on` and `no` are texts). An alias is a copy, and counts with all it holds: a document
 * cannot grow beyond its limit by naming itself.
 */
#include "json/read_yaml.h"

#include <math.h>
#include <stdlib.h>
#include <yaml.h>

enum { YAML_DEPTH_MAX = 128, YAML_NODES_MAX = 200000, YAML_NUMBER_MAX = 64 };

struct yaml_reader {
    yaml_parser_t parser;
    struct map *anchors; /* name -> a value of ours */
    size_t nodes;
    struct json_error *error;
};

static enum rc yaml_refuse(struct yaml_reader *r, const yaml_mark_t *at, const char *reason)
{
    if (r->error != NULL && r->error->reason == NULL)
        *r->error = (struct json_error){ at->index, reason };
    return RC_INVALID;
}

static enum rc next_event(struct yaml_reader *r, yaml_event_t *event)
{
    if (yaml_parser_parse(&r->parser, event) == 1)
        return RC_OK;
    yaml_mark_t at = { .index = r->parser.problem_offset };
    if (at.index == 0)
        at.index = r->parser.problem_mark.index;
    return yaml_refuse(r, &at, "not YAML");
}

/* --- scalars --------------------------------------------------------------------------------------- */

static bool is_word(struct str s, const char *const words[static 3])
{
    for (size_t i = 0; i < 3; i++)
        if (str_eq(s, str_from(words[i])))
            return true;
    return false;
}

static bool has_only(struct str s, const char *characters)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == '\0' || strchr(characters, s.ptr[i]) == NULL)
            return false;
    return s.len > 0;
}

/* "0x1F", "0o17"; `text` is the same with its end. NULL: not a number, or beyond 63 bits. */
static json_t *based_number(struct str s, const char *text)
{
    bool is_hex = s.ptr[1] == 'x';
    if (s.len > (is_hex ? 17 : 22) ||
        !has_only(str_sub(s, 2, s.len), is_hex ? "0123456789abcdefABCDEF" : "01234567"))
        return NULL;
    return json_integer((json_int_t)strtoull(text + 2, NULL, is_hex ? 16 : 8));
}

/* NULL: not a number. */
static json_t *number_of(struct str s)
{
    char text[YAML_NUMBER_MAX];
    char *end = NULL;
    struct str digits = s;
    if (s.len >= sizeof(text))
        return NULL;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    (void)(str_skip_prefix(&digits, STR("-")) || str_skip_prefix(&digits, STR("+")));
    if (has_only(digits, "0123456789")) {
        int64_t n;
        if (str_to_i64(text[0] == '+' ? str_sub(s, 1, s.len) : s, &n) == RC_OK)
            return json_integer(n);
        return json_real(strtod(text, NULL));
    }
    if (str_starts(s, STR("0x")) || str_starts(s, STR("0o")))
        return based_number(s, text);
    if (!has_only(digits, "0123456789.eE+-") || !has_only(str_sub(digits, 0, 1), "0123456789."))
        return NULL;
    double d = strtod(text, &end);
    return end == text + s.len && isfinite(d) ? json_real(d) : NULL;
}

static json_t *plain_value(struct str s)
{
    static const char *const nulls[] = { "null", "Null", "NULL" };
    static const char *const trues[] = { "true", "True", "TRUE" };
    static const char *const falses[] = { "false", "False", "FALSE" };
    if (s.len == 0 || str_eq(s, STR("~")) || is_word(s, nulls))
        return json_null();
    if (is_word(s, trues))
        return json_true();
    if (is_word(s, falses))
        return json_false();
    json_t *number = number_of(s);
    return number != NULL ? number : json_stringn(s.ptr, s.len);
}

static enum rc read_scalar(struct yaml_reader *r, const yaml_event_t *event, json_t **out)
{
    struct str s = str_of((const char *)event->data.scalar.value, event->data.scalar.length);
    bool is_text = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE ||
                   (event->data.scalar.tag != NULL &&
                    strcmp((const char *)event->data.scalar.tag, YAML_STR_TAG) == 0);
    *out = is_text ? json_stringn(s.ptr, s.len) : plain_value(s);
    if (*out == NULL)
        return yaml_refuse(r, &event->start_mark, "a text is not UTF-8");
    return RC_OK;
}

/* --- the tree -------------------------------------------------------------------------------------- */

static size_t count_nodes(const json_t *v)
{
    size_t count = 1;
    const char *name;
    json_t *value;
    if (json_is_object(v))
        json_object_foreach((json_t *)(uintptr_t)v, name, value) count += count_nodes(value);
    for (size_t i = 0; i < json_array_size(v); i++)
        count += count_nodes(json_array_get(v, i));
    return count;
}

static void keep_anchor(struct yaml_reader *r, const yaml_char_t *name, json_t *value)
{
    if (name != NULL)
        json_decref(map_set(r->anchors, str_from((const char *)name), json_incref(value)));
}

static enum rc read_alias(struct yaml_reader *r, const yaml_event_t *event, json_t **out)
{
    const json_t *known = map_get(r->anchors, str_from((const char *)event->data.alias.anchor));
    if (known == NULL)
        return yaml_refuse(r, &event->start_mark, "an alias names what is not there");
    r->nodes += count_nodes(known);
    if (r->nodes > YAML_NODES_MAX)
        return yaml_refuse(r, &event->start_mark, "the document is too large");
    *out = json_deep_copy(known);
    return RC_OK;
}

static enum rc read_node(struct yaml_reader *r, yaml_event_t *event, size_t depth, json_t **out);

/* The node that comes next; *ended: the collection is over. */
static enum rc read_next(struct yaml_reader *r, size_t depth, yaml_event_type_t end, json_t **out,
                         bool *ended)
{
    yaml_event_t event;
    enum rc rc = next_event(r, &event);
    if (rc != RC_OK)
        return rc;
    *ended = event.type == end;
    if (!*ended)
        rc = read_node(r, &event, depth, out);
    yaml_event_delete(&event);
    return rc;
}

static enum rc read_sequence(struct yaml_reader *r, size_t depth, json_t *list)
{
    for (;;) {
        json_t *item = NULL;
        bool ended = false;
        enum rc rc = read_next(r, depth, YAML_SEQUENCE_END_EVENT, &item, &ended);
        if (rc != RC_OK || ended)
            return rc;
        json_array_append_new(list, item);
    }
}

/* "<<": what the other has and this one does not. */
static void merge_into(json_t *object, const json_t *other)
{
    for (size_t i = 0; i < json_array_size(other); i++)
        json_object_update_missing(object, json_array_get(other, i));
    if (json_is_object(other))
        json_object_update_missing(object, (json_t *)(uintptr_t)other);
}

static enum rc read_key(struct yaml_reader *r, char **name, bool *ended)
{
    yaml_event_t event;
    enum rc rc = next_event(r, &event);
    if (rc != RC_OK)
        return rc;
    *ended = event.type == YAML_MAPPING_END_EVENT;
    if (!*ended && (event.type != YAML_SCALAR_EVENT ||
                    memchr(event.data.scalar.value, 0, event.data.scalar.length) != NULL))
        rc = yaml_refuse(r, &event.start_mark, "a key is not a text");
    else if (!*ended)
        *name = xmemdup(event.data.scalar.value, event.data.scalar.length + 1);
    yaml_event_delete(&event);
    return rc;
}

/* One member; `merges` takes the values of "<<". */
static enum rc read_member(struct yaml_reader *r, size_t depth, json_t *object, json_t *merges,
                           bool *ended)
{
    char *name = NULL;
    json_t *value = NULL;
    bool unused = false;
    yaml_mark_t at = r->parser.mark;
    enum rc rc = read_key(r, &name, ended);
    if (rc != RC_OK || *ended)
        return rc;
    rc = read_next(r, depth, YAML_NO_EVENT, &value, &unused);
    if (rc == RC_OK && strcmp(name, "<<") == 0)
        json_array_append(merges, value);
    else if (rc == RC_OK && json_object_get(object, name) != NULL)
        rc = yaml_refuse(r, &at, "a member occurs twice");
    else if (rc == RC_OK && json_object_set(object, name, value) != 0)
        rc = yaml_refuse(r, &at, "a key is not UTF-8");
    json_decref(value);
    xfree(name);
    return rc;
}

/* What is merged comes last: a mapping's own members win, wherever they stand. */
static enum rc read_mapping(struct yaml_reader *r, size_t depth, json_t *object)
{
    json_t *merges = json_array();
    bool ended = false;
    enum rc rc = RC_OK;
    while (rc == RC_OK && !ended)
        rc = read_member(r, depth, object, merges, &ended);
    for (size_t i = 0; rc == RC_OK && i < json_array_size(merges); i++)
        merge_into(object, json_array_get(merges, i));
    json_decref(merges);
    return rc;
}

static enum rc read_node(struct yaml_reader *r, yaml_event_t *event, size_t depth, json_t **out)
{
    const yaml_char_t *anchor = NULL;
    enum rc rc = RC_OK;
    if (depth == YAML_DEPTH_MAX || ++r->nodes > YAML_NODES_MAX)
        return yaml_refuse(r, &event->start_mark, "the document is too large or too deep");
    if (event->type == YAML_ALIAS_EVENT) {
        return read_alias(r, event, out);
    } else if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        rc = read_scalar(r, event, out);
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        *out = json_array();
        rc = read_sequence(r, depth + 1, *out);
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        *out = json_object();
        rc = read_mapping(r, depth + 1, *out);
    } else {
        return yaml_refuse(r, &event->start_mark, "not a value");
    }
    if (rc == RC_OK) {
        keep_anchor(r, anchor, *out);
    } else {
        json_decref(*out);
        *out = NULL;
    }
    return rc;
}

/* The events before the first node, and the first node. */
static enum rc read_document(struct yaml_reader *r, json_t **out)
{
    for (;;) {
        yaml_event_t event;
        enum rc rc = next_event(r, &event);
        if (rc != RC_OK)
            return rc;
        bool is_over = event.type == YAML_STREAM_END_EVENT;
        bool is_node = !is_over && event.type != YAML_STREAM_START_EVENT &&
                       event.type != YAML_DOCUMENT_START_EVENT;
        if (is_over)
            rc = yaml_refuse(r, &event.start_mark, "there is no document");
        else if (is_node)
            rc = read_node(r, &event, 0, out);
        yaml_event_delete(&event);
        if (rc != RC_OK || is_node)
            return rc;
    }
}

enum rc json_parse_yaml(struct str text, json_t **out, struct json_error *error)
{
    struct yaml_reader r = { .anchors = map_new(), .error = error };
    *out = NULL;
    if (error != NULL)
        *error = (struct json_error){ 0, NULL };
    if (yaml_parser_initialize(&r.parser) != 1) {
        map_free(r.anchors);
        return RC_LIMIT;
    }
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text.ptr, text.len);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    enum rc rc = read_document(&r, out);
    yaml_parser_delete(&r.parser);
    size_t at = 0;
    struct str name;
    void *value;
    while (map_next(r.anchors, &at, &name, &value))
        json_decref(value);
    map_free(r.anchors);
    return rc;
}
