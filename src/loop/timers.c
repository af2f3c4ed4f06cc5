/* SPDX-License-Identifier: Apache-2.0
 *
 * The heap under loop_timer_set() and loop_timer_stop().
 */
#include "loop/timers_priv.h"

enum { TIMERS_FIRST_CAP = 64 };

static void timers_place(struct timers *h, struct loop_timer *t, size_t slot)
{
    h->heap[slot] = t;
    t->_slot = slot;
}

static void sift_up(struct timers *h, struct loop_timer *t, size_t slot)
{
    while (slot > 1 && h->heap[slot / 2]->_at_us > t->_at_us) {
        timers_place(h, h->heap[slot / 2], slot);
        slot /= 2;
    }
    timers_place(h, t, slot);
}

static void sift_down(struct timers *h, struct loop_timer *t, size_t slot)
{
    for (;;) {
        size_t child = slot * 2;
        if (child > h->count)
            break;
        if (child < h->count && h->heap[child + 1]->_at_us < h->heap[child]->_at_us)
            child++;
        if (h->heap[child]->_at_us >= t->_at_us)
            break;
        timers_place(h, h->heap[child], slot);
        slot = child;
    }
    timers_place(h, t, slot);
}

static void timers_settle(struct timers *h, struct loop_timer *t, size_t slot)
{
    if (slot > 1 && h->heap[slot / 2]->_at_us > t->_at_us) {
        sift_up(h, t, slot);
    } else {
        sift_down(h, t, slot);
    }
}

void loop_timers_fini(struct timers *h)
{
    xfree(h->heap);
    *h = (struct timers){ 0 };
}

void loop_timers_set(struct timers *h, struct loop_timer *t, int64_t at_us)
{
    t->_at_us = at_us;
    if (t->_slot != 0) {
        timers_settle(h, t, t->_slot);
        return;
    }
    if (h->count + 1 >= h->cap) {
        h->cap = h->cap == 0 ? TIMERS_FIRST_CAP : h->cap * 2;
        h->heap = xrealloc(h->heap, h->cap * sizeof(*h->heap));
    }
    h->count++;
    sift_up(h, t, h->count);
}

void loop_timers_stop(struct timers *h, struct loop_timer *t)
{
    if (t->_slot == 0)
        return;
    size_t slot = t->_slot;
    MUST(slot <= h->count && h->heap[slot] == t);
    t->_slot = 0;
    struct loop_timer *last = h->heap[h->count];
    h->count--;
    if (last != t)
        timers_settle(h, last, slot);
}

struct loop_timer *loop_timers_first(const struct timers *h)
{
    return h->count == 0 ? NULL : h->heap[1];
}
