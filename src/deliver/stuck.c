/* SPDX-License-Identifier: Apache-2.0
 *
 * Outcomes that the store cannot write because of their own rows (a page of the disk that went bad). Each is
 * tried again alone, ever more seldom, and holds back nothing but its own delivery.
 */
#include "deliver/stuck_priv.h"

#include "deliver/attempt_priv.h"

static const int64_t first_us = DELIVER_SECOND_US, most_us = 60 * DELIVER_SECOND_US;

void deliver_stuck_add(struct deliver_shard *s, struct deliver_attempt *a)
{
    int64_t delay_us = a->record_delay_us == 0 ? first_us : a->record_delay_us * 2;
    a->record_delay_us = delay_us < most_us ? delay_us : most_us;
    a->record_again_us = s->now_us + a->record_delay_us;
    a->next = s->stuck;
    s->stuck = a;
    s->stuck_count++;
    s->recording--;
}

struct deliver_attempt *deliver_stuck_take(struct deliver_shard *s, int64_t until_us)
{
    struct deliver_attempt **at = &s->stuck;
    while (*at != NULL && (*at)->record_again_us > until_us)
        at = &(*at)->next;
    struct deliver_attempt *a = *at;
    if (a == NULL)
        return NULL;
    *at = a->next;
    a->next = NULL;
    s->stuck_count--;
    s->recording++;
    return a;
}

int64_t deliver_stuck_until(const struct deliver_shard *s, int64_t until_us)
{
    for (const struct deliver_attempt *a = s->stuck; a != NULL; a = a->next)
        if (a->record_again_us < until_us)
            until_us = a->record_again_us;
    return until_us;
}

void deliver_stuck_jump(struct deliver_shard *s, int64_t by_us)
{
    for (struct deliver_attempt *a = s->stuck; a != NULL; a = a->next)
        a->record_again_us += by_us;
}
