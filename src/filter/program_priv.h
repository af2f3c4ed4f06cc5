/* SPDX-License-Identifier: Apache-2.0
 *
 * A compiled filter: a tree of nodes. A node is what is asked of one value; all of it must hold. Types only.
 */
#pragma once

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/base.h"
#include "json/json.h"

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
