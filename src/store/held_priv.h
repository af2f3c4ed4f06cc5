/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/held.h: its part of a store.
 */
#pragma once

#include "store/held.h"

struct store_held;

/* Reads who is held, and listens to commits from then on. RC_IO. */
MUST_USE enum rc store_held_open(struct store *s);
void store_held_free(struct store_held *h); /* once the store's threads have ended; NULL is fine */
