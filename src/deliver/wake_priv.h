/* SPDX-License-Identifier: Apache-2.0
 *
 * A shard asks for its next turn.
 */
#pragma once

#include "deliver/shard_priv.h"

/* Once until deliver_shard_run(), which need not be asked while it runs. */
void deliver_shard_wake(struct deliver_shard *s);
