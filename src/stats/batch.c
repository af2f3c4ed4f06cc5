/* SPDX-License-Identifier: Apache-2.0
 *
 * See batch_priv.h. What is joined is written anew behind all else: the few bytes it leaves are gone with the batch.
 */
#include "stats/batch_priv.h"

struct stats_batch *stats_batch_new(void)
{
    struct stats_batch *b = XNEW(struct stats_batch);
    buf_init(&b->bytes, (size_t)2 * STATS_BATCH_ROWS * STATS_PACK_BYTES_MAX);
    return b;
}

void stats_batch_free(struct stats_batch *b)
{
    if (b == NULL)
        return;
    buf_fini(&b->bytes);
    xfree(b);
}

void stats_batch_reset(struct stats_batch *b)
{
    b->count = 0;
    buf_reset(&b->bytes);
}

static size_t batch_take_place(struct stats_batch *b, struct stats_subject of)
{
    MUST(!stats_batch_is_full(b));
    b->of[b->count] = of;
    return b->count++;
}

static void batch_write_cell(struct stats_batch *b, size_t i, const struct stats_cell *c)
{
    b->at[i].from = b->bytes.len;
    stats_cell_write(c, &b->bytes);
    b->at[i].len = b->bytes.len - b->at[i].from;
}

static void batch_write_pack(struct stats_batch *b, size_t i, const struct stats_pack *p)
{
    b->at[i].from = b->bytes.len;
    stats_pack_write(p, &b->bytes);
    b->at[i].len = b->bytes.len - b->at[i].from;
}

void stats_batch_add_cell(struct stats_batch *b, struct stats_subject of,
                          const struct stats_cell *c)
{
    batch_write_cell(b, batch_take_place(b, of), c);
}

void stats_batch_add_pack(struct stats_batch *b, struct stats_subject of,
                          const struct stats_pack *p)
{
    batch_write_pack(b, batch_take_place(b, of), p);
}

struct str stats_batch_bytes(const struct stats_batch *b, size_t i)
{
    return str_of(b->bytes.ptr + b->at[i].from, b->at[i].len);
}

bool stats_batch_join_cell(struct stats_batch *b, size_t i, struct str bytes)
{
    struct stats_cell sum, more;
    struct str own = stats_batch_bytes(b, i);
    if (!stats_cell_read(&own, &sum) || !stats_cell_read(&bytes, &more))
        return false;
    stats_cell_add(&sum, &more);
    batch_write_cell(b, i, &sum);
    return true;
}

bool stats_batch_join_pack(struct stats_batch *b, size_t i, struct str bytes)
{
    struct stats_pack *sum = XNEW(struct stats_pack);
    bool is_sound = stats_pack_read(stats_batch_bytes(b, i), sum) && stats_pack_read(bytes, sum);
    if (is_sound)
        batch_write_pack(b, i, sum);
    xfree(sum);
    return is_sound;
}
