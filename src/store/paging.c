/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/paging_priv.h.
 */
#include "store/paging_priv.h"

#include "store/rows_priv.h"
#include "store/store_priv.h"

#include <stdlib.h>

enum rc store_page_keys(const struct store_page *page, struct str prefix, int64_t *low,
                        int64_t *high)
{
    struct id id;
    *low = -1;
    *high = INT64_MAX;
    if (page->after.len == 0)
        return RC_OK;
    if (id_parse(prefix, page->after, &id) != RC_OK)
        return RC_INVALID;
    *(store_page_ascending(page) ? low : high) = id_key(&id);
    return RC_OK;
}

void store_page_close(struct store_page_end *end, size_t count, bool more, int64_t stopped_at)
{
    static const char no_tail[ID_BYTES] = { 0 };
    *end = (struct store_page_end){ .count = count, .done = !more && stopped_at == 0 };
    if (more || stopped_at == 0)
        return;
    end->is_short = true;
    end->resume = store_id_of(stopped_at, str_of(no_tail, sizeof(no_tail)));
}

/* --- attempts of several places --------------------------------------------------------------------------- */

void store_merge_begin(struct store_merged *m, const struct store_page *page, struct arena *a)
{
    *m = (struct store_merged){ .limit = (size_t)page->limit,
                                .ascending = store_page_ascending(page) };
    m->rows = arena_array(a, 2 * (m->limit + 1), sizeof(*m->rows));
}

static int merge_by_id(const void *left, const void *right)
{
    const struct store_attempt_row *a = left, *b = right;
    return memcmp(a->id.bytes, b->id.bytes, ID_BYTES);
}

void store_merge_cut(struct store_merged *m)
{
    if (m->count > 1)
        qsort(m->rows, m->count, sizeof(*m->rows), merge_by_id);
    if (!m->ascending)
        store_page_reverse(m->rows, m->count, sizeof(*m->rows));
    if (m->count > m->limit + 1)
        m->count = m->limit + 1;
}

void store_merge_stop(struct store_merged *m, int64_t key)
{
    if (m->cutoff == 0 || (m->ascending ? key < m->cutoff : key > m->cutoff))
        m->cutoff = key;
}

bool store_merge_is_open(const struct store_merged *m, int64_t low, int64_t newest)
{
    if (newest <= low || newest == 0 || (!m->ascending && newest < m->cutoff))
        return false;
    if (m->count <= m->limit)
        return true;
    int64_t last = id_key(&m->rows[m->count - 1].id);
    return m->ascending || newest > last;
}

static void merge_drop_beyond_cutoff(struct store_merged *m)
{
    size_t kept = 0;
    while (m->cutoff != 0 && kept < m->count) {
        int64_t key = id_key(&m->rows[kept].id);
        if (m->ascending ? key > m->cutoff : key < m->cutoff)
            break;
        kept++;
    }
    if (m->cutoff != 0)
        m->count = kept;
}

void store_merge_end(struct store *s, struct store_merged *m, const struct store_page *page,
                     struct store_attempt_row *out, struct store_page_end *end)
{
    merge_drop_beyond_cutoff(m);
    store_page_close(end, m->count <= m->limit ? m->count : m->limit, m->count > m->limit,
                     m->cutoff);
    memcpy(out, m->rows, end->count * sizeof(*out));
    for (size_t i = 0; i < end->count; i++)
        out[i].next_due_us = store_shown_us(s, out[i].next_due_us);
    if (page->backwards)
        store_page_reverse(out, end->count, sizeof(*out));
}
