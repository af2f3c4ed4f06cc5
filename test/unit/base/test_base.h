/* SPDX-License-Identifier: Apache-2.0
 *
 * What base's unit tests share: cmocka, and comparing strings by content.
 */
#pragma once

#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* needs the ones above */

#define assert_str(actual, expected) assert_true(str_eq((actual), (expected)))
#define assert_rc(actual, expected) assert_int_equal((actual), (expected))
