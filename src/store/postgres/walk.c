/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/walk_priv.h.
 */
#include "store/postgres/walk_priv.h"

#include "store/key_time_priv.h"
#include "store/postgres/segments_priv.h"

enum rc store_postgres_listing_begin(struct postgres_listing *l, const struct store_page *page,
                                     struct str prefix)
{
    l->ascending = store_page_ascending(page);
    l->limit = (size_t)page->limit;
    l->rows_left = l->is_filtered && page->rows_max > 0 ? page->rows_max : INT64_MAX;
    l->count = 0;
    l->has_more = false;
    l->stopped_at = 0;
    return store_page_keys(page, prefix, &l->page_low, &l->page_high);
}

/* --- a segment ------------------------------------------------------------------------------------------ */

/* Keys go by the store's time, a window by what is shown. */
static enum rc listing_narrow_by_time(struct postgres_listing *l, struct db *db,
                                      const struct postgres_segment *seg)
{
    static const int64_t second_us = 1000000, slack_s = POSTGRES_SHOWN_SLACK_S + 1;
    enum rc rc;
    int64_t least_s = -slack_s, most_s = slack_s;
    if (l->after_us <= 0 && l->before_us <= 0)
        return RC_OK;
    struct db_stmt *s = store_postgres_prepare(db, seg, l->shown);
    if (db_step(s, &rc) && !db_is_null(s, 0)) {
        least_s = db_int(s, 0) - 1 < least_s ? db_int(s, 0) - 1 : least_s;
        most_s = db_int(s, 1) + 1 > most_s ? db_int(s, 1) + 1 : most_s;
    }
    db_release(s);
    if (l->after_us > 0) {
        int64_t low = store_key_at(l->after_us - most_s * second_us) - 1;
        l->low = low > l->low ? low : l->low;
    }
    if (l->before_us > 0) {
        int64_t high = store_key_at(l->before_us - least_s * second_us);
        l->high = high < l->high ? high : l->high;
    }
    return rc;
}

struct batch {
    struct postgres_key keys[POSTGRES_BATCH_MAX];
    size_t count;
    int64_t looked; /* rows scanned */
    int64_t last_k; /* of the last of them */
};

/* The scan's next rows, at most `size`. */
static enum rc listing_scan(struct postgres_listing *l, struct db *db,
                            const struct postgres_segment *seg, size_t size, struct batch *b)
{
    enum rc rc;
    const char *up = l->is_few ? l->few_up : l->up, *down = l->is_few ? l->few_down : l->down;
    struct db_stmt *s = store_postgres_prepare(db, seg, l->ascending ? up : down);
    db_bind_int(s, 1, l->whose);
    db_bind_int(s, 2, l->low);
    db_bind_int(s, 3, l->high);
    db_bind_int(s, 4, (int64_t)size);
    db_bind_int(s, 5, l->after_us > 0 ? l->after_us : INT64_MIN);
    db_bind_int(s, 6, l->before_us > 0 ? l->before_us : INT64_MAX);
    if (l->bind != NULL)
        l->bind(l, s);
    b->count = 0;
    b->looked = 0;
    while (db_step(s, &rc)) {
        b->last_k = db_int(s, 0);
        b->looked++;
        if (l->is_wanted == NULL || l->is_wanted(l, s))
            b->keys[b->count++] = (struct postgres_key){ b->last_k, db_int(s, 1) };
    }
    db_release(s);
    return rc;
}

static enum rc listing_take(struct postgres_listing *l, struct db *db,
                            const struct postgres_segment *seg, struct batch *b)
{
    enum rc rc = RC_OK;
    size_t room = l->limit - l->count;
    if (l->narrow != NULL && b->count > 0)
        rc = l->narrow(l, db, seg, b->keys, &b->count);
    l->has_more = b->count > room;
    size_t wanted = l->has_more ? room : b->count;
    return rc == RC_OK && wanted > 0 ? l->fetch(l, db, seg, b->keys, wanted) : rc;
}

/* Without a filter a batch is what the page has room for, and one row that says there are more. */
static size_t listing_batch_size(const struct postgres_listing *l, size_t last_size)
{
    size_t size = l->limit - l->count + 1;
    if (l->is_filtered && size < 2 * last_size)
        size = 2 * last_size;
    if (size > POSTGRES_BATCH_MAX)
        size = POSTGRES_BATCH_MAX;
    bool is_nearly_spent = l->rows_left > 0 && l->rows_left < (int64_t)size;
    return is_nearly_spent ? (size_t)l->rows_left : size;
}

