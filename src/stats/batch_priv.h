/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of one tier and time that are written together. One owner.
 */
#pragma once

#include "stats/cell_priv.h"

enum { STATS_BATCH_ROWS = 2048 };

struct stats_batch {
    size_t count;
    struct stats_subject of[STATS_BATCH_ROWS];
    struct {
        size_t from, len;
    } at[STATS_BATCH_ROWS]; /* in `bytes` */
    struct buf bytes;
};
struct stats_batch *stats_batch_new(void);
void stats_batch_free(struct stats_batch *b); /* NULL is fine */
void stats_batch_reset(struct stats_batch *b); /* empty again; keeps the memory */
static inline bool stats_batch_is_full(const struct stats_batch *b)
{
    return b->count == STATS_BATCH_ROWS;
}

/* It is not full. */
void stats_batch_add_cell(struct stats_batch *b, struct stats_subject of, const struct stats_cell *c);
void stats_batch_add_pack(struct stats_batch *b, struct stats_subject of, const struct stats_pack *p);
/* Borrowed until the batch is added to. */
struct str stats_batch_bytes(const struct stats_batch *b, size_t i);
/* Adds a cell, or a pack, to that of a row. false: one of the two is damaged. */
bool stats_batch_join_cell(struct stats_batch *b, size_t i, struct str bytes);
bool stats_batch_join_pack(struct stats_batch *b, size_t i, struct str bytes);
