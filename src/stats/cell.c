/* SPDX-License-Identifier: Apache-2.0
 *
 * Cells: adding them up, their histograms, and how they are written.
 */
#include "stats/cell_priv.h"

_Static_assert(STATS_FIELDS <= 64, "a cell's bits do not fit into one number");

/* --- numbers ------------------------------------------------------------------------------------ */

void stats_cell_add(struct stats_cell *to, const struct stats_cell *more)
{
    for (size_t i = 0; i < STATS_FIELDS; i++)
        to->n[i] += more->n[i];
}

bool stats_cell_is_empty(const struct stats_cell *c)
{
    for (size_t i = 0; i < STATS_FIELDS; i++)
        if (c->n[i] != 0)
            return false;
    return true;
}

unsigned stats_bucket(int64_t us, int64_t unit_us)
{
    uint64_t units = us < 0 ? 0 : (uint64_t)(us / unit_us);
    unsigned bucket = units == 0 ? 0 : 64u - (unsigned)__builtin_clzll(units);
    return bucket < STATS_BUCKETS ? bucket : STATS_BUCKETS - 1;
}

int64_t stats_cell_quantile_us(const struct stats_cell *c, enum stats_field first, int64_t unit_us,
                               double q)
{
    const uint64_t *buckets = &c->n[first];
    uint64_t total = 0, before = 0;
    for (size_t i = 0; i < STATS_BUCKETS; i++)
        total += buckets[i];
    if (total == 0)
        return -1;
    double rank = q * (double)total;
    size_t at = 0;
    while (at < STATS_BUCKETS - 1 && (double)(before + buckets[at]) < rank)
        before += buckets[at++];
    double low = at == 0 ? 0 : (double)(unit_us << (at - 1));
    if (at == STATS_BUCKETS - 1 || buckets[at] == 0)
        return (int64_t)low;
    double high = (double)(unit_us << at);
    return (int64_t)(low + (high - low) * (rank - (double)before) / (double)buckets[at]);
}

/* --- bytes --------------------------------------------------------------------------------------- */

static void cell_put(struct buf *out, uint64_t value)
{
    char bytes[10];
    size_t len = 0;
    do {
        bytes[len++] = (char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value != 0);
    MUST(buf_add(out, bytes, len) == RC_OK); /* whoever made the buffer knows the bounds */
}

static bool cell_take(struct str *in, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64 && in->len > 0; shift += 7) {
        uint8_t byte = (uint8_t)in->ptr[0];
        *in = str_sub(*in, 1, in->len);
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

void stats_cell_write(const struct stats_cell *c, struct buf *out)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < STATS_FIELDS; i++)
        bits |= c->n[i] != 0 ? UINT64_C(1) << i : 0;
    cell_put(out, bits);
    for (size_t i = 0; i < STATS_FIELDS; i++)
        if (c->n[i] != 0)
            cell_put(out, c->n[i]);
}

/* Bits past our fields are of a later version's: their numbers are read over. */
bool stats_cell_read(struct str *in, struct stats_cell *out)
{
    uint64_t bits, value;
    *out = (struct stats_cell){ 0 };
    if (!cell_take(in, &bits))
        return false;
    for (unsigned i = 0; i < 64; i++) {
        if ((bits >> i & 1) == 0)
            continue;
        if (!cell_take(in, &value))
            return false;
        if (i < STATS_FIELDS)
            out->n[i] = value;
    }
    return true;
}

/* --- packs --------------------------------------------------------------------------------------- */

void stats_pack_add(struct stats_pack *p, size_t place, const struct stats_cell *c)
{
    MUST(place < STATS_PACK_MAX);
    p->has[place] = true;
    stats_cell_add(&p->at[place], c);
}

void stats_pack_write(const struct stats_pack *p, struct buf *out)
{
    for (size_t i = 0; i < STATS_PACK_MAX; i++) {
        if (!p->has[i])
            continue;
        MUST(buf_add_char(out, (char)i) == RC_OK);
        stats_cell_write(&p->at[i], out);
    }
}

bool stats_pack_read(struct str in, struct stats_pack *p)
{
    while (in.len > 0) {
        struct stats_cell cell;
        size_t place = (uint8_t)in.ptr[0];
        in = str_sub(in, 1, in.len);
        if (place >= STATS_PACK_MAX || !stats_cell_read(&in, &cell))
            return false;
        stats_pack_add(p, place, &cell);
    }
    return true;
}
