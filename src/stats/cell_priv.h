/* SPDX-License-Identifier: Apache-2.0
 *
 * Cells as bytes. A cell: a varint with a bit for each number that is not 0, then those as varints; often 7 to 14 bytes. A
 * pack: cells of one subject, each after the byte of its place (minute of the hour, hour of the day), ascending.
 */
#pragma once

#include "stats/stats.h"

enum {
    STATS_CELL_BYTES_MAX = 10 * (STATS_FIELDS + 1),
    STATS_PACK_MAX = 60,
    STATS_PACK_BYTES_MAX = STATS_PACK_MAX * (1 + STATS_CELL_BYTES_MAX)
};

void stats_cell_write(const struct stats_cell *c, struct buf *out);
/* Takes a cell off *in; false: it is damaged. */
bool stats_cell_read(struct str *in, struct stats_cell *out);
bool stats_cell_is_empty(const struct stats_cell *c);
unsigned stats_bucket(int64_t us, int64_t unit_us);

/* A pack, taken apart. */
struct stats_pack {
    bool has[STATS_PACK_MAX];
    struct stats_cell at[STATS_PACK_MAX];
};
void stats_pack_add(struct stats_pack *p, size_t place, const struct stats_cell *c);
void stats_pack_write(const struct stats_pack *p, struct buf *out);
/* Adds what the bytes hold; false: they are damaged. */
bool stats_pack_read(struct str in, struct stats_pack *p);
