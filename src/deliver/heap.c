/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/heap_priv.h"

enum { FIRST_CAP = 16 };

void deliver_heap_init(struct deliver_heap *h, deliver_less_fn less, size_t place_offset)
{
    *h = (struct deliver_heap){ ._less = less, ._place = place_offset };
}

void deliver_heap_fini(struct deliver_heap *h)
{
    xfree(h->_slots);
    h->_slots = NULL;
    h->len = h->_cap = 0;
}

static size_t *place_of(const struct deliver_heap *h, void *thing)
{
    return (size_t *)(void *)((char *)thing + h->_place);
}

static void heap_put(struct deliver_heap *h, size_t at, void *thing)
{
    h->_slots[at] = thing;
    *place_of(h, thing) = at;
}

static void heap_rise(struct deliver_heap *h, size_t at, void *thing)
{
    while (at > 1 && h->_less(thing, h->_slots[at / 2])) {
        heap_put(h, at, h->_slots[at / 2]);
        at /= 2;
    }
    heap_put(h, at, thing);
}

static void heap_sink(struct deliver_heap *h, size_t at, void *thing)
{
    for (size_t child = at * 2; child <= h->len; child = at * 2) {
        if (child < h->len && h->_less(h->_slots[child + 1], h->_slots[child]))
            child++;
        if (!h->_less(h->_slots[child], thing))
            break;
        heap_put(h, at, h->_slots[child]);
        at = child;
    }
    heap_put(h, at, thing);
}

void deliver_heap_add(struct deliver_heap *h, void *thing)
{
    MUST(*place_of(h, thing) == 0);
    if (h->len + 1 >= h->_cap) {
        h->_cap = h->_cap == 0 ? FIRST_CAP : h->_cap * 2;
        h->_slots = xrealloc(h->_slots, h->_cap * sizeof(*h->_slots));
    }
    h->len++;
    heap_rise(h, h->len, thing);
}

void deliver_heap_remove(struct deliver_heap *h, void *thing)
{
    size_t at = *place_of(h, thing);
    MUST(at >= 1 && at <= h->len && h->_slots[at] == thing);
    *place_of(h, thing) = 0;
    void *last = h->_slots[h->len--];
    if (last == thing)
        return;
    if (at > 1 && h->_less(last, h->_slots[at / 2]))
        heap_rise(h, at, last);
    else
        heap_sink(h, at, last);
}
