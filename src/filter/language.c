/* SPDX-License-Identifier: Apache-2.0
 *
 * From a filter's text to its tree. Names of one member, however they are spelled ("a.b", "/a/b",
 * nested objects), end in one node, so that all that is asked of it is asked of the same value.
 */
#include "filter/language.h"

#include "filter/fault_priv.h"
#include "filter/operators_priv.h"

/* What the value is that a node asks about: decides which names and operators make sense. */
enum level {
    ROOT,  /* the whole: sections only */
    FLAT,  /* headers or query: one step of names */
    VALUE, /* JSON: paths and operators */
    TEXT   /* operators only */
};

static const struct section {
    struct str name;
    enum level level;
} sections[] = {
    { { "body", 4 }, VALUE }, { { "headers", 7 }, FLAT }, { { "query", 5 }, FLAT },
    { { "path", 4 }, TEXT },  { { "method", 6 }, TEXT },  { { "eventType", 9 }, TEXT },
};

static enum rc compile_node(struct filter_compiling *c, enum level level, bool fold_case,
                            struct json_span value, struct filter_node *node);

/* Goes one step down; returns where to cut on the way up. */
static size_t push_where(struct filter_compiling *c, struct str name)
{
    size_t before = c->where.len;
    buf_say(&c->where, "/");
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '~' || name.ptr[i] == '/')
            buf_say(&c->where, name.ptr[i] == '~' ? "~0" : "~1");
        else
            buf_say(&c->where, "%c", name.ptr[i]);
    }
    return before;
}

/* --- names -------------------------------------------------------------------------------------------- */

static bool index_of(struct str name, size_t *out)
{
    uint64_t value = 0;
    bool is_padded = name.len > 1 && name.ptr[0] == '0';
    if (is_padded || str_to_u64(name, &value) != RC_OK)
        return false;
    *out = (size_t)value;
    return true;
}

/* The node of that member, new or already there. */
static struct filter_node *member_of(struct filter_compiling *c, struct filter_node *node,
                                     struct str name)
{
    struct filter_field **at = &node->fields;
    for (; *at != NULL; at = &(*at)->next)
        if (str_eq((*at)->name, name))
            return (*at)->node;
    struct filter_field *field = ARENA_NEW(c->arena, struct filter_field);
    field->name = name;
    field->is_index = index_of(name, &field->index);
    field->node = ARENA_NEW(c->arena, struct filter_node);
    *at = field;
    node->field_count++;
    return field->node;
}

/* Undoes ~0 and ~1 in one step of a JSON pointer. */
static enum rc language_unescape(struct filter_compiling *c, struct str step, struct str *out)
{
    char *text = arena_cstr(c->arena, step);
    size_t len = 0;
    for (size_t i = 0; i < step.len; i++, len++) {
        text[len] = step.ptr[i];
        if (step.ptr[i] != '~')
            continue;
        if (i + 1 == step.len || (step.ptr[i + 1] != '0' && step.ptr[i + 1] != '1'))
            return filter_fail(c, RC_INVALID, "in a path that begins with / a ~ is written ~0");
        text[len] = step.ptr[++i] == '0' ? '~' : '/';
    }
    *out = str_of(text, len);
    return RC_OK;
}

static enum rc step_down(struct filter_compiling *c, struct str name, struct filter_node **node)
{
    if (name.len > FILTER_NAME_MAX)
        return filter_fail(c, RC_LIMIT, "a name is longer than 256 bytes");
    if (++c->depth > FILTER_DEPTH_MAX)
        return filter_fail(c, RC_LIMIT, "nested deeper than 16 levels");
    *node = member_of(c, *node, name);
    return RC_OK;
}

/* "/a/b": a JSON pointer; "a.b": steps between dots; anything else: one name. */
static enum rc language_walk(struct filter_compiling *c, struct str path, struct filter_node **node)
{
    bool is_pointer = path.len > 0 && path.ptr[0] == '/';
    char separator = is_pointer ? '/' : '.';
    enum rc rc = RC_OK;
    size_t at = is_pointer ? 1 : 0;
    do {
        struct str rest = str_sub(path, at, path.len);
        struct str step = str_sub(rest, 0, str_find(rest, separator));
        at += step.len + 1;
        if (is_pointer)
            rc = language_unescape(c, step, &step);
        else if (step.len == 0)
            rc = filter_fail(c, RC_INVALID,
                             "a name is empty; a path that begins with / may have such");
        if (rc == RC_OK)
            rc = step_down(c, step, node);
    } while (rc == RC_OK && at <= path.len);
    return rc;
}

