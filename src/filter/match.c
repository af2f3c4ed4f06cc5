/* SPDX-License-Identifier: Apache-2.0
 *
 * Walking a filter's tree and what it is asked about side by side. Logic has three values: what is
 * absent is unknown, and stays so whatever is built around it (see filter_truth). The body is never parsed
 * into a tree: members are looked for in its text, a pass a level, and everything that takes time is paid for
 * in steps.
 */
#include "filter/language.h"

#include "filter/operators_priv.h"
#include "filter/regex_priv.h"
#include "metrics/metrics.h"

#include <stdio.h>

enum {
    SCAN_BYTES_A_STEP = 64,
    WANTED_FEW = 8,
    ENTRIES_MAX = 1000, /* of an explanation */
    SHOWN_MAX = 256,    /* bytes of a value shown in it */
    PATH_MAX_SHOWN = 4096
};

enum value_kind { ABSENT, WHOLE, JSON_VALUE, TEXT_VALUE, TEXT_LIST, TEXT_MAP };

struct value {
    enum value_kind kind;
    struct json_span span;           /* JSON_VALUE */
    struct str text;                 /* TEXT_VALUE; of TEXT_LIST the name */
    const struct filter_pair *pairs; /* TEXT_LIST, TEXT_MAP */
    size_t count;
    bool fold_case;
};

struct match {
    const struct filter_input *in;
    struct filter_work work;
    struct arena arena;
    struct value body;
    bool has_body; /* looked at */
    /* explaining */
    json_t *list; /* where the next entry goes; NULL: not explaining */
    struct buf path;
    size_t entry_count;
};

/* The members a node asks about. */
struct wanted {
    const struct filter_field *fields;
    size_t count;
    bool names_only; /* inside an array: what picks elements has done so */
};

static enum filter_truth eval_node(struct match *m, const struct filter_node *node,
                                   const struct value *v);
static enum filter_truth eval_fields(struct match *m, const struct wanted *want,
                                     const struct value *v);

static enum filter_truth match_both(enum filter_truth a, enum filter_truth b)
{
    if (a == FILTER_FALSE || b == FILTER_FALSE)
        return FILTER_FALSE;
    return a == FILTER_UNKNOWN ? a : b;
}

static enum filter_truth match_either(enum filter_truth a, enum filter_truth b)
{
    return filter_deny(match_both(filter_deny(a), filter_deny(b)));
}

/* --- explaining --------------------------------------------------------------------------------------- */

static const char *truth_name(enum filter_truth t)
{
    static const char *const names[] = { "false", "true", "unknown" };
    return names[t];
}

static size_t push_path(struct match *m, struct str name)
{
    size_t before = m->path.len;
    if (m->list != NULL)
        buf_say(&m->path, "/%.*s", STR_ARGS(name));
    return before;
}

static void pop_path(struct match *m, size_t before)
{
    if (m->list != NULL)
        buf_cut(&m->path, before);
}

/* JSON if it is, else the text as a string. */
static json_t *match_shown(struct str text)
{
    json_t *out = NULL;
    if (json_parse(text, &out, NULL) == RC_OK)
        return out;
    struct str cut = str_cut_utf8(text, SHOWN_MAX);
    return str_is_utf8(cut) ? json_stringn(cut.ptr, cut.len) : json_null();
}

static json_t *shown_value(const struct value *v)
{
    if (v->kind == JSON_VALUE && v->span.text.len <= SHOWN_MAX)
        return match_shown(v->span.text);
    if (v->kind == TEXT_VALUE && str_is_utf8(v->text))
        return json_stringn(v->text.ptr, str_cut_utf8(v->text, SHOWN_MAX).len);
    return NULL;
}

/* Opens an entry and makes its list the current one; NULL when not explaining, or not this one. */
static json_t *open_entry(struct match *m, const struct filter_op *op, json_t **outer)
{
    *outer = m->list;
    if (m->list == NULL || ++m->entry_count > ENTRIES_MAX)
        return NULL;
    json_t *entry = json_object();
    json_object_set_new(entry, "path",
                        json_stringn(m->path.ptr == NULL ? "" : m->path.ptr, m->path.len));
    json_object_set_new(entry, "operator", json_string(filter_operator_names[op->kind]));
    json_array_append_new(m->list, entry);
    if (op->nodes == NULL) {
        json_object_set_new(entry, "operand", match_shown(op->operand));
        return entry;
    }
    m->list = json_array();
    json_object_set_new(entry, "of", m->list);
    return entry;
}

