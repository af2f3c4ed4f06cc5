/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/young_priv.h. Most rows are here for some milliseconds only, in the order they came.
 */
#include "store/postgres/young_priv.h"

#include <stdlib.h>

struct young_lane {
    int64_t endpoint, app;
    struct postgres_young_row *first, *last;
    size_t count;
};

void store_postgres_young_init(struct postgres_young *y)
{
    *y = (struct postgres_young){
        .rows = map64_new(), .lanes = map64_new(), .writing_k = INT64_MAX, .unknown_k = INT64_MAX
    };
    mutex_init(&y->lock);
}

void store_postgres_young_fini(struct postgres_young *y)
{
    size_t at = 0;
    uint64_t endpoint;
    void *lane;
    if (y->rows == NULL)
        return;
    for (struct postgres_young_row *row = y->oldest, *next; row != NULL; row = next) {
        next = row->_after;
        xfree(row);
    }
    while (map64_next(y->lanes, &at, &endpoint, &lane))
        xfree(lane);
    map64_free(y->lanes);
    map64_free(y->rows);
    mutex_fini(&y->lock);
}

/* --- rows ------------------------------------------------------------------------------------------- */

static uint64_t young_hash(int64_t k, int64_t endpoint)
{
    return str_hash_u64((uint64_t)k) ^ (uint64_t)endpoint * UINT64_C(0x9e3779b97f4a7c15);
}

static struct postgres_young_row *row_of(const struct postgres_young *y, int64_t k,
                                         int64_t endpoint)
{
    struct postgres_young_row *row = map64_get(y->rows, young_hash(k, endpoint));
    while (row != NULL && (id_key(&row->message) != k || row->endpoint != endpoint))
        row = row->_same;
    return row;
}

static struct young_lane *lane_of(struct postgres_young *y, int64_t endpoint, int64_t app)
{
    struct young_lane *lane = map64_get(y->lanes, (uint64_t)endpoint);
    if (lane == NULL) {
        lane = XNEW(struct young_lane);
        lane->endpoint = endpoint;
        lane->app = app;
        (void)map64_set(y->lanes, (uint64_t)endpoint, lane);
    }
    return lane;
}

static void append_row(struct postgres_young *y, struct postgres_young_row *row)
{
    struct young_lane *lane = lane_of(y, row->endpoint, row->app);
    row->_before = y->newest;
    if (y->newest != NULL)
        y->newest->_after = row;
    else
        y->oldest = row;
    y->newest = row;
    row->_lane_before = lane->last;
    if (lane->last != NULL)
        lane->last->_lane_after = row;
    else
        lane->first = row;
    lane->last = row;
    lane->count++;
    y->count++;
}

void store_postgres_young_add(struct postgres_young *y, const struct store_message *m,
                              int64_t endpoint)
{
    int64_t k = id_key(&m->id);
    mutex_lock(&y->lock);
    if (row_of(y, k, endpoint) == NULL) {
        struct postgres_young_row *row = XNEW(struct postgres_young_row);
        row->message = m->id;
        row->app = m->app;
        row->endpoint = endpoint;
        row->due_us = m->due_us;
        row->since_us = clock_mono_us(clock_system());
        row->_same = map64_set(y->rows, young_hash(k, endpoint), row);
        append_row(y, row);
    }
    mutex_unlock(&y->lock);
}

static void unhash_row(struct postgres_young *y, struct postgres_young_row *row)
{
    uint64_t hash = young_hash(id_key(&row->message), row->endpoint);
    struct postgres_young_row *first = map64_get(y->rows, hash);
    if (first == row) {
        if (row->_same != NULL)
            (void)map64_set(y->rows, hash, row->_same);
        else
            (void)map64_remove(y->rows, hash);
        return;
    }
    while (first->_same != row)
        first = first->_same;
    first->_same = row->_same;
}

static void unlink_row(struct postgres_young *y, struct postgres_young_row *row)
{
    struct young_lane *lane = map64_get(y->lanes, (uint64_t)row->endpoint);
    *(row->_before != NULL ? &row->_before->_after : &y->oldest) = row->_after;
    *(row->_after != NULL ? &row->_after->_before : &y->newest) = row->_before;
    *(row->_lane_before != NULL ? &row->_lane_before->_lane_after : &lane->first) =
        row->_lane_after;
    *(row->_lane_after != NULL ? &row->_lane_after->_lane_before : &lane->last) = row->_lane_before;
    y->count--;
    if (--lane->count > 0)
        return;
    (void)map64_remove(y->lanes, (uint64_t)row->endpoint);
    xfree(lane);
}

void store_postgres_young_remove(struct postgres_young *y, const struct id *message,
                                 int64_t endpoint)
{
    mutex_lock(&y->lock);
    struct postgres_young_row *row = row_of(y, id_key(message), endpoint);
    if (row != NULL) {
        unhash_row(y, row);
        unlink_row(y, row);
        xfree(row);
    }
    mutex_unlock(&y->lock);
}

bool store_postgres_young_find(struct postgres_young *y, const struct id *message, int64_t endpoint,
                               struct postgres_young_row *out)
{
    mutex_lock(&y->lock);
    const struct postgres_young_row *row = row_of(y, id_key(message), endpoint);
    if (row != NULL)
        *out = *row;
    mutex_unlock(&y->lock);
    return row != NULL;
}

size_t store_postgres_young_count(struct postgres_young *y)
{
    mutex_lock(&y->lock);
    size_t count = y->count;
    mutex_unlock(&y->lock);
    return count;
}

