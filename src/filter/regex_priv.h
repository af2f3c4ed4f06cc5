/* SPDX-License-Identifier: Apache-2.0
 *
 * Regular expressions: compiled, and tried on a text within a match's steps.
 */
#pragma once

#include "filter/fault_priv.h"
#include "filter/work_priv.h"

/* RC_INVALID, RC_LIMIT: filter_fail() was called. */
MUST_USE enum rc filter_regex_compile(struct filter_compiling *c, struct str pattern,
                                      pcre2_code **out);

enum filter_truth filter_regex_match(const pcre2_code *regex, struct str subject,
                                     struct filter_work *w);

/* Frees what filter_regex_match() made. */
void filter_regex_work_fini(struct filter_work *w);
