/* SPDX-License-Identifier: Apache-2.0
 *
 * What a channel has published and the broker has not confirmed yet, by delivery tag: a ring, because
 * tags count up by one. Pure bookkeeping; one owner. The things are borrowed.
 */
#pragma once

#include "base/base.h"

struct broker_confirms {
    void **_slots;
    size_t _cap;
    size_t _max;
    uint64_t _first; /* the lowest tag that may be open */
    uint64_t _next;  /* the tag of the next message; the first is 1 */
    size_t open;
};

void broker_confirms_init(struct broker_confirms *c, size_t max);
void broker_confirms_fini(struct broker_confirms *c); /* nothing may be open */
bool broker_confirms_is_full(const struct broker_confirms *c);
/* Gives the next tag to `thing`. Not when full. */
uint64_t broker_confirms_add(struct broker_confirms *c, void *thing);
/* Takes the message of that tag; NULL: there is none (any more). */
void *broker_confirms_take(struct broker_confirms *c, uint64_t tag);
/* Takes the oldest one whose tag is not above `tag` (0: any); NULL: no more. For "multiple". */
void *broker_confirms_take_up_to(struct broker_confirms *c, uint64_t tag);
/* The oldest one that fits; it stays. NULL: none. */
void *broker_confirms_find(const struct broker_confirms *c, bool (*fits)(const void *thing, void *arg), void *arg);
/* A new channel counts from 1 again. Nothing may be open. */
void broker_confirms_restart(struct broker_confirms *c);
