/* SPDX-License-Identifier: Apache-2.0
 *
 * Identifiers: "<prefix>_" and 27 base-62 digits of 20 bytes: 4 bytes of seconds since 1400000000,
 * 1 byte of 4-millisecond ticks, 3 bytes that count within the tick on this node, 12 random bytes.
 * They sort by time as bytes and as text. The first 8 bytes, read as one number, are unique on a
 * node and serve as its row key. Where several nodes share a store, the first of the 3 bytes that count is the
 * node's slot (1 to 255), so that the key is unique among all of them; else there is no slot, and all 3 count.
 */
#pragma once

#include <stdint.h>

#include "base/clock.h"
#include "base/rc.h"
#include "base/rng.h"
#include "base/str.h"

enum {
    ID_BYTES = 20,
    ID_DIGITS = 27,
    ID_PREFIX_MAX = 12,
    ID_TEXT_MAX = ID_PREFIX_MAX + ID_DIGITS /* without NUL */
};

struct id {
    uint8_t bytes[ID_BYTES];
};

/* Makes ids; shared by all threads (lock-free). Times never go backwards within one source. */
struct id_source;
struct id_source *id_source_new(const struct clock *clock, const struct rng *rng);
/* One whose ids carry a slot and come after the key `after`. */
struct id_source *id_source_new_slot(const struct clock *clock, const struct rng *rng, int slot, int64_t after);
void id_source_free(struct id_source *s);
int64_t id_source_last(const struct id_source *s); /* the key of the last one made; at least `after` */
struct id id_new(struct id_source *s);

/* The first id of that instant, for bounds of time windows. */
struct id id_at(int64_t wall_us);

/* The time in it, to 4 ms. */
int64_t id_time_us(const struct id *id);

/* The row key: positive until the year 2082. */
int64_t id_key(const struct id *id);

/* Writes prefix ("msg_"), digits and a NUL; returns the text, borrowed from `out`. */
struct str id_format(struct str prefix, const struct id *id, char out[static ID_TEXT_MAX + 1]);

/* RC_INVALID: other prefix, other length, not base-62, or more than 20 bytes' worth. */
MUST_USE enum rc id_parse(struct str prefix, struct str text, struct id *out);
