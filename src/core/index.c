/* SPDX-License-Identifier: Apache-2.0
 *
 * See core/index.h. A B+ tree whose inner chunks repeat the first place of each chunk below. A chunk
 * with one reference that is reached through such chunks only belongs to the set that is being
 * changed and is changed in place; any other is copied first. So many changes in a row copy once.
 */
#include "core/index.h"

#include "core/endpoint.h"
#include "metrics/metrics.h"

/* A chunk is split when it is full, so that there is always room for one more. */
enum { CHUNK_PLACES = 64, ROOM_LEAST = 4 };

struct core_chunk {
    atomic_int refs;
    uint32_t room, count;
    uint32_t
        depth;    /* 0: places of the set; else each stands for a chunk below, as its first place */
    size_t total; /* places of the set in here and below */
    struct core_chunk **below; /* NULL with depth 0 */
    struct core_place places[];
};

static struct core_chunk *chunk_new(uint32_t depth, size_t room)
{
    size_t most = ROOM_LEAST;
    while (most < room)
        most *= 4;
    struct core_chunk *c = xcalloc(1, sizeof(*c) + most * sizeof(c->places[0]) +
                                          (depth > 0 ? most * sizeof(struct core_chunk *) : 0));
    atomic_init(&c->refs, 1);
    c->depth = depth;
    c->room = (uint32_t)most;
    c->below = depth > 0 ? (struct core_chunk **)(void *)&c->places[most] : NULL;
    metrics_add(METRIC_VIEW_CHUNKS, depth == 0 ? 1 : 0);
    return c;
}

