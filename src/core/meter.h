/* SPDX-License-Identifier: Apache-2.0
 *
 * How often something may happen per key, in memory whose size does not depend on how many keys
 * outsiders come up with: a fixed number of places that keys share by their hash. Sharing can only
 * make it stricter, never laxer. Any thread, no lock, nothing blocks.
 */
#pragma once

#include "base/base.h"

struct core_meter;

/* At most `burst` at once, and one more each `gap_us`. `places`: rounded up to a power of two. */
struct core_meter *core_meter_new(size_t places, int64_t gap_us, int burst);
void core_meter_free(struct core_meter *m); /* NULL is fine */

/* Takes a place. False: there is none now, and nothing was taken. `now_us` may be of any clock, but
 * always of the same. */
bool core_meter_take(struct core_meter *m, uint64_t key, int64_t now_us);
/* Would core_meter_take() succeed? Takes nothing. */
bool core_meter_has_room(const struct core_meter *m, uint64_t key, int64_t now_us);
