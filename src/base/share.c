/* SPDX-License-Identifier: Apache-2.0
 *
 * See base/share.h. The amounts are the map's values, so that an owner costs one entry.
 */
#include "base/share.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/thread.h"

struct share {
    struct mutex lock;
    struct map64 *owners;
    size_t total, each, taken;
};

struct share *share_new(size_t total, size_t each)
{
    struct share *s = XNEW(struct share);
    mutex_init(&s->lock);
    s->owners = map64_new();
    s->total = total;
    s->each = each;
    return s;
}

void share_free(struct share *s)
{
    if (s == NULL)
        return;
    MUST(s->taken == 0);
    map64_free(s->owners);
    mutex_fini(&s->lock);
    xfree(s);
}

enum rc share_take(struct share *s, uint64_t owner, size_t amount)
{
    enum rc rc = RC_OK;
    mutex_lock(&s->lock);
    size_t held = (size_t)(uintptr_t)map64_get(s->owners, owner);
    if (amount > s->total - s->taken)
        rc = RC_BUSY;
    else if (held > s->each || amount > s->each - held)
        rc = RC_LIMIT;
    if (rc == RC_OK && amount > 0) {
        s->taken += amount;
        map64_set(s->owners, owner, (void *)(uintptr_t)(held + amount));
    }
    mutex_unlock(&s->lock);
    return rc;
}

void share_give(struct share *s, uint64_t owner, size_t amount)
{
    mutex_lock(&s->lock);
    size_t held = (size_t)(uintptr_t)map64_get(s->owners, owner);
    MUST(held >= amount && s->taken >= amount);
    s->taken -= amount;
    if (held > amount)
        map64_set(s->owners, owner, (void *)(uintptr_t)(held - amount));
    else
        map64_remove(s->owners, owner);
    mutex_unlock(&s->lock);
}

size_t share_most(const struct share *s)
{
    return s->each < s->total ? s->each : s->total; /* neither changes */
}

size_t share_taken(struct share *s)
{
    mutex_lock(&s->lock);
    size_t taken = s->taken;
    mutex_unlock(&s->lock);
    return taken;
}