static struct core_chunk *chunk_ref(struct core_chunk *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

static void chunk_unref(struct core_chunk *c)
{
    if (c == NULL || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < c->count; i++) {
        if (c->depth == 0)
            core_endpoint_unref(c->places[i].ep);
        else
            chunk_unref(c->below[i]);
    }
    xfree(c);
}

/* --- order ------------------------------------------------------------------------------------ */

static int compare_num(int64_t left, int64_t right)
{
    return (left > right) - (left < right);
}

static int index_compare(const struct core_place *p, struct str name, int64_t rank, int64_t num)
{
    int order = str_cmp(p->name, name);
    if (order == 0)
        order = compare_num(p->rank, rank);
    return order != 0 ? order : compare_num(p->ep->num, num);
}

/* The first place that does not come before. */
static size_t index_lower(const struct core_chunk *c, struct str name, int64_t rank, int64_t num)
{
    size_t low = 0;
    size_t high = c->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (index_compare(&c->places[mid], name, rank, num) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Which chunk below the place is in or belongs in. */
static size_t index_way(const struct core_chunk *c, struct str name, int64_t rank, int64_t num)
{
    size_t at = index_lower(c, name, rank, num);
    bool is_first = at < c->count && index_compare(&c->places[at], name, rank, num) == 0;
    return is_first || at == 0 ? at : at - 1;
}

/* --- changing a chunk that is ours alone ------------------------------------------------------- */

static void copy_entry(struct core_chunk *to, size_t at, const struct core_chunk *from, size_t i)
{
    to->places[at] = from->places[i];
    if (to->depth > 0)
        to->below[at] = chunk_ref(from->below[i]);
    else
        (void)core_endpoint_ref(from->places[i].ep);
}

/* Takes the reference and gives one of a chunk that nobody else has, with room for `room`. */
static struct core_chunk *index_own(struct core_chunk *c, size_t room)
{
    if (atomic_load_explicit(&c->refs, memory_order_acquire) == 1 && c->room >= room)
        return c;
    struct core_chunk *copy = chunk_new(c->depth, room > c->count ? room : c->count);
    copy->count = c->count;
    copy->total = c->total;
    for (size_t i = 0; i < c->count; i++)
        copy_entry(copy, i, c, i);
    chunk_unref(c);
    return copy;
}

static void open_gap(struct core_chunk *c, size_t at)
{
    size_t after = c->count - at;
    memmove(&c->places[at + 1], &c->places[at], after * sizeof(c->places[0]));
    if (c->depth > 0)
        memmove(&c->below[at + 1], &c->below[at], after * sizeof(struct core_chunk *));
    c->count++;
}

static void close_gap(struct core_chunk *c, size_t at)
{
    size_t after = c->count - at - 1;
    memmove(&c->places[at], &c->places[at + 1], after * sizeof(c->places[0]));
    if (c->depth > 0)
        memmove(&c->below[at], &c->below[at + 1], after * sizeof(struct core_chunk *));
    c->count--;
}

static void index_sum(struct core_chunk *c)
{
    c->total = c->depth == 0 ? c->count : 0;
    for (size_t i = 0; c->depth > 0 && i < c->count; i++)
        c->total += c->below[i]->total;
}

/* The upper half of a full chunk, as a chunk of its own; NULL: it is not full. */
static struct core_chunk *index_split(struct core_chunk *c)
{
    size_t keep = CHUNK_PLACES / 2;
    if (c->count < CHUNK_PLACES)
        return NULL;
    struct core_chunk *upper = chunk_new(c->depth, CHUNK_PLACES);
    upper->count = (uint32_t)(c->count - keep);
    memcpy(upper->places, &c->places[keep], upper->count * sizeof(c->places[0]));
    if (c->depth > 0)
        memcpy(upper->below, &c->below[keep], upper->count * sizeof(struct core_chunk *));
    c->count = (uint32_t)keep;
    index_sum(c);
    index_sum(upper);
    return upper;
}

static void put_place(struct core_chunk *c, const struct core_place *p)
{
    size_t at = index_lower(c, p->name, p->rank, p->ep->num);
    (void)core_endpoint_ref(p->ep);
    if (at < c->count && index_compare(&c->places[at], p->name, p->rank, p->ep->num) == 0)
        core_endpoint_unref(c->places[at].ep);
    else
        open_gap(c, at);
    c->places[at] = *p;
}

/* The half that no longer fits into the chunk, if it had to be split. */
static struct core_chunk *put_below(struct core_chunk **chunk, const struct core_place *p)
{
    struct core_chunk *c = *chunk = index_own(*chunk, (*chunk)->count + 1);
    if (c->depth == 0) {
        put_place(c, p);
    } else {
        size_t at = index_way(c, p->name, p->rank, p->ep->num);
        struct core_chunk *upper = put_below(&c->below[at], p);
        c->places[at] = c->below[at]->places[0];
        if (upper != NULL) {
            open_gap(c, at + 1);
            c->below[at + 1] = upper;
            c->places[at + 1] = upper->places[0];
        }
    }
    index_sum(c);
    return index_split(c);
}

/* Two neighbours that have become small become one. */
static void index_join(struct core_chunk *c, size_t at)
{
    if (at + 1 >= c->count || c->below[at]->count + c->below[at + 1]->count > CHUNK_PLACES / 2)
        return;
    struct core_chunk *right = c->below[at + 1];
    struct core_chunk *left = index_own(c->below[at], c->below[at]->count + right->count);
    for (size_t i = 0; i < right->count; i++)
        copy_entry(left, left->count + i, right, i);
    left->count += right->count;
    index_sum(left);
    c->below[at] = left;
    chunk_unref(right);
    close_gap(c, at + 1);
}

/* The place is there. */
static void remove_below(struct core_chunk **chunk, const struct core_place *p)
{
    struct core_chunk *c = *chunk = index_own(*chunk, (*chunk)->count);
    if (c->depth == 0) {
        size_t at = index_lower(c, p->name, p->rank, p->ep->num);
        const struct core_endpoint *ep = c->places[at].ep;
        close_gap(c, at);
        core_endpoint_unref(ep);
    } else {
        size_t at = index_way(c, p->name, p->rank, p->ep->num);
        remove_below(&c->below[at], p);
        if (c->below[at]->count == 0) {
            chunk_unref(c->below[at]);
            close_gap(c, at);
        } else {
            c->places[at] = c->below[at]->places[0];
            index_join(c, at);
            if (at > 0)
                index_join(c, at - 1);
        }
    }
    index_sum(c);
}

/* --- the set ----------------------------------------------------------------------------------- */

struct core_index core_index_share(const struct core_index *in)
{
    return (struct core_index){ in->_root == NULL ? NULL : chunk_ref(in->_root) };
}

void core_index_drop(struct core_index *in)
{
    chunk_unref(in->_root);
    in->_root = NULL;
}

void core_index_put(struct core_index *in, const struct core_place *p)
{
    if (in->_root == NULL)
        in->_root = chunk_new(0, 1);
    struct core_chunk *upper = put_below(&in->_root, p);
    if (upper == NULL)
        return;
    struct core_chunk *root = chunk_new(upper->depth + 1, CHUNK_PLACES);
    root->below[0] = in->_root;
    root->below[1] = upper;
    root->places[0] = in->_root->places[0];
    root->places[1] = upper->places[0];
    root->count = 2;
    index_sum(root);
    in->_root = root;
}

bool core_index_remove(struct core_index *in, const struct core_place *p)
{
    if (core_index_find(in, p->name, p->rank, p->ep->num) == NULL)
        return false;
    remove_below(&in->_root, p);
    while (in->_root->depth > 0 && in->_root->count == 1) {
        struct core_chunk *only = chunk_ref(in->_root->below[0]);
        chunk_unref(in->_root);
        in->_root = only;
    }
    if (in->_root->count == 0)
        core_index_drop(in);
    return true;
}

size_t core_index_count(const struct core_index *in)
{
    return in->_root == NULL ? 0 : in->_root->total;
}

const struct core_place *core_index_find(const struct core_index *in, struct str name, int64_t rank,
                                         int64_t num)
{
    const struct core_chunk *c = in->_root;
    while (c != NULL && c->depth > 0)
        c = c->below[index_way(c, name, rank, num)];
    size_t at = c == NULL ? 0 : index_lower(c, name, rank, num);
    bool is_there =
        c != NULL && at < c->count && index_compare(&c->places[at], name, rank, num) == 0;
    return is_there ? &c->places[at] : NULL;
}

/* The chunk of places that the place is in or belongs in, NULL in an empty set, and how many come before that chunk. */
static const struct core_chunk *chunk_of(const struct core_index *in, struct str name, int64_t rank,
                                         int64_t num, size_t *before)
{
    const struct core_chunk *c = in->_root;
    *before = 0;
    while (c != NULL && c->depth > 0) {
        size_t at = index_way(c, name, rank, num);
        for (size_t i = 0; i < at; i++)
            *before += c->below[i]->total;
        c = c->below[at];
    }
    return c;
}

size_t core_index_before(const struct core_index *in, struct str name, int64_t rank, int64_t num)
{
    size_t before;
    const struct core_chunk *c = chunk_of(in, name, rank, num, &before);
    return c == NULL ? 0 : before + index_lower(c, name, rank, num);
}

/* Most names have few places: their end is looked for from their start on, and by name only where they go beyond a chunk. */
void core_index_run(const struct core_index *in, struct str name, size_t *at, size_t *end)
{
    size_t before;
    const struct core_chunk *c = chunk_of(in, name, INT64_MIN, INT64_MIN, &before);
    size_t first = c == NULL ? 0 : index_lower(c, name, INT64_MIN, INT64_MIN);
    size_t next = first;
    while (c != NULL && next < c->count && str_eq(c->places[next].name, name))
        next++;
    *at = before + first;
    *end = c == NULL || next < c->count ? before + next
                                        : core_index_before(in, name, INT64_MAX, INT64_MAX);
}

const struct core_place *core_index_at(const struct core_index *in, size_t at, size_t *count)
{
    const struct core_chunk *c = in->_root;
    MUST(at < core_index_count(in));
    while (c->depth > 0) {
        size_t i = 0;
        for (; at >= c->below[i]->total; i++)
            at -= c->below[i]->total;
        c = c->below[i];
    }
    *count = c->count - at;
    return &c->places[at];
}
