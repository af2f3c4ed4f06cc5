/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys and times: a key begins with the time at which it was made.
 */
#pragma once

#include "base/base.h"

/* The time in a key, and the key of a time. */
int64_t store_key_time_us(int64_t k);
int64_t store_key_at(int64_t wall_us);
