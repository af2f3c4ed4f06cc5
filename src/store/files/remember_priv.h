/* SPDX-License-Identifier: Apache-2.0
 *
 * Which keys a segment knows: idempotency keys and event ids, in memory while it is written to and in a sorted file once
 * it is sealed.
 */
#pragma once

#include "store/files/files_priv.h"

enum { REMEMBERED_BYTES = 40 }; /* key, body hash, event id's hash */
/* Looks for an earlier message with the key; sets result and first. RC_OK with result CREATED: none. */
MUST_USE enum rc store_remembered_check(struct store_files *s, struct store_publish *p);
MUST_USE enum rc store_remember(struct store_files *s, struct store_segment *seg,
                                const struct store_publish *p);
/* With those of p->also that were remembered, too. */
void store_forget(struct store_files *s, struct store_segment *seg, const struct store_publish *p);
/* Fills the table of a segment from its rows, or maps its sorted file. At start. */
MUST_USE enum rc store_remembered_load(struct store_segment *seg, bool is_newest);
/* Writes the sorted file of a sealed segment and swaps it in. Keeper thread. */
void store_remembered_seal(struct store_segment *seg);
/* Keeper: neighbours with key files get one filter together. */
void store_remembered_group(struct store_files *s, struct store_segment *const *segments, size_t count);
/* What an idempotency key is remembered under. */
uint64_t store_remembered_hash(const uint8_t key[static 16]);
/* Messages that may have this hash: calls fn for each until it returns true (*ended). RC_IO: the keys cannot be read.
 * Any thread. */
MUST_USE enum rc store_event_candidates(struct store_files *s, struct store_segment *seg, uint64_t hash,
                                        bool (*fn)(void *ctx, int64_t k), void *ctx, bool *ended);
