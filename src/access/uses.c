/* SPDX-License-Identifier: Apache-2.0
 *
 * See access/uses.h. What waits is a map by token and address, taken out as a whole to be written.
 */
#include "access/uses.h"

#include "store/config.h"
#include "store/token.h"

static const int64_t hour_us = INT64_C(3600) * 1000000;
static const int64_t gap_us = INT64_C(60) * 1000000;

enum { PEER_MAX = 64, KEY_MAX = sizeof(int64_t) + PEER_MAX };

struct waiting {
    int64_t token, at_us;
    size_t peer_len;
    char peer[PEER_MAX];
};

struct access_uses {
    struct store *store;
    const struct clock *clock;
    struct mutex lock;     /* over what follows */
    struct map *waiting;   /* struct waiting, by token and address */
    int64_t written_us;    /* when somebody was told last to write; monotonic */
    bool is_being_written; /* somebody was told, and has not begun */
};

struct access_uses *access_uses_new(struct store *store, const struct clock *clock)
{
    struct access_uses *u = XNEW(struct access_uses);
    u->store = store;
    u->clock = clock;
    mutex_init(&u->lock);
    u->waiting = map_new();
    u->written_us = INT64_MIN / 2;
    return u;
}

static void drop_waiting(struct map *m)
{
    size_t at = 0;
    struct str key;
    void *value;
    while (map_next(m, &at, &key, &value))
        xfree(value);
    map_free(m);
}

void access_uses_free(struct access_uses *u)
{
    if (u == NULL)
        return;
    drop_waiting(u->waiting);
    mutex_fini(&u->lock);
    xfree(u);
}

static bool put_locked(struct access_uses *u, int64_t token, struct str peer, int64_t at_us)
{
    char key[KEY_MAX];
    memcpy(key, &token, sizeof(token));
    memcpy(key + sizeof(token), peer.ptr, peer.len);
    struct str name = str_of(key, sizeof(token) + peer.len);
    struct waiting *w = map_get(u->waiting, name);
    if (w == NULL && map_count(u->waiting) >= ACCESS_USES_WAITING_MAX)
        return false;
    if (w == NULL) {
        w = XNEW(struct waiting);
        *w = (struct waiting){ .token = token, .peer_len = peer.len };
        memcpy(w->peer, peer.ptr, peer.len);
        (void)map_set(u->waiting, name, w);
    }
    w->at_us = at_us;
    return true;
}

/* Whether it is the caller who has to see to it. */
static bool is_due_locked(struct access_uses *u, int64_t now_us)
{
    if (u->is_being_written || map_count(u->waiting) == 0 || now_us - u->written_us < gap_us)
        return false;
    u->is_being_written = true;
    u->written_us = now_us;
    return true;
}

bool access_uses_note(struct access_uses *u, int64_t token, struct access_uses_seen *seen,
                      struct str peer)
{
    if (token == 0 || peer.len == 0 || peer.len > PEER_MAX)
        return false;
    int64_t at_us = clock_wall_us(u->clock);
    uint64_t address = str_hash(peer);
    /* Another hour or another address is another number, and never the 0 of a place that is free. */
    uint64_t mark = (address ^ ((uint64_t)(at_us / hour_us) * UINT64_C(0x9e3779b97f4a7c15))) | 1;
    atomic_ullong *place = &seen->marks[address % ACCESS_USES_MARKS];
    if (atomic_load_explicit(place, memory_order_relaxed) == mark)
        return false;
    mutex_lock(&u->lock);
    if (put_locked(u, token, peer, at_us))
        atomic_store_explicit(place, mark, memory_order_relaxed);
    bool is_due = is_due_locked(u, clock_mono_us(u->clock));
    mutex_unlock(&u->lock);
    return is_due;
}

void access_uses_begun(struct access_uses *u)
{
    mutex_lock(&u->lock);
    u->is_being_written = false;
    mutex_unlock(&u->lock);
}

static enum rc uses_write_all(struct store_tx *tx, const struct map *m)
{
    size_t at = 0;
    struct str key;
    void *value;
    enum rc rc = RC_OK;
    while (rc == RC_OK && map_next(m, &at, &key, &value)) {
        const struct waiting *w = value;
        rc = store_token_note_use(tx, w->token, str_of(w->peer, w->peer_len), w->at_us);
    }
    return rc;
}

void access_uses_write(struct access_uses *u)
{
    struct store_tx *tx = NULL;
    mutex_lock(&u->lock);
    struct map *taken = u->waiting;
    u->waiting = map_new();
    mutex_unlock(&u->lock);
    enum rc rc = map_count(taken) == 0 ? RC_NOT_FOUND : store_write(u->store, &tx);
    if (rc == RC_OK) {
        rc = uses_write_all(tx, taken);
        rc = store_finish(tx, rc);
    }
    (void)rc; /* the next hour notes it */
    drop_waiting(taken);
}
