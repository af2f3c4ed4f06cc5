/* SPDX-License-Identifier: Apache-2.0
 *
 * The set of deliveries in memory: chained hashing on message and endpoint, with the chains in the
 * items, and a pool of items: a delivery in memory is one object and no allocation of its own.
 */
#include "deliver/item_priv.h"

#include "metrics/metrics.h"

enum { FIRST_BUCKETS = 256, BLOCK_ITEMS = 128 };

void deliver_items_init(struct deliver_items *set)
{
    *set = (struct deliver_items){ ._bucket_count = FIRST_BUCKETS };
    set->_buckets = xcalloc(FIRST_BUCKETS, sizeof(struct deliver_item *));
    arena_init(&set->_blocks);
}

void deliver_items_fini(struct deliver_items *set)
{
    xfree(set->_buckets);
    arena_fini(&set->_blocks);
}

/* The random tail of the id spreads well; outsiders do not choose ids. */
static size_t bucket_of(const struct deliver_items *set, const struct id *message, int64_t endpoint)
{
    uint64_t tail = 0;
    memcpy(&tail, message->bytes + ID_BYTES - sizeof(tail), sizeof(tail));
    tail ^= (uint64_t)endpoint * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(tail ^ (tail >> 32)) & (set->_bucket_count - 1);
}

struct deliver_item *deliver_items_find(const struct deliver_items *set, const struct id *message,
                                        int64_t endpoint)
{
    struct deliver_item *item = set->_buckets[bucket_of(set, message, endpoint)];
    while (item != NULL && (item->lane->endpoint != endpoint ||
                            memcmp(&item->message, message, sizeof(*message)) != 0))
        item = item->_chain;
    return item;
}

static void item_grow(struct deliver_items *set)
{
    struct deliver_item **old = set->_buckets;
    size_t old_count = set->_bucket_count;
    set->_bucket_count *= 2;
    set->_buckets = xcalloc(set->_bucket_count, sizeof(struct deliver_item *));
    for (size_t i = 0; i < old_count; i++) {
        for (struct deliver_item *item = old[i], *next; item != NULL; item = next) {
            next = item->_chain;
            size_t at = bucket_of(set, &item->message, item->lane->endpoint);
            item->_chain = set->_buckets[at];
            set->_buckets[at] = item;
        }
    }
    xfree(old);
}

static void make_block(struct deliver_items *set)
{
    struct deliver_item *block = arena_array(&set->_blocks, BLOCK_ITEMS, sizeof(*block));
    for (size_t i = 0; i < BLOCK_ITEMS; i++) {
        block[i].next = set->_free;
        set->_free = &block[i];
    }
}

struct deliver_item *deliver_items_add(struct deliver_items *set, const struct id *message,
                                       struct deliver_lane *lane)
{
    if (set->_free == NULL)
        make_block(set);
    if (set->count >= set->_bucket_count)
        item_grow(set);
    struct deliver_item *item = set->_free;
    set->_free = item->next;
    size_t at = bucket_of(set, message, lane->endpoint);
    *item = (struct deliver_item){ .message = *message, .lane = lane, ._chain = set->_buckets[at] };
    set->_buckets[at] = item;
    set->count++;
    metrics_add(METRIC_DELIVER_ITEMS, 1);
    lane->item_count++;
    return item;
}

void deliver_items_remove(struct deliver_items *set, struct deliver_item *item)
{
    struct deliver_item **at = &set->_buckets[bucket_of(set, &item->message, item->lane->endpoint)];
    while (*at != item)
        at = &(*at)->_chain;
    *at = item->_chain;
    set->count--;
    metrics_add(METRIC_DELIVER_ITEMS, -1);
    item->lane->item_count--;
    item->next = set->_free;
    set->_free = item;
}

void deliver_queue_push(struct deliver_queue *q, struct deliver_lane *lane)
{
    lane->queue_next = NULL;
    lane->queue_prev = q->last;
    *(q->last != NULL ? &q->last->queue_next : &q->first) = lane;
    q->last = lane;
    q->len++;
}

void deliver_queue_remove(struct deliver_queue *q, struct deliver_lane *lane)
{
    *(lane->queue_prev != NULL ? &lane->queue_prev->queue_next : &q->first) = lane->queue_next;
    *(lane->queue_next != NULL ? &lane->queue_next->queue_prev : &q->last) = lane->queue_prev;
    lane->queue_next = lane->queue_prev = NULL;
    q->len--;
}