static struct str language_lower(struct filter_compiling *c, struct str name)
{
    char *text = arena_cstr(c->arena, name);
    for (size_t i = 0; i < name.len; i++)
        if (text[i] >= 'A' && text[i] <= 'Z')
            text[i] = (char)(text[i] - 'A' + 'a');
    return str_of(text, name.len);
}

/* --- operators ---------------------------------------------------------------------------------------- */

struct list_visit {
    struct filter_compiling *c;
    enum level level;
    bool fold_case;
    struct filter_node **last;
};

static enum rc compile_element(void *ctx, size_t index, struct json_span value)
{
    struct list_visit *v = ctx;
    char number[24];
    (void)snprintf(number, sizeof(number), "%zu", index);
    size_t before = push_where(v->c, str_from(number));
    if (value.type != JSON_SPAN_OBJECT)
        return filter_fail(v->c, RC_INVALID, "conditions are objects");
    struct filter_node *node = ARENA_NEW(v->c->arena, struct filter_node);
    *v->last = node;
    v->last = &node->next;
    enum rc rc = compile_node(v->c, v->level, v->fold_case, value, node);
    if (rc == RC_OK)
        buf_cut(&v->c->where, before);
    return rc;
}

static enum rc compile_logic(struct filter_compiling *c, struct list_visit *v, struct filter_op *op,
                             struct json_span value)
{
    if (op->kind == FILTER_NOT) {
        if (value.type != JSON_SPAN_OBJECT)
            return filter_fail(c, RC_INVALID, "$not takes an object of conditions");
        op->nodes = ARENA_NEW(c->arena, struct filter_node);
        return compile_node(c, v->level, v->fold_case, value, op->nodes);
    }
    if (value.type != JSON_SPAN_ARRAY)
        return filter_fail(c, RC_INVALID, "$and and $or take a list of conditions");
    enum rc rc = json_span_each(value, compile_element, v);
    if (rc == RC_OK && op->nodes == NULL)
        return filter_fail(c, RC_INVALID, "an empty list of conditions");
    return rc;
}

static bool is_logic(enum filter_operator kind)
{
    return kind == FILTER_AND || kind == FILTER_OR || kind == FILTER_NOT;
}

static enum rc add_op(struct filter_compiling *c, struct filter_node *node,
                      enum filter_operator kind, struct json_span operand, struct filter_op **out)
{
    struct filter_op **at = &node->ops;
    if (++c->operator_count > FILTER_OPERATORS_MAX)
        return filter_fail(c, RC_LIMIT, "more than 256 operators");
    while (*at != NULL)
        at = &(*at)->next;
    *out = *at = ARENA_NEW(c->arena, struct filter_op);
    (*out)->kind = kind;
    (*out)->operand = arena_str(c->arena, operand.text);
    return RC_OK;
}

static enum rc compile_operator(struct filter_compiling *c, enum level level, bool fold_case,
                                struct str name, struct json_span value, struct filter_node *node)
{
    struct filter_op *op = NULL;
    unsigned kind = 0;
    while (kind < FILTER_OPERATOR_COUNT && !str_eq(name, str_from(filter_operator_names[kind])))
        kind++;
    if (kind == FILTER_OPERATOR_COUNT)
        return filter_fail(
            c, RC_INVALID,
            "no such operator; a name that begins with $ is written as a path, /$name");
    if (!is_logic(kind) && (level == ROOT || level == FLAT))
        return filter_fail(c, RC_INVALID, "here only $and, $or, $not and names make sense");
    enum rc rc = add_op(c, node, kind, value, &op);
    if (rc != RC_OK)
        return rc;
    if (!is_logic(kind))
        return filter_operand(c, op, value);
    struct list_visit v = { c, level, fold_case, &op->nodes };
    if (++c->depth > FILTER_DEPTH_MAX)
        return filter_fail(c, RC_LIMIT, "nested deeper than 16 levels");
    rc = compile_logic(c, &v, op, value);
    c->depth--;
    return rc;
}

/* --- nodes -------------------------------------------------------------------------------------------- */

static enum rc compile_section(struct filter_compiling *c, struct str name, struct json_span value,
                               struct filter_node *node)
{
    for (size_t i = 0; i < COUNT_OF(sections); i++) {
        if (!str_eq(name, sections[i].name))
            continue;
        if (sections[i].level == FLAT && value.type != JSON_SPAN_OBJECT)
            return filter_fail(c, RC_INVALID, "takes an object of names");
        enum rc rc = step_down(c, sections[i].name, &node);
        bool is_headers = str_eq(name, STR("headers"));
        return rc == RC_OK ? compile_node(c, sections[i].level, is_headers, value, node) : rc;
    }
    return filter_fail(c, RC_INVALID, "expected body, headers, query, path, method or eventType");
}

