/* SPDX-License-Identifier: Apache-2.0
 *
 * The operators that compare: which operands they take, and what they say of a scalar.
 */
#pragma once

#include "filter/fault_priv.h"
#include "filter/work_priv.h"

/* "$eq", ... */
extern const char *const filter_operator_names[FILTER_OPERATOR_COUNT];

/* Takes the operand of any operator but $and, $or and $not. */
MUST_USE enum rc filter_operand(struct filter_compiling *c, struct filter_op *op,
                                struct json_span operand);
/* One of the operators that compare with a scalar; $neq and $nin as $eq and $in. */
enum filter_truth filter_compare(const struct filter_op *op, const struct filter_scalar *value,
                                 struct filter_work *w);
