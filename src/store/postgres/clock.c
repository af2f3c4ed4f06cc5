/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/clock_priv.h.
 */
#include "store/postgres/clock_priv.h"

enum { WORTH_US = 1000000, TAKE_OVER_US = 60000000 };

static int64_t database_wall_us(void *ctx)
{
    const struct postgres_clock *c = ctx;
    return clock_mono_us(clock_system()) +
           atomic_load_explicit(&c->offset_us, memory_order_relaxed);
}

static int64_t database_mono_us(void *ctx)
{
    (void)ctx;
    return clock_mono_us(clock_system());
}

enum rc store_postgres_clock_open(struct store_postgres *s, struct buf *why)
{
    PGresult *r;
    enum rc rc = store_postgres_conn_open(&s->keeper_conn);
    if (rc == RC_OK)
        rc = store_postgres_query(&s->keeper_conn, "SELECT " POSTGRES_NOW_US, NULL, &r);
    if (rc != RC_OK) {
        buf_say(why, "cannot connect to the database: %s", s->keeper_conn.words);
        return rc;
    }
    s->clock.is_followed = s->base.o.clock == clock_system();
    s->clock.clock = (struct clock){ database_wall_us, database_mono_us, &s->clock };
    store_postgres_clock_note(s, store_postgres_int(r, 0, 0));
    PQclear(r);
    if (s->clock.is_followed)
        s->base.o.clock = &s->clock.clock;
    return RC_OK;
}

void store_postgres_clock_note(struct store_postgres *s, int64_t theirs_us)
{
    struct postgres_clock *c = &s->clock;
    atomic_store(&c->offset_us, theirs_us - clock_mono_us(clock_system()));
    int64_t ahead_us = clock_wall_us(clock_system()) - theirs_us;
    int64_t by_us = ahead_us - c->told_us;
    bool is_member = s->slot != 0; /* a node that stands by opens a store again and again */
    if (!c->is_followed || !is_member || (by_us <= WORTH_US && by_us >= -WORTH_US))
        return;
    c->told_us = ahead_us;
    LOG(STORE_CLOCK_DIFFERS, F_INT("ahead_ms", ahead_us / 1000));
}

void store_postgres_clock_catch_up(struct store_postgres *s)
{
    int64_t behind_us = store_time_ahead_us(&s->base.time);
    if (s->clock.is_followed && behind_us > 0 && behind_us < TAKE_OVER_US)
        store_time_at_least(&s->base.time, store_time_us(&s->base.time) + behind_us);
}
