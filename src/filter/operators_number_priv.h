/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers as they are written, compared exactly.
 */
#pragma once

#include "base/base.h"

/* Is the text a number that can be compared? Not so: an exponent of more than 9 digits. */
bool filter_number_ok(struct str text);
/* -1, 0, 1. False: one of them is not ok. */
bool filter_number_compare(struct str a, struct str b, int *order);