static void close_entry(struct match *m, json_t *entry, json_t *outer, const struct filter_op *op,
                        const struct value *v, enum filter_truth t)
{
    m->list = outer;
    if (entry == NULL)
        return;
    json_t *value = op->nodes == NULL ? shown_value(v) : NULL;
    if (value != NULL)
        json_object_set_new(entry, "value", value);
    json_object_set_new(entry, "result", json_string(truth_name(t)));
}

/* --- operators ---------------------------------------------------------------------------------------- */

struct any {
    struct match *m;
    const struct filter_op *op;
    enum filter_truth found;
};

static enum filter_truth compare_span(struct match *m, const struct filter_op *op,
                                      struct json_span span);

static enum rc compare_element(void *ctx, size_t index, struct json_span value)
{
    struct any *any = ctx;
    (void)index;
    any->found = match_either(any->found, compare_span(any->m, any->op, value));
    return any->found == FILTER_TRUE || any->m->work.steps_left <= 0 ? RC_LIMIT : RC_OK;
}

/* A list matches when any of its elements does. */
static enum filter_truth compare_span(struct match *m, const struct filter_op *op,
                                      struct json_span span)
{
    struct filter_scalar scalar = { span.type, span.text };
    struct any any = { m, op, FILTER_FALSE };
    if (span.type == JSON_SPAN_OBJECT)
        return FILTER_FALSE;
    if (span.type == JSON_SPAN_ARRAY) {
        if (!filter_spend(&m->work, 1 + span.text.len / SCAN_BYTES_A_STEP))
            return FILTER_UNKNOWN;
        MUST(json_span_each(span, compare_element, &any) != RC_INVALID);
        return m->work.steps_left > 0 ? any.found : FILTER_UNKNOWN;
    }
    if (span.type == JSON_SPAN_STRING)
        scalar.text = json_span_string(&m->arena, span);
    return filter_compare(op, &scalar, &m->work);
}

static bool has_name(const struct value *v, size_t i)
{
    return v->fold_case ? str_ieq(v->pairs[i].name, v->text) : str_eq(v->pairs[i].name, v->text);
}

static enum filter_truth compare_texts(struct match *m, const struct filter_op *op,
                                       const struct value *v)
{
    enum filter_truth found = FILTER_FALSE;
    for (size_t i = 0; i < v->count && found != FILTER_TRUE; i++) {
        struct filter_scalar scalar = { JSON_SPAN_STRING, v->pairs[i].value };
        if (has_name(v, i))
            found = match_either(found, filter_compare(op, &scalar, &m->work));
    }
    return found;
}

static enum filter_truth compare_value(struct match *m, const struct filter_op *op,
                                       const struct value *v)
{
    enum filter_truth t = FILTER_UNKNOWN;
    struct filter_scalar scalar = { JSON_SPAN_STRING, v->text };
    if (v->kind == JSON_VALUE)
        t = compare_span(m, op, v->span);
    else if (v->kind == TEXT_VALUE)
        t = filter_compare(op, &scalar, &m->work);
    else if (v->kind == TEXT_LIST)
        t = compare_texts(m, op, v);
    return op->kind == FILTER_NEQ || op->kind == FILTER_NIN ? filter_deny(t) : t;
}

static enum filter_truth eval_logic(struct match *m, const struct filter_op *op,
                                    const struct value *v)
{
    bool is_or = op->kind == FILTER_OR;
    enum filter_truth t = filter_truth_of(!is_or);
    for (const struct filter_node *node = op->nodes; node != NULL; node = node->next) {
        enum filter_truth one = eval_node(m, node, v);
        t = is_or ? match_either(t, one) : match_both(t, one);
        if (m->list == NULL && t == filter_truth_of(is_or))
            break;
    }
    return op->kind == FILTER_NOT ? filter_deny(t) : t;
}

static enum filter_truth eval_op(struct match *m, const struct filter_op *op, const struct value *v)
{
    json_t *outer = NULL;
    if (!filter_spend(&m->work, 1))
        return FILTER_UNKNOWN;
    json_t *entry = open_entry(m, op, &outer);
    enum filter_truth t = FILTER_UNKNOWN;
    if (op->nodes != NULL)
        t = eval_logic(m, op, v);
    else if (op->kind == FILTER_EXIST)
        t = filter_truth_of((v->kind != ABSENT) == op->wanted);
    else if (v->kind != ABSENT)
        t = compare_value(m, op, v);
    close_entry(m, entry, outer, op, v, t);
    return t;
}

/* --- sections ----------------------------------------------------------------------------------------- */

static const struct value *body_of(struct match *m)
{
    if (m->has_body)
        return &m->body;
    m->has_body = true;
    m->body.kind = ABSENT;
    if (m->in->body.ptr != NULL &&
        filter_spend(&m->work, 1 + m->in->body.len / SCAN_BYTES_A_STEP) &&
        json_scan(m->in->body, &m->body.span, NULL) == RC_OK)
        m->body.kind = JSON_VALUE;
    return &m->body;
}

