/* SPDX-License-Identifier: Apache-2.0
 *
 * See broker/confirms_priv.h.
 */
#include "broker/confirms_priv.h"

enum { CAP_START = 64 }; /* a power of two, as every capacity */

void broker_confirms_init(struct broker_confirms *c, size_t max)
{
    *c = (struct broker_confirms){ ._max = max, ._first = 1, ._next = 1 };
}

void broker_confirms_fini(struct broker_confirms *c)
{
    MUST(c->open == 0);
    xfree(c->_slots);
    c->_slots = NULL;
}

static void **confirms_slot(const struct broker_confirms *c, uint64_t tag)
{
    return &c->_slots[tag & (c->_cap - 1)];
}

static bool is_in(const struct broker_confirms *c, uint64_t tag)
{
    return tag >= c->_first && tag < c->_next;
}

bool broker_confirms_is_full(const struct broker_confirms *c)
{
    return c->_next - c->_first >= c->_max;
}

static void confirms_grow(struct broker_confirms *c)
{
    struct broker_confirms bigger = *c;
    bigger._cap = c->_cap == 0 ? CAP_START : c->_cap * 2;
    bigger._slots = xcalloc(bigger._cap, sizeof(void *));
    for (uint64_t tag = c->_first; tag < c->_next; tag++)
        *confirms_slot(&bigger, tag) = *confirms_slot(c, tag);
    xfree(c->_slots);
    *c = bigger;
}

uint64_t broker_confirms_add(struct broker_confirms *c, void *thing)
{
    MUST(thing != NULL && !broker_confirms_is_full(c));
    if (c->_next - c->_first >= c->_cap)
        confirms_grow(c);
    *confirms_slot(c, c->_next) = thing;
    c->open++;
    return c->_next++;
}

void *broker_confirms_take(struct broker_confirms *c, uint64_t tag)
{
    if (!is_in(c, tag))
        return NULL;
    void *thing = *confirms_slot(c, tag);
    *confirms_slot(c, tag) = NULL;
    c->open -= thing != NULL ? 1 : 0;
    while (c->_first < c->_next && *confirms_slot(c, c->_first) == NULL)
        c->_first++;
    return thing;
}

void *broker_confirms_take_up_to(struct broker_confirms *c, uint64_t tag)
{
    bool is_any = c->_first < c->_next && (tag == 0 || c->_first <= tag);
    return is_any ? broker_confirms_take(c, c->_first) : NULL;
}

void *broker_confirms_find(const struct broker_confirms *c,
                           bool (*fits)(const void *thing, void *arg), void *arg)
{
    for (uint64_t tag = c->_first; tag < c->_next; tag++) {
        void *thing = *confirms_slot(c, tag);
        if (thing != NULL && fits(thing, arg))
            return thing;
    }
    return NULL;
}

void broker_confirms_restart(struct broker_confirms *c)
{
    MUST(c->open == 0);
    c->_first = c->_next = 1;
}