bool store_postgres_young_is_past(struct postgres_young *y, int64_t since_us)
{
    mutex_lock(&y->lock);
    bool is_past =
        y->unknown_k == INT64_MAX && (y->oldest == NULL || y->oldest->since_us >= since_us);
    mutex_unlock(&y->lock);
    return is_past;
}

size_t store_postgres_young_old(struct postgres_young *y, int64_t before_us, size_t keep,
                                struct postgres_young_row *out, size_t max)
{
    size_t count = 0;
    mutex_lock(&y->lock);
    for (const struct postgres_young_row *row = y->oldest; row != NULL && count < max;
         row = row->_after) {
        if (row->since_us >= before_us && y->count - count <= keep)
            break;
        out[count++] = *row;
    }
    mutex_unlock(&y->lock);
    return count;
}

/* --- the cursor ------------------------------------------------------------------------------------- */

void store_postgres_young_from(struct postgres_young *y, int64_t cursor_k)
{
    mutex_lock(&y->lock);
    y->cursor_k = y->unknown_k = cursor_k;
    mutex_unlock(&y->lock);
}

int64_t store_postgres_young_begin(struct postgres_young *y, int64_t smallest_k)
{
    mutex_lock(&y->lock);
    MUST(y->writing_k == INT64_MAX);
    y->writing_k = smallest_k;
    int64_t cursor_k = y->cursor_k;
    mutex_unlock(&y->lock);
    return cursor_k;
}

void store_postgres_young_end(struct postgres_young *y, bool is_unknown)
{
    mutex_lock(&y->lock);
    if (is_unknown && y->writing_k < y->unknown_k)
        y->unknown_k = y->writing_k;
    y->writing_k = INT64_MAX;
    mutex_unlock(&y->lock);
}

void store_postgres_young_known(struct postgres_young *y)
{
    mutex_lock(&y->lock);
    y->unknown_k = INT64_MAX;
    mutex_unlock(&y->lock);
}

int64_t store_postgres_young_cursor(struct postgres_young *y, int64_t limit_k)
{
    mutex_lock(&y->lock);
    int64_t k = limit_k < y->writing_k ? limit_k : y->writing_k;
    if (y->unknown_k < k)
        k = y->unknown_k;
    for (const struct postgres_young_row *row = y->oldest; row != NULL; row = row->_after)
        if (id_key(&row->message) < k)
            k = id_key(&row->message);
    if (k > y->cursor_k)
        y->cursor_k = k;
    k = y->cursor_k;
    mutex_unlock(&y->lock);
    return k;
}

/* --- what is due ------------------------------------------------------------------------------------ */

static int by_due(const void *left, const void *right)
{
    const struct store_due *a = left, *b = right;
    if (a->due_us != b->due_us)
        return a->due_us < b->due_us ? -1 : 1;
    int64_t x = id_key(&a->message), y = id_key(&b->message);
    return (x > y) - (x < y);
}

static bool is_after(const struct postgres_young_row *row, int64_t due_us, int64_t k)
{
    return row->due_us != due_us ? row->due_us > due_us : id_key(&row->message) > k;
}

void store_postgres_young_list(struct postgres_young *y, int64_t endpoint, int64_t after_due_us,
                               int64_t after_k, size_t max, struct arena *a, struct store_due **out,
                               size_t *count)
{
    *count = 0;
    mutex_lock(&y->lock);
    const struct young_lane *lane = map64_get(y->lanes, (uint64_t)endpoint);
    *out = arena_array(a, lane == NULL ? 1 : lane->count, sizeof **out);
    const struct postgres_young_row *row = lane == NULL ? NULL : lane->first;
    for (; row != NULL; row = row->_lane_after)
        if (is_after(row, after_due_us, after_k))
            (*out)[(*count)++] = (struct store_due){ .message = row->message,
                                                     .app = row->app,
                                                     .endpoint = endpoint,
                                                     .due_us = row->due_us,
                                                     .state = STORE_PENDING };
    mutex_unlock(&y->lock);
    if (*count > 1)
        qsort(*out, *count, sizeof **out, by_due);
    if (*count > max)
        *count = max;
}

void store_postgres_young_oldest(struct postgres_young *y, int64_t endpoint, size_t *count,
                                 int64_t *oldest_k)
{
    *oldest_k = INT64_MAX;
    mutex_lock(&y->lock);
    const struct young_lane *lane = map64_get(y->lanes, (uint64_t)endpoint);
    *count = lane == NULL ? 0 : lane->count;
    const struct postgres_young_row *row = lane == NULL ? NULL : lane->first;
    for (; row != NULL; row = row->_lane_after)
        if (id_key(&row->message) < *oldest_k)
            *oldest_k = id_key(&row->message);
    mutex_unlock(&y->lock);
}

void store_postgres_young_endpoints(struct postgres_young *y, struct arena *a,
                                    struct store_due_endpoint **out, size_t *count)
{
    size_t at = 0;
    uint64_t endpoint;
    void *value;
    *count = 0;
    mutex_lock(&y->lock);
    *out = arena_array(a, map64_count(y->lanes) + 1, sizeof **out);
    while (map64_next(y->lanes, &at, &endpoint, &value)) {
        const struct young_lane *lane = value;
        struct store_due_endpoint *e = &(*out)[(*count)++];
        *e = (struct store_due_endpoint){ (int64_t)endpoint, lane->app, (int64_t)lane->count,
                                          INT64_MAX };
        for (const struct postgres_young_row *row = lane->first; row != NULL;
             row = row->_lane_after)
            if (row->due_us < e->first_due_us)
                e->first_due_us = row->due_us;
    }
    mutex_unlock(&y->lock);
}
