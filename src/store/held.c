/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/held.h. Two sets of numbers, made anew from the rows at each change, of which there are few.
 */
#include "store/held_priv.h"

#include "store/application.h"
#include "store/notes.h"
#include "store/store_priv.h"

struct store_held {
    atomic_size_t count;    /* of organisations */
    struct mutex read_lock; /* one at a time reads, so that the newest is what stays */
    int64_t ahead;          /* held before its row says so; 0: none */
    struct mutex lock;      /* guards what follows */
    struct map64 *orgs, *apps;
};

static char held_mark; /* what the sets hold is not looked at */

/* The organisation that hidden applications belong to; 0: there is none. */
static enum rc hidden_num(struct store_tx *tx, int64_t *num)
{
    struct arena a;
    struct str id;
    struct store_org org = { 0 };
    arena_init(&a);
    enum rc rc = store_org_hidden(tx, &a, &id);
    if (rc == RC_OK && id.len > 0)
        rc = store_org_find(tx, id, &a, &org);
    *num = rc == RC_OK ? org.num : 0;
    arena_fini(&a);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

#define IS_HELD " WHERE o.moving <> '' OR o.num = ?1"

/* With those of its sources, and the one of its operational webhooks. */
static enum rc held_read(struct store *s, struct map64 *orgs, struct map64 *apps)
{
    struct store_tx *tx = NULL;
    int64_t hidden = 0;
    enum rc rc = store_read(s, &tx);
    if (rc != RC_OK)
        return rc;
    rc = hidden_num(tx, &hidden);
    if (rc != RC_OK) {
        store_end(tx);
        return rc;
    }
    struct db_stmt *q = db_prepare(
        tx->db,
        "SELECT o.num, a.num FROM organisation o LEFT JOIN application a ON a.org = o.num" IS_HELD
        " UNION ALL SELECT o.num, s.app FROM organisation o JOIN source s ON s.org = o.num" IS_HELD
        " UNION ALL SELECT o.num, a.num FROM organisation o"
        " JOIN application a ON a.org = ?2 AND a.uid = o.id" IS_HELD);
    db_bind_int(q, 1, s->held->ahead);
    db_bind_int(q, 2, hidden);
    while (db_step(q, &rc)) {
        (void)map64_set(orgs, (uint64_t)db_int(q, 0), &held_mark);
        if (!db_is_null(q, 1))
            (void)map64_set(apps, (uint64_t)db_int(q, 1), &held_mark);
    }
    store_end(tx);
    return rc;
}

/* What cannot be read now stays as it was: the next change, or whoever waits for it, reads again. */
static enum rc held_renew(struct store *s)
{
    struct store_held *h = s->held;
    struct map64 *orgs = map64_new(), *apps = map64_new();
    enum rc rc = held_read(s, orgs, apps);
    if (rc == RC_OK) {
        struct map64 *old_orgs = h->orgs, *old_apps = h->apps;
        mutex_lock(&h->lock);
        h->orgs = orgs;
        h->apps = apps;
        atomic_store(&h->count, map64_count(orgs));
        mutex_unlock(&h->lock);
        orgs = old_orgs;
        apps = old_apps;
    }
    map64_free(orgs);
    map64_free(apps);
    return rc;
}

static void held_on_commit(void *ctx, const struct store_note *notes, size_t count)
{
    struct store *s = ctx;
    bool is_touched = false;
    for (size_t i = 0; i < count; i++)
        is_touched = is_touched || notes[i].kind == STORE_NOTE_ORGANISATION;
    if (!is_touched)
        return;
    mutex_lock(&s->held->read_lock);
    enum rc rc = held_renew(s);
    mutex_unlock(&s->held->read_lock);
    (void)rc; /* see held_renew() */
}

enum rc store_hold(struct store *s, int64_t org)
{
    struct store_held *h = s->held;
    mutex_lock(&h->read_lock);
    int64_t before = h->ahead;
    h->ahead = org;
    enum rc rc = held_renew(s);
    if (rc != RC_OK)
        h->ahead = before;
    mutex_unlock(&h->read_lock);
    return rc;
}

static bool held_has(const struct store *s, bool is_app, int64_t num)
{
    struct store_held *h = s->held;
    if (h == NULL || atomic_load_explicit(&h->count, memory_order_acquire) == 0)
        return false;
    mutex_lock(&h->lock);
    bool is_held = map64_get(is_app ? h->apps : h->orgs, (uint64_t)num) != NULL;
    mutex_unlock(&h->lock);
    return is_held;
}

bool store_org_is_held(const struct store *s, int64_t org)
{
    return held_has(s, false, org);
}

bool store_app_is_held(const struct store *s, int64_t app)
{
    return held_has(s, true, app);
}

bool store_is_settled(struct store *s, int64_t since_us)
{
    return s->backend->is_settled == NULL || s->backend->is_settled(s, since_us);
}

enum rc store_held_open(struct store *s)
{
    struct store_held *h = XNEW(struct store_held);
    mutex_init(&h->read_lock);
    mutex_init(&h->lock);
    h->orgs = map64_new();
    h->apps = map64_new();
    s->held = h;
    store_on_commit(s, held_on_commit, s);
    return held_renew(s);
}

void store_held_free(struct store_held *h)
{
    if (h == NULL)
        return;
    map64_free(h->orgs);
    map64_free(h->apps);
    mutex_fini(&h->lock);
    mutex_fini(&h->read_lock);
    xfree(h);
}
