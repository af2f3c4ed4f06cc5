/* SPDX-License-Identifier: Apache-2.0
 *
 * Remembered idempotency keys and event ids. Both kinds of store keep a key as it is and an event id by a hash, each by
 * one of its own: those are made anew.
 */
#pragma once

#include "store/copy/server_priv.h"

enum { COPY_FILE_SEED_BYTES = 8, COPY_SERVER_SEED_BYTES = 16 };
#define COPY_SEED_SETTING "event id hash seed"

/* The setting's value in the other kind of store. There and back it is the same again. Borrowed from `room`, or as it was. */
struct str store_copy_seed(struct str value, size_t wanted, uint8_t room[static COPY_SERVER_SEED_BYTES]);

/* Those of one segment, within its transaction. Adds to *count. To the server: as long as they are remembered. To a file: also
 * all event ids, because a file finds messages by them. */
MUST_USE enum rc store_copy_keys_to_server(struct copy_server *to, const struct copy_side *file, int64_t *count);
MUST_USE enum rc store_copy_keys_to_file(struct copy_server *from, const struct copy_side *file, const struct copy_segment *seg,
                                         int64_t *count);