static struct value text_value(struct str text)
{
    return (struct value){ .kind = text.ptr == NULL ? ABSENT : TEXT_VALUE, .text = text };
}

static struct value section_of(struct match *m, struct str name)
{
    const struct filter_input *in = m->in;
    if (str_eq(name, STR("body")))
        return *body_of(m);
    if (str_eq(name, STR("headers")))
        return (struct value){
            .kind = TEXT_MAP, .pairs = in->headers, .count = in->header_count, .fold_case = true
        };
    if (str_eq(name, STR("query")))
        return (struct value){ .kind = TEXT_MAP, .pairs = in->query, .count = in->query_count };
    if (str_eq(name, STR("path")))
        return text_value(in->path);
    return text_value(str_eq(name, STR("method")) ? in->method : in->event_type);
}
/* --- members ------------------------------------------------------------------------------------------ */

static enum filter_truth eval_field(struct match *m, const struct filter_field *field,
                                    const struct value *v)
{
    size_t before = push_path(m, field->name);
    enum filter_truth t = eval_node(m, field->node, v);
    pop_path(m, before);
    return t;
}

static bool is_wanted(const struct wanted *want, const struct filter_field *f)
{
    return !want->names_only || !f->is_index;
}

static bool is_over(const struct match *m, enum filter_truth t)
{
    return t == FILTER_FALSE && m->list == NULL;
}

/* A name that occurs twice in the body's object has no one value: all that is wanted of it is absent. */
static enum filter_truth eval_object(struct match *m, const struct wanted *want,
                                     struct json_span span)
{
    struct json_member few[WANTED_FEW];
    struct json_member *members =
        want->count <= WANTED_FEW ? few : arena_array(&m->arena, want->count, sizeof(*members));
    enum filter_truth t = FILTER_TRUE;
    size_t count = 0;
    for (const struct filter_field *f = want->fields; f != NULL; f = f->next)
        if (is_wanted(want, f))
            members[count++].name = f->name;
    if (!filter_spend(&m->work, 1 + count + span.text.len / SCAN_BYTES_A_STEP))
        return FILTER_UNKNOWN;
    bool is_read = json_scan_object(span.text, members, count, NULL) == RC_OK;
    size_t i = 0;
    for (const struct filter_field *f = want->fields; f != NULL && !is_over(m, t); f = f->next) {
        if (!is_wanted(want, f))
            continue;
        bool is_there = is_read && members[i].value.type != JSON_SPAN_NONE;
        struct value v = { .kind = is_there ? JSON_VALUE : ABSENT, .span = members[i].value };
        t = match_both(t, eval_field(m, f, &v));
        i++;
    }
    return t;
}

struct pick {
    size_t index;
    struct json_span found;
};

static enum rc pick_element(void *ctx, size_t index, struct json_span value)
{
    struct pick *pick = ctx;
    if (index < pick->index)
        return RC_OK;
    pick->found = value;
    return RC_LIMIT; /* enough */
}

static enum filter_truth eval_index(struct match *m, const struct filter_field *field,
                                    struct json_span array)
{
    struct pick pick = { .index = field->index };
    if (!filter_spend(&m->work, 1 + array.text.len / SCAN_BYTES_A_STEP))
        return FILTER_UNKNOWN;
    MUST(json_span_each(array, pick_element, &pick) != RC_INVALID);
    struct value v = { .kind = pick.found.type == JSON_SPAN_NONE ? ABSENT : JSON_VALUE,
                       .span = pick.found };
    return eval_field(m, field, &v);
}

struct each {
    struct match *m;
    const struct wanted *names;
    enum filter_truth found;
    size_t count;
};

static enum rc eval_element(void *ctx, size_t index, struct json_span element)
{
    struct each *each = ctx;
    struct match *m = each->m;
    struct value v = { .kind = JSON_VALUE, .span = element };
    char number[24];
    (void)snprintf(number, sizeof(number), "%zu", index);
    size_t before = push_path(m, str_from(number));
    each->found = match_either(each->found, eval_fields(m, each->names, &v));
    pop_path(m, before);
    each->count++;
    return each->found == FILTER_TRUE || m->work.steps_left <= 0 ? RC_LIMIT : RC_OK;
}