static enum rc listing_batches(struct postgres_listing *l, struct db *db,
                               const struct postgres_segment *seg, struct batch *b)
{
    enum rc rc = RC_OK;
    for (size_t size = 0; rc == RC_OK && !l->has_more && l->low < l->high - 1;) {
        size = listing_batch_size(l, size);
        rc = listing_scan(l, db, seg, size, b);
        if (rc == RC_OK)
            rc = listing_take(l, db, seg, b);
        if (rc == RC_OK && l->rows_left != INT64_MAX)
            l->rows_left -= b->looked;
        if (rc != RC_OK || b->looked < (int64_t)size)
            break;
        *(l->ascending ? &l->low : &l->high) = b->last_k;
        if (!l->has_more && l->rows_left <= 0) {
            l->stopped_at = b->last_k;
            break;
        }
    }
    return rc;
}

/* Between two keys, both exclusive. */
static enum rc listing_part(struct postgres_listing *l, struct db *db,
                            const struct postgres_segment *seg, struct batch *b, int64_t low,
                            int64_t high, bool is_few)
{
    if (low >= high - 1 || l->has_more || l->stopped_at != 0)
        return RC_OK;
    if (l->rows_left <= 0) { /* all that comes before it was looked at */
        l->stopped_at = l->ascending ? low : high;
        return RC_OK;
    }
    l->low = low;
    l->high = high;
    l->is_few = is_few;
    return listing_batches(l, db, seg, b);
}

/* Few rows below a key, and what is above it. */
static enum rc listing_two_parts(struct postgres_listing *l, struct db *db,
                                 const struct postgres_segment *seg, struct batch *b,
                                 int64_t below_k)
{
    int64_t low = l->low, high = l->high;
    int64_t few_high = below_k < high ? below_k : high;
    int64_t rest_low = below_k - 1 > low ? below_k - 1 : low;
    enum rc rc = l->ascending ? listing_part(l, db, seg, b, low, few_high, true)
                              : listing_part(l, db, seg, b, rest_low, high, false);
    if (rc != RC_OK)
        return rc;
    return l->ascending ? listing_part(l, db, seg, b, rest_low, high, false)
                        : listing_part(l, db, seg, b, low, few_high, true);
}

enum rc store_postgres_listing_segment(struct postgres_listing *l, struct db *db,
                                       const struct postgres_segment *seg)
{
    int64_t below_k = 0;
    l->low = l->page_low;
    l->high = l->page_high;
    enum rc rc = listing_narrow_by_time(l, db, seg);
    if (rc != RC_OK || l->low >= l->high - 1)
        return rc;
    if (l->find_few != NULL)
        rc = l->find_few(l, db, seg, &below_k);
    struct batch *b = XNEW(struct batch);
    l->is_few = false;
    if (rc == RC_OK && below_k > 0)
        rc = listing_two_parts(l, db, seg, b, below_k);
    else if (rc == RC_OK)
        rc = listing_batches(l, db, seg, b);
    xfree(b);
    return rc;
}

/* --- all of them ------------------------------------------------------------------------------------------ */

static bool listing_overlaps(const struct postgres_listing *l, const struct postgres_segment *seg)
{
    return seg->first_k < l->page_high && seg->end_k - 1 > l->page_low;
}

enum rc store_postgres_listing_walk(struct postgres_listing *l, struct store_postgres *s,
                                    struct db *db)
{
    enum rc rc = RC_OK;
    struct postgres_segments list = store_postgres_segments_get(s);
    for (size_t i = 0; rc == RC_OK && !l->has_more && l->stopped_at == 0 && i < list.count; i++) {
        const struct postgres_segment *seg = list.at[l->ascending ? i : list.count - 1 - i];
        if (!listing_overlaps(l, seg))
            continue;
        if (l->rows_left <= 0) /* all of those before it was looked at, and nothing of this one */
            l->stopped_at = l->ascending ? seg->first_k - 1 : seg->end_k;
        else
            rc = store_postgres_listing_segment(l, db, seg);
    }
    store_postgres_segments_free(&list);
    return rc;
}

struct listing_run {
    struct postgres_listing *listing;
    struct store_postgres *store;
    const struct store_page *page;
    struct str prefix;
};

static enum rc listing_read(void *ctx, struct db *db)
{
    const struct listing_run *r = ctx;
    enum rc rc = store_postgres_listing_begin(r->listing, r->page, r->prefix);
    return rc == RC_OK ? store_postgres_listing_walk(r->listing, r->store, db) : rc;
}

enum rc store_postgres_listing_run(struct postgres_listing *l, struct store_postgres *s,
                                   const struct store_page *page, struct str prefix, void *rows,
                                   size_t row_bytes, struct store_page_end *end)
{
    struct listing_run run = { .listing = l, .store = s, .page = page, .prefix = prefix };
    *end = (struct store_page_end){ .done = true };
    enum rc rc = store_postgres_read(s, listing_read, &run);
    if (rc != RC_OK)
        return rc;
    if (page->backwards)
        store_page_reverse(rows, l->count, row_bytes);
    store_page_close(end, l->count, l->has_more, l->stopped_at);
    return RC_OK;
}
