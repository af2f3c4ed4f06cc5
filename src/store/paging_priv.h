/* SPDX-License-Identifier: Apache-2.0
 *
 * Pages of what flows: from an iterator to the keys of a page, and to the next iterator. And lists of attempts that are
 * put together from several places, each of which is in order by itself.
 */
#pragma once

#include "store/flow.h"

/* The bounds a page puts on keys, both exclusive. RC_INVALID: page->after is no id. */
MUST_USE enum rc store_page_keys(const struct store_page *page, struct str prefix, int64_t *low, int64_t *high);
/* `more`: the page is full, and there was a row beyond it. `stopped_at`: everything up to this key was looked at, and no
 * more; 0: the walk was not cut short. */
void store_page_close(struct store_page_end *end, size_t count, bool more, int64_t stopped_at);

/* Rows of all places so far, in order, at most one more than the page holds. */
struct store_merged {
    struct store_attempt_row *rows; /* room for twice limit + 1 */
    size_t count, limit;
    bool ascending;
    int64_t cutoff; /* beyond it some place was not looked at; 0: all were */
};
void store_merge_begin(struct store_merged *m, const struct store_page *page, struct arena *a);
/* Puts what was appended in its place. */
void store_merge_cut(struct store_merged *m);
/* A place was not looked at beyond this key. */
void store_merge_stop(struct store_merged *m, int64_t key);
/* Can a place belong on the page whose rows are newer than `low`, up to `newest`? */
bool store_merge_is_open(const struct store_merged *m, int64_t low, int64_t newest);
/* The page: `out` has room for its limit. */
void store_merge_end(struct store *s, struct store_merged *m, const struct store_page *page,
                     struct store_attempt_row *out, struct store_page_end *end);
