/* SPDX-License-Identifier: Apache-2.0
 *
 * What an event id is remembered under, in the tables of idempotency keys.
 */
#pragma once

#include "base/base.h"

enum { POSTGRES_EVENT_KEY_BYTES = 16 };

/* `seed`: the store's, a setting. */
void store_postgres_event_hash(const uint64_t seed[static 2], int64_t app, struct str event_id,
                               uint8_t out[static POSTGRES_EVENT_KEY_BYTES]);
