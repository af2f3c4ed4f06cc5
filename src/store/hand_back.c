/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/hand_back_priv.h.
 */
#include "store/hand_back_priv.h"

static void run_done(void *arg)
{
    struct store_job *job = arg;
    job->done(job);
}

void store_places_post(struct store_places *places)
{
    for (size_t i = 0; i < places->count; i++)
        loop_post_chain(places->at[i].loop, places->at[i].first, places->at[i].last);
    places->count = 0;
}

void store_hand_back(struct store_places *places, struct store_job *job, struct loop_task *task)
{
    size_t i = 0;
    if (job->loop == NULL) {
        job->done(job);
        return;
    }
    *task = (struct loop_task){ .fn = run_done, .arg = job };
    while (i < places->count && places->at[i].loop != job->loop)
        i++;
    if (i == STORE_PLACES) {
        store_places_post(places);
        i = 0;
    }
    if (i == places->count) {
        places->at[i].loop = job->loop;
        places->at[i].first = places->at[i].last = task;
        places->count++;
        return;
    }
    places->at[i].last->_next = task;
    places->at[i].last = task;
}
