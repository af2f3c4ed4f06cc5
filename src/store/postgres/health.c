/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/health_priv.h.
 */
#include "store/postgres/health_priv.h"

#include <stdio.h>

void store_postgres_health_set(struct store_postgres *s, enum rc rc, const char *words)
{
    mutex_lock(&s->health_lock);
    enum rc before = s->commit_rc;
    s->commit_rc = rc;
    if (rc != RC_OK)
        s->failed_us = clock_mono_us(clock_system());
    if (rc != RC_OK)
        (void)snprintf(s->commit_words, sizeof s->commit_words, "%s", words);
    mutex_unlock(&s->health_lock);
    if (rc != RC_OK && before == RC_OK)
        LOG(STORE_COMMIT_FAILED, F_TEXT("rc", rc_name(rc)), F_TEXT("why", words));
    if (rc == RC_OK && before != RC_OK)
        LOG(STORE_COMMIT_RECOVERED);
}

void store_postgres_health_mind(struct store_postgres *s)
{
    enum { FORGET_US = 5000000 };
    mutex_lock(&s->health_lock);
    bool is_past =
        s->commit_rc != RC_OK && clock_mono_us(clock_system()) - s->failed_us > FORGET_US;
    mutex_unlock(&s->health_lock);
    if (is_past && store_postgres_is_member(s))
        store_postgres_health_set(s, RC_OK, "");
}

bool store_postgres_is_member(struct store_postgres *s)
{
    return !atomic_load(&s->is_fenced) &&
           clock_mono_us(clock_system()) < atomic_load(&s->lease_until_us);
}

/* A second is left for what is under way. */
bool store_postgres_may_deliver(struct store *store)
{
    struct store_postgres *s = store_postgres_of(store);
    return !atomic_load(&s->is_fenced) &&
           clock_mono_us(clock_system()) < atomic_load(&s->lease_until_us) - POSTGRES_LEASE_US / 5;
}

enum rc store_postgres_health(struct store *store, struct buf *why)
{
    struct store_postgres *s = store_postgres_of(store);
    if (atomic_load(&s->has_lost)) {
        buf_say(
            why,
            "the database lacks what it had confirmed to this node, as after a fail-over to a "
            "standby that commits did not wait for: restart this node, and send again what may be missing");
        return RC_DENIED;
    }
    if (atomic_load(&s->is_fenced)) {
        buf_say(why, "another node has taken this one's place in the database: restart this one");
        return RC_DENIED;
    }
    if (!store_postgres_is_member(s)) {
        buf_say(why, "the database has not confirmed for %d s that this node may write",
                POSTGRES_LEASE_US / 1000000);
        return RC_IO;
    }
    mutex_lock(&s->health_lock);
    enum rc rc = s->commit_rc == RC_OK || s->commit_rc == RC_LIMIT ? s->commit_rc : RC_IO;
    if (rc != RC_OK)
        buf_say(why, "the last commit failed: %s", s->commit_words);
    mutex_unlock(&s->health_lock);
    return rc;
}
