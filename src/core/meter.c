/* SPDX-License-Identifier: Apache-2.0
 *
 * A place holds the time at which what was taken so far is paid off; each take moves it on by the
 * gap. So a place needs no cleaning: one that nobody uses is in the past.
 */
#include "core/meter.h"

#include <stdatomic.h>

struct core_meter {
    int64_t gap_us;
    int64_t ahead_us; /* how far a place may be ahead of the clock before the next take */
    size_t mask;
    atomic_llong places[];
};

struct core_meter *core_meter_new(size_t places, int64_t gap_us, int burst)
{
    size_t count = 1;
    MUST(gap_us > 0 && burst > 0);
    while (count < places)
        count *= 2;
    struct core_meter *m = xmalloc(sizeof(*m) + count * sizeof(m->places[0]));
    m->gap_us = gap_us;
    m->ahead_us = gap_us * (burst - 1);
    m->mask = count - 1;
    for (size_t i = 0; i < count; i++)
        atomic_init(&m->places[i], 0);
    return m;
}

void core_meter_free(struct core_meter *m)
{
    xfree(m);
}

static bool meter_has_room(const struct core_meter *m, long long paid_us, int64_t now_us)
{
    return paid_us <= now_us + m->ahead_us;
}

bool core_meter_has_room(const struct core_meter *m, uint64_t key, int64_t now_us)
{
    return meter_has_room(m, atomic_load_explicit(&m->places[key & m->mask], memory_order_relaxed),
                          now_us);
}

bool core_meter_take(struct core_meter *m, uint64_t key, int64_t now_us)
{
    atomic_llong *place = &m->places[key & m->mask];
    long long paid_us = atomic_load_explicit(place, memory_order_relaxed);
    long long next_us;
    do {
        if (!meter_has_room(m, paid_us, now_us))
            return false;
        next_us = (paid_us > now_us ? paid_us : now_us) + m->gap_us;
    } while (!atomic_compare_exchange_weak_explicit(place, &paid_us, next_us, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}
