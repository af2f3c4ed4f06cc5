/* SPDX-License-Identifier: Apache-2.0
 *
 * What time it is for a shard.
 */
#pragma once

#include "deliver/shard_priv.h"

/* Reads the clocks; a jump of the store's time moves what counts from "now" along. To be called on every way into a
 * shard. */
void deliver_shard_tell_time(struct deliver_shard *s);
