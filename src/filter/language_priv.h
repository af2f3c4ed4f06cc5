/* SPDX-License-Identifier: Apache-2.0
 *
 * A compiled filter: a tree of nodes. A node is what is asked of one value; all of it must hold.
 */
#pragma once

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "filter/language.h"

enum filter_operator {
    FILTER_EQ,
    FILTER_NEQ,
    FILTER_GT,
    FILTER_GTE,
    FILTER_LT,
    FILTER_LTE,
    FILTER_IN,
    FILTER_NIN,
    FILTER_STARTS_WITH,
    FILTER_ENDS_WITH,
    FILTER_CONTAINS,
    FILTER_EXIST,
    FILTER_REGEX,
    FILTER_AND,
    FILTER_OR,
    FILTER_NOT,
    FILTER_OPERATOR_COUNT
};
/* "$eq", ... */
extern const char *const filter_operator_names[FILTER_OPERATOR_COUNT];

/* What a comparison deals with: a JSON scalar. */
struct filter_scalar {
    enum json_span_type type; /* STRING, NUMBER, TRUE, FALSE or NULL */
    struct str text;          /* of a string: its characters; of a number: as written */
};

struct filter_node;

struct filter_op {
    struct filter_op *next;
    enum filter_operator kind;
    bool wanted;                        /* $exist */
    const struct filter_scalar *values; /* one; of $in and $nin: any number */
    size_t value_count;
    pcre2_code *regex;
    struct filter_node *nodes; /* $and, $or, $not */
    struct str operand;        /* as written */
};

struct filter_field {
    struct filter_field *next;
    struct str name;
    bool is_index; /* the name is a number: picks an element when it meets an array */
    size_t index;
    struct filter_node *node;
};

struct filter_node {
    struct filter_node *next; /* among the nodes of one operator */
    struct filter_op *ops;
    struct filter_field *fields;
    size_t field_count;
};

struct filter_program {
    struct arena arena;
    struct filter_node root; /* its fields are the sections: body, headers, ... */
};

/* --- compiling -------------------------------------------------------------------------------------- */

struct filter_compiling {
    struct filter_program *program;
    struct arena *arena; /* the program's */
    struct filter_fault *fault;
    struct buf where;
    int depth;
    size_t operator_count;
};
/* Returns rc; the fault says where the compiler stands. `reason` is copied. */
enum rc filter_fail(struct filter_compiling *c, enum rc rc, const char *reason);
/* Takes the operand of any operator but $and, $or and $not. */
MUST_USE enum rc filter_operand(struct filter_compiling *c, struct filter_op *op,
                                struct json_span operand);
/* RC_INVALID, RC_LIMIT: filter_fail() was called. */
MUST_USE enum rc filter_regex_compile(struct filter_compiling *c, struct str pattern,
                                      pcre2_code **out);

/* --- matching --------------------------------------------------------------------------------------- */

/* Unknown: there is nothing to judge, or it cannot be judged. Never a match, and its denial is none either. */
enum filter_truth { FILTER_FALSE, FILTER_TRUE, FILTER_UNKNOWN };

static inline enum filter_truth filter_truth_of(bool yes)
{
    return yes ? FILTER_TRUE : FILTER_FALSE;
}
static inline enum filter_truth filter_deny(enum filter_truth t)
{
    return t == FILTER_UNKNOWN ? t : filter_truth_of(t == FILTER_FALSE);
}

/* What one match may cost, and has at hand. */
struct filter_work {
    int64_t steps_left;
    pcre2_match_context *regex_context; /* made when first needed */
    pcre2_match_data *regex_data;
};
void filter_work_fini(struct filter_work *w);
/* False: the steps are used up. */
bool filter_spend(struct filter_work *w, size_t steps);

/* One of the operators that compare with a scalar; $neq and $nin as $eq and $in. */
enum filter_truth filter_compare(const struct filter_op *op, const struct filter_scalar *value,
                                 struct filter_work *w);
enum filter_truth filter_regex_match(const pcre2_code *regex, struct str subject,
                                     struct filter_work *w);

/* Is the text a number that can be compared? Not so: an exponent of more than 9 digits. */
bool filter_number_ok(struct str text);
/* -1, 0, 1. False: one of them is not ok. */
bool filter_number_compare(struct str a, struct str b, int *order);
