/* SPDX-License-Identifier: Apache-2.0
 *
 * Handing the jobs of a group back: each on the loop it names, and each loop is woken once.
 */
#pragma once

#include "loop/loop.h"
#include "store/flow.h"

enum { STORE_PLACES = 64 };

struct store_places {
    struct {
        struct loop *loop;
        struct loop_task *first, *last;
    } at[STORE_PLACES];
    size_t count;
};
/* Runs done() at once if the job names no loop; else keeps it, with `task` (in its room), for store_places_post(). The
 * job may be gone afterwards. */
void store_hand_back(struct store_places *places, struct store_job *job, struct loop_task *task);
void store_places_post(struct store_places *places);
