/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/move/far_priv.h.
 */
#include "store/move/far_priv.h"

static const int64_t look_us = 500000; /* how often a copy asks whether it is still wanted */

struct postgres_conn *store_move_far_of(struct store_mover *m, const char *cell, const char **url)
{
    for (size_t i = 0; i < m->o.other_count; i++) {
        if (strcmp(m->o.others[i].name, cell) != 0)
            continue;
        if (url != NULL)
            *url = m->o.others[i].url;
        return &m->far[i];
    }
    return NULL;
}

enum rc store_move_far_row(struct store_mover *m, const struct move_row *row, struct move_row *out)
{
    struct postgres_conn *far = store_move_far_of(m, row->other, NULL);
    enum rc rc = far == NULL ? RC_IO : store_move_row_find(far, row->org, false, out);
    if (rc != RC_OK)
        return rc;
    bool is_this = out->made == row->made && strcmp(out->other, m->o.name) == 0;
    return !is_this || store_move_row_is(out, "canceled") || store_move_row_is(out, "refused")
               ? RC_NOT_FOUND
               : RC_OK;
}

bool store_move_in_goes_on(struct move_in *in)
{
    struct move_row mine, there;
    int64_t now_us = clock_mono_us(clock_system());
    if (atomic_load(in->m->o.is_stopping) || !store_may_deliver(in->m->o.store))
        return false;
    if (now_us - in->looked_us < look_us)
        return true;
    in->looked_us = now_us;
    if (store_move_row_find(&in->m->own, in->org, true, &mine) != RC_OK)
        return true;
    enum rc rc = store_move_far_row(in->m, &mine, &there);
    return rc != RC_NOT_FOUND && !(rc == RC_OK && there.is_canceled);
}
