/* SPDX-License-Identifier: Apache-2.0
 *
 * What conf's unit tests share.
 */
#pragma once

#include "conf/conf_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* needs the ones above */

#define assert_says(buf, text) assert_true(str_contains(buf_str(buf), str_from(text)))
