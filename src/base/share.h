/* SPDX-License-Identifier: Apache-2.0
 *
 * Shares of a bounded amount (bytes, places) that many owners use: there is a total, and a most that one owner may
 * hold, so that none of them can take what the others need. Owners are numbers; who they are is the caller's
 * business. An owner that holds nothing takes no memory. Any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

struct share;

/* `each` may exceed `total`: no owner is bounded by itself then. */
struct share *share_new(size_t total, size_t each);
/* Everything must have been given back. NULL is fine. */
void share_free(struct share *s);

/* Nothing is taken on failure. RC_BUSY: the total would be exceeded; RC_LIMIT: this owner's share would be. */
MUST_USE enum rc share_take(struct share *s, uint64_t owner, size_t amount);
/* Gives back what the same owner took, or a part of it. */
void share_give(struct share *s, uint64_t owner, size_t amount);
size_t share_taken(struct share *s);
/* The most that one owner may ever hold: its share, or the total if that is less. */
size_t share_most(const struct share *s);