/* Numbers pick elements; the other names are looked for in every element, all in the same one. */
static enum filter_truth eval_array(struct match *m, const struct wanted *want,
                                    struct json_span array)
{
    enum filter_truth t = FILTER_TRUE;
    struct wanted names = { want->fields, want->count, .names_only = true };
    bool has_names = false;
    for (const struct filter_field *f = want->fields; f != NULL; f = f->next) {
        has_names = has_names || !f->is_index;
        if (f->is_index && !want->names_only)
            t = match_both(t, eval_index(m, f, array));
    }
    if (!has_names || is_over(m, t))
        return t;
    if (!filter_spend(&m->work, 1 + array.text.len / SCAN_BYTES_A_STEP))
        return FILTER_UNKNOWN;
    struct each each = { m, &names, FILTER_FALSE, 0 };
    MUST(json_span_each(array, eval_element, &each) != RC_INVALID);
    if (each.count == 0)
        each.found = eval_fields(m, &names, &(struct value){ .kind = ABSENT });
    return match_both(t, each.found);
}

static struct value text_list(const struct value *map, struct str name)
{
    struct value v = *map;
    v.kind = ABSENT;
    v.text = name;
    for (size_t i = 0; i < v.count && v.kind == ABSENT; i++)
        if (has_name(&v, i))
            v.kind = TEXT_LIST;
    return v;
}

static struct value member_of(struct match *m, const struct value *v, struct str name)
{
    if (v->kind == WHOLE)
        return section_of(m, name);
    return v->kind == TEXT_MAP ? text_list(v, name) : (struct value){ .kind = ABSENT };
}

static enum filter_truth eval_fields(struct match *m, const struct wanted *want,
                                     const struct value *v)
{
    enum filter_truth t = FILTER_TRUE;
    if (!filter_spend(&m->work, 1))
        return FILTER_UNKNOWN;
    if (v->kind == JSON_VALUE && v->span.type == JSON_SPAN_OBJECT)
        return eval_object(m, want, v->span);
    if (v->kind == JSON_VALUE && v->span.type == JSON_SPAN_ARRAY)
        return eval_array(m, want, v->span);
    for (const struct filter_field *f = want->fields; f != NULL && !is_over(m, t); f = f->next) {
        struct value member = member_of(m, v, f->name);
        if (is_wanted(want, f))
            t = match_both(t, eval_field(m, f, &member));
    }
    return t;
}

static enum filter_truth eval_node(struct match *m, const struct filter_node *node,
                                   const struct value *v)
{
    enum filter_truth t = FILTER_TRUE;
    struct wanted want = { node->fields, node->field_count, false };
    for (const struct filter_op *op = node->ops; op != NULL && !is_over(m, t); op = op->next)
        t = match_both(t, eval_op(m, op, v));
    if (node->fields != NULL && !is_over(m, t))
        t = match_both(t, eval_fields(m, &want, v));
    return t;
}

/* --- the whole ---------------------------------------------------------------------------------------- */

static enum filter_truth match_run(const struct filter_program *program,
                                   const struct filter_input *in, json_t *list, bool *exhausted)
{
    struct match m = { .in = in, .list = list, .work = { .steps_left = FILTER_STEPS_MAX } };
    struct value whole = { .kind = WHOLE };
    arena_init(&m.arena);
    buf_init(&m.path, PATH_MAX_SHOWN);
    enum filter_truth t = eval_node(&m, &program->root, &whole);
    *exhausted = m.work.steps_left <= 0;
    filter_regex_work_fini(&m.work);
    buf_fini(&m.path);
    arena_fini(&m.arena);
    return *exhausted ? FILTER_UNKNOWN : t;
}

/* The verdict is that of the plain run: explaining looks at more and may run out of steps sooner. */
bool filter_match(const struct filter_program *program, const struct filter_input *in,
                  json_t **explanation)
{
    bool exhausted = false;
    enum filter_truth t = match_run(program, in, NULL, &exhausted);
    if (exhausted)
        metrics_add(METRIC_FILTER_EXHAUSTED, 1);
    if (explanation == NULL)
        return t == FILTER_TRUE;
    json_t *out = json_object();
    json_t *list = json_array();
    json_object_set_new(out, "matches", json_boolean(t == FILTER_TRUE));
    json_object_set_new(out, "result", json_string(truth_name(t)));
    json_object_set_new(out, "exhausted", json_boolean(exhausted));
    json_object_set_new(out, "conditions", list);
    (void)match_run(program, in, list, &exhausted);
    *explanation = out;
    return t == FILTER_TRUE;
}

size_t filter_read_headers(struct str lines, struct filter_pair *out, size_t max)
{
    struct str line;
    size_t count = 0;
    while (count < max && str_split(&lines, '\n', &line)) {
        size_t colon = str_find(line, ':');
        size_t end = str_find(line, '\r');
        if (colon < end)
            out[count++] =
                (struct filter_pair){ str_sub(line, 0, colon),
                                      str_trim(str_sub(line, colon + 1, end - colon - 1)) };
    }
    return count;
}
