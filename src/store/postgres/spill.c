/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/spill_priv.h.
 */
#include "store/postgres/spill_priv.h"

#include "store/postgres/member_priv.h"
#include "store/postgres/waiting_priv.h"

enum { SPILL_ROWS = 1000 };

void store_postgres_spill_init(struct spill *p, struct store_postgres *s)
{
    *p = (struct spill){ .store = s,
                         .rows = xcalloc(SPILL_ROWS, sizeof(struct postgres_young_row)) };
    store_postgres_waiting_init(&p->waiting);
}

void store_postgres_spill_fini(struct spill *p)
{
    store_postgres_columns_fini(&p->waiting);
    xfree(p->rows);
}

static void spill_row(struct spill *p, const struct postgres_young_row *row)
{
    const struct store_stand stand = { .due = { .message = row->message,
                                                .app = row->app,
                                                .endpoint = row->endpoint,
                                                .due_us = row->due_us,
                                                .state = STORE_PENDING } };
    store_postgres_waiting_add(&p->waiting, &stand, 0, 0);
}

enum rc store_postgres_spill_finish(struct spill *p, struct postgres_conn *c)
{
    if (p->count == 0)
        return RC_OK;
    store_postgres_columns_reset(&p->waiting);
    for (size_t i = 0; i < p->count; i++)
        spill_row(p, &p->rows[i]);
    store_postgres_pipe_begin(c);
    store_postgres_fence_send(p->store, c, false);
    store_postgres_waiting_send_new(c, &p->waiting);
    store_postgres_pipe_send(c, "COMMIT", NULL);
    enum rc rc = store_postgres_pipe_end(c);
    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; i < p->count; i++)
        store_postgres_young_remove(&p->store->young, &p->rows[i].message, p->rows[i].endpoint);
    atomic_fetch_add(&p->store->waiting, (int64_t)p->count);
    p->count = 0;
    return RC_OK;
}

enum rc store_postgres_spill_old(struct spill *p, struct postgres_conn *c, bool *more)
{
    int64_t before_us = clock_mono_us(clock_system()) - POSTGRES_YOUNG_US;
    int64_t until_us = atomic_load(&p->store->spill_until_us);
    if (before_us < until_us)
        before_us = until_us;
    *more = false;
    enum rc rc = store_postgres_spill_finish(p, c);
    if (rc != RC_OK)
        return rc;
    p->count = store_postgres_young_old(&p->store->young, before_us, POSTGRES_YOUNG_MAX, p->rows,
                                        SPILL_ROWS);
    *more = p->count == SPILL_ROWS;
    return store_postgres_spill_finish(p, c);
}
