/* SPDX-License-Identifier: Apache-2.0
 *
 * A binary heap of pointers to things that know their place in it (a size_t, 0 when outside). The
 * order is a function; ties are the function's business. One owner.
 */
#pragma once

#include "base/base.h"

typedef bool (*deliver_less_fn)(const void *a, const void *b);

struct deliver_heap {
    void **_slots; /* from 1 */
    size_t len;
    size_t _cap;
    deliver_less_fn _less;
    size_t _place; /* offset of the size_t in the things */
};

void deliver_heap_init(struct deliver_heap *h, deliver_less_fn less, size_t place_offset);
void deliver_heap_fini(struct deliver_heap *h);
void deliver_heap_add(struct deliver_heap *h, void *thing);
void deliver_heap_remove(struct deliver_heap *h, void *thing); /* must be in it */
static inline void *deliver_heap_top(const struct deliver_heap *h)
{
    return h->len == 0 ? NULL : h->_slots[1];
}