static enum rc compile_name(struct filter_compiling *c, enum level level, bool fold_case,
                            struct str name, struct json_span value, struct filter_node *node)
{
    enum rc rc = RC_OK;
    switch (level) {
    case ROOT: return compile_section(c, name, value, node);
    case FLAT:
        rc = step_down(c, fold_case ? language_lower(c, name) : name, &node);
        return rc == RC_OK ? compile_node(c, TEXT, false, value, node) : rc;
    case VALUE:
        rc = language_walk(c, name, &node);
        return rc == RC_OK ? compile_node(c, VALUE, false, value, node) : rc;
    case TEXT: break;
    }
    return filter_fail(c, RC_INVALID,
                       "this is a text: it has no members, only operators make sense");
}

struct name_seen {
    struct name_seen *next;
    struct str name;
};

struct member_visit {
    struct filter_compiling *c;
    enum level level;
    bool fold_case;
    struct filter_node *node;
    struct name_seen *seen;
};

static enum rc compile_member(void *ctx, struct json_span name_span, struct json_span value)
{
    struct member_visit *v = ctx;
    struct filter_compiling *c = v->c;
    struct str name = arena_str(c->arena, json_span_string(c->arena, name_span));
    size_t before = push_where(c, name);
    int depth = c->depth;
    for (const struct name_seen *s = v->seen; s != NULL; s = s->next)
        if (str_eq(s->name, name))
            return filter_fail(c, RC_INVALID, "this name occurs twice in one object");
    struct name_seen *seen = ARENA_NEW(c->arena, struct name_seen);
    *seen = (struct name_seen){ v->seen, name };
    v->seen = seen;
    enum rc rc = name.len > 0 && name.ptr[0] == '$'
                     ? compile_operator(c, v->level, v->fold_case, name, value, v->node)
                     : compile_name(c, v->level, v->fold_case, name, value, v->node);
    c->depth = depth;
    if (rc == RC_OK)
        buf_cut(&c->where, before);
    return rc;
}

/* A plain value stands for {"$eq": value}. */
static enum rc compile_plain(struct filter_compiling *c, struct json_span value,
                             struct filter_node *node)
{
    struct filter_op *op = NULL;
    if (value.type == JSON_SPAN_ARRAY)
        return filter_fail(c, RC_INVALID, "a list is no condition; {\"$in\": [...]} is");
    enum rc rc = add_op(c, node, FILTER_EQ, value, &op);
    return rc == RC_OK ? filter_operand(c, op, value) : rc;
}

static enum rc compile_node(struct filter_compiling *c, enum level level, bool fold_case,
                            struct json_span value, struct filter_node *node)
{
    if (value.type != JSON_SPAN_OBJECT)
        return compile_plain(c, value, node);
    struct member_visit v = { .c = c, .level = level, .fold_case = fold_case, .node = node };
    enum rc rc = json_span_members(value, compile_member, &v);
    if (rc == RC_OK && v.seen == NULL)
        return filter_fail(c, RC_INVALID, "an empty object asks for nothing");
    return rc;
}

/* --- the whole ---------------------------------------------------------------------------------------- */

static enum rc compile_root(struct filter_compiling *c, struct str text)
{
    struct json_span whole;
    struct json_error error = { 0 };
    if (text.len > FILTER_TEXT_MAX)
        return filter_fail(c, RC_LIMIT, "longer than 64 KiB");
    if (json_scan(text, &whole, &error) != RC_OK)
        return filter_fail(c, RC_INVALID, error.reason);
    if (whole.type != JSON_SPAN_OBJECT)
        return filter_fail(c, RC_INVALID, "a filter is an object");
    struct member_visit v = { .c = c, .level = ROOT, .node = &c->program->root };
    return json_span_members(whole, compile_member, &v);
}

enum rc filter_compile(struct str text, struct filter_program **out, struct filter_fault *fault)
{
    struct filter_program *program = XNEW(struct filter_program);
    struct filter_compiling c = { .program = program, .arena = &program->arena, .fault = fault };
    arena_init(&program->arena);
    buf_init(&c.where, FILTER_TEXT_MAX);
    enum rc rc = compile_root(&c, text);
    buf_fini(&c.where);
    if (rc != RC_OK) {
        filter_program_free(program);
        program = NULL;
    }
    *out = program;
    return rc;
}

void filter_program_free(struct filter_program *program)
{
    if (program == NULL)
        return;
    arena_fini(&program->arena);
    xfree(program);
}
