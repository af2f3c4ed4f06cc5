/* SPDX-License-Identifier: Apache-2.0
 *
 * The operators that compare: which operands they take, and what they say of a scalar. A value of
 * another type than the operand's is never equal, above, below or anything else; it is not converted.
 */
#include "filter/operators_priv.h"

#include "filter/operators_number_priv.h"
#include "filter/regex_priv.h"

const char *const filter_operator_names[FILTER_OPERATOR_COUNT] = {
    [FILTER_EQ] = "$eq",
    [FILTER_NEQ] = "$neq",
    [FILTER_GT] = "$gt",
    [FILTER_GTE] = "$gte",
    [FILTER_LT] = "$lt",
    [FILTER_LTE] = "$lte",
    [FILTER_IN] = "$in",
    [FILTER_NIN] = "$nin",
    [FILTER_STARTS_WITH] = "$startsWith",
    [FILTER_ENDS_WITH] = "$endsWith",
    [FILTER_CONTAINS] = "$contains",
    [FILTER_EXIST] = "$exist",
    [FILTER_REGEX] = "$regex",
    [FILTER_AND] = "$and",
    [FILTER_OR] = "$or",
    [FILTER_NOT] = "$not",
};

static enum rc take_scalar(struct filter_compiling *c, struct json_span span,
                           struct filter_scalar *out)
{
    out->type = span.type;
    if (span.type == JSON_SPAN_OBJECT || span.type == JSON_SPAN_ARRAY)
        return filter_fail(c, RC_INVALID, "expected a string, number, boolean or null");
    if (span.type == JSON_SPAN_STRING)
        out->text = arena_str(c->arena, json_span_string(c->arena, span));
    if (span.type != JSON_SPAN_NUMBER)
        return RC_OK;
    out->text = arena_str(c->arena, span.text);
    return filter_number_ok(out->text)
               ? RC_OK
               : filter_fail(c, RC_LIMIT, "an exponent has more than 9 digits");
}

struct list {
    struct filter_compiling *c;
    struct filter_scalar *values;
    size_t count;
};

static enum rc take_element(void *ctx, size_t index, struct json_span value)
{
    struct list *list = ctx;
    if (index == FILTER_LIST_MAX)
        return filter_fail(list->c, RC_LIMIT, "more than 256 values in a list");
    list->count = index + 1;
    return take_scalar(list->c, value, &list->values[index]);
}

static enum rc take_list(struct filter_compiling *c, struct filter_op *op, struct json_span operand)
{
    if (operand.type != JSON_SPAN_ARRAY)
        return filter_fail(c, RC_INVALID, "expected a list of values");
    struct list list = { c, arena_array(c->arena, FILTER_LIST_MAX, sizeof(struct filter_scalar)),
                         0 };
    enum rc rc = json_span_each(operand, take_element, &list);
    op->values = list.values;
    op->value_count = list.count;
    return rc == RC_OK && list.count == 0 ? filter_fail(c, RC_INVALID, "an empty list of values")
                                          : rc;
}

static enum rc take_one(struct filter_compiling *c, struct filter_op *op, struct json_span operand)
{
    struct filter_scalar *value = ARENA_NEW(c->arena, struct filter_scalar);
    op->values = value;
    op->value_count = 1;
    return take_scalar(c, operand, value);
}

enum rc filter_operand(struct filter_compiling *c, struct filter_op *op, struct json_span operand)
{
    bool is_string = operand.type == JSON_SPAN_STRING;
    switch (op->kind) {
    case FILTER_EQ:
    case FILTER_NEQ: return take_one(c, op, operand);
    case FILTER_IN:
    case FILTER_NIN: return take_list(c, op, operand);
    case FILTER_GT:
    case FILTER_GTE:
    case FILTER_LT:
    case FILTER_LTE:
        if (!is_string && operand.type != JSON_SPAN_NUMBER)
            return filter_fail(c, RC_INVALID, "expected a number or a string");
        return take_one(c, op, operand);
    case FILTER_EXIST:
        op->wanted = operand.type == JSON_SPAN_TRUE;
        if (operand.type != JSON_SPAN_TRUE && operand.type != JSON_SPAN_FALSE)
            return filter_fail(c, RC_INVALID, "expected true or false");
        return RC_OK;
    case FILTER_STARTS_WITH:
    case FILTER_ENDS_WITH:
    case FILTER_CONTAINS:
        return is_string ? take_one(c, op, operand)
                         : filter_fail(c, RC_INVALID, "expected a string");
    case FILTER_REGEX:
        if (!is_string)
            return filter_fail(c, RC_INVALID, "expected a string");
        return filter_regex_compile(c, json_span_string(c->arena, operand), &op->regex);
    case FILTER_AND:
    case FILTER_OR:
    case FILTER_NOT:
    case FILTER_OPERATOR_COUNT: break;
    }
    MUST(false && "an operator that compares");
    return RC_INVALID;
}

/* --- comparing ---------------------------------------------------------------------------------------- */

/* False: of different types, or not to be ordered. */
static bool order_of(const struct filter_scalar *a, const struct filter_scalar *b, int *order)
{
    if (a->type != b->type)
        return false;
    if (a->type == JSON_SPAN_NUMBER)
        return filter_number_compare(a->text, b->text, order);
    *order = a->type == JSON_SPAN_STRING ? str_cmp(a->text, b->text) : 0;
    return true;
}

static enum filter_truth is_among(const struct filter_op *op, const struct filter_scalar *value,
                                  struct filter_work *w)
{
    if (!filter_spend(w, op->value_count))
        return FILTER_UNKNOWN;
    for (size_t i = 0; i < op->value_count; i++) {
        int order = 0;
        if (order_of(value, &op->values[i], &order) && order == 0)
            return FILTER_TRUE;
    }
    return FILTER_FALSE;
}

static bool is_in_order(enum filter_operator kind, int order)
{
    switch ((int)kind) {
    case FILTER_GT: return order > 0;
    case FILTER_GTE: return order >= 0;
    case FILTER_LT: return order < 0;
    default: return order <= 0;
    }
}

static bool has_part(enum filter_operator kind, struct str text, struct str part)
{
    switch ((int)kind) {
    case FILTER_STARTS_WITH: return str_starts(text, part);
    case FILTER_ENDS_WITH: return str_ends(text, part);
    default: return str_contains(text, part);
    }
}

enum filter_truth filter_compare(const struct filter_op *op, const struct filter_scalar *value,
                                 struct filter_work *w)
{
    enum { BYTES_A_STEP = 64 };
    bool is_string = value->type == JSON_SPAN_STRING;
    int order = 0;
    if (!filter_spend(w, 1 + value->text.len / BYTES_A_STEP))
        return FILTER_UNKNOWN;
    /* A number that cannot be compared is not "another one": nothing is said about it. */
    if (value->type == JSON_SPAN_NUMBER && !filter_number_ok(value->text))
        return FILTER_UNKNOWN;
    switch ((int)op->kind) {
    case FILTER_EQ:
    case FILTER_NEQ:
    case FILTER_IN:
    case FILTER_NIN: return is_among(op, value, w);
    case FILTER_STARTS_WITH:
    case FILTER_ENDS_WITH:
    case FILTER_CONTAINS:
        return filter_truth_of(is_string && has_part(op->kind, value->text, op->values->text));
    case FILTER_REGEX:
        return is_string ? filter_regex_match(op->regex, value->text, w) : FILTER_FALSE;
    default:
        return filter_truth_of(order_of(value, op->values, &order) && is_in_order(op->kind, order));
    }
}
