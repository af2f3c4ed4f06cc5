/* SPDX-License-Identifier: Apache-2.0
 *
 * Views in memory, by the hash of a token.
 */
#pragma once

#include "inbound/view_priv.h"

struct inbound_cache *inbound_cache_new(size_t views_max);
void inbound_cache_free(struct inbound_cache *c);
/* With a reference; NULL: not cached. Any thread, never blocks for long. */
struct inbound_view *inbound_cache_find(struct inbound_cache *c, const uint8_t hash[static 32]);
/* A view that was being read while the source changed is not put in: note, read, put. */
uint64_t inbound_cache_note(struct inbound_cache *c);
void inbound_cache_put(struct inbound_cache *c, uint64_t noted, const uint8_t hash[static 32],
                       struct inbound_view *v);
void inbound_cache_forget(struct inbound_cache *c, int64_t source);
/* The token ended: it is not looked for any more. */
void inbound_cache_drop(struct inbound_cache *c, const uint8_t hash[static 32]);
