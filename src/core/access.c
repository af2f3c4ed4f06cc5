/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens and the cache of what they stand for. The cache has two generations: what is used stays
 * in the young one; when that is full the old one is dropped, so memory is bounded and a flood of
 * one-time tokens cannot push out those in use. `_epoch` moves with every revocation: a load that
 * began before one may not put its result in the cache.
 */
#include "core/access.h"

#include "core/access_priv.h"
#include "sign/sign.h"
#include "store/application.h"

struct core_access *core_access_new(const struct core_access_options *o)
{
    struct core_access *a = XNEW(struct core_access);
    a->store = o->store;
    a->clock = o->clock;
    a->rng = o->rng;
    a->cached_max = o->cached_max < 2 ? 2 : o->cached_max;
    if (o->jwt_secret.len > 0)
        a->jwt_secret = str_of(xmemdup(o->jwt_secret.ptr, o->jwt_secret.len), o->jwt_secret.len);
    mutex_init(&a->lock);
    a->young = map_new();
    a->old = map_new();
    return a;
}

static void drop_generation(struct map *m)
{
    size_t at = 0;
    struct str key;
    void *value;
    while (map_next(m, &at, &key, &value))
        core_identity_unref(value);
    map_free(m);
}

void core_access_free(struct core_access *a)
{
    if (a == NULL)
        return;
    drop_generation(a->young);
    drop_generation(a->old);
    if (a->jwt_secret.len > 0) {
        char *secret = (char *)(uintptr_t)a->jwt_secret.ptr;
        mem_wipe(secret, a->jwt_secret.len);
        xfree(secret);
    }
    mutex_fini(&a->lock);
    xfree(a);
}

struct core_identity *core_identity_ref(struct core_identity *id)
{
    atomic_fetch_add_explicit(&id->_refs, 1, memory_order_relaxed);
    return id;
}

void core_identity_unref(struct core_identity *id)
{
    if (id != NULL && atomic_fetch_sub_explicit(&id->_refs, 1, memory_order_acq_rel) == 1)
        xfree(id);
}

static struct str put(char **at, struct str s)
{
    if (s.ptr == NULL)
        return STR_NONE;
    char *to = *at;
    if (s.len > 0)
        memcpy(to, s.ptr, s.len);
    *at += s.len;
    return str_of(to, s.len);
}

/* One allocation, so that the last reference may be dropped anywhere. */
struct core_identity *core_identity_new(const struct core_identity *from)
{
    size_t text = from->org_id.len + from->app_id.len + from->feature_flags.len + from->session.len;
    struct core_identity *id = xcalloc(1, sizeof(*id) + text + 1);
    char *at = (char *)(id + 1);
    *id = *from;
    id->org_id = put(&at, from->org_id);
    id->app_id = put(&at, from->app_id);
    id->feature_flags = put(&at, from->feature_flags);
    id->session = put(&at, from->session);
    atomic_init(&id->_refs, 1);
    return id;
}

static struct str hash_key(const uint8_t hash[static 32])
{
    return str_of((const char *)hash, 32);
}

static void insert_locked(struct core_access *a, struct core_identity *id)
{
    if (map_count(a->young) >= a->cached_max / 2) {
        drop_generation(a->old);
        a->old = a->young;
        a->young = map_new();
    }
    core_identity_unref(map_set(a->young, hash_key(id->hash), core_identity_ref(id)));
}

static struct core_identity *cached(struct core_access *a, const uint8_t hash[static 32])
{
    mutex_lock(&a->lock);
    struct core_identity *id = map_get(a->young, hash_key(hash));
    if (id == NULL) {
        id = map_remove(a->old, hash_key(hash));
        if (id != NULL) {
            insert_locked(a, id);
            core_identity_unref(id);
        }
    }
    if (id != NULL)
        core_identity_ref(id);
    mutex_unlock(&a->lock);
    return id;
}

static void forget(struct core_access *a, const uint8_t hash[static 32])
{
    mutex_lock(&a->lock);
    a->epoch++;
    core_identity_unref(map_remove(a->young, hash_key(hash)));
    core_identity_unref(map_remove(a->old, hash_key(hash)));
    mutex_unlock(&a->lock);
}

/* Finds one that belongs to the application, to be removed: a map may not change while iterated. */
static bool find_of_app(struct map *m, int64_t app, uint8_t hash[static 32])
{
    size_t at = 0;
    struct str key;
    void *value;
    while (map_next(m, &at, &key, &value)) {
        const struct core_identity *id = value;
        if (id->app == app) {
            memcpy(hash, id->hash, 32);
            return true;
        }
    }
    return false;
}

static void forget_app_in(struct map *m, int64_t app)
{
    uint8_t hash[32];
    while (find_of_app(m, app, hash))
        core_identity_unref(map_remove(m, hash_key(hash)));
}

void core_access_forget_app(struct core_access *a, int64_t app)
{
    mutex_lock(&a->lock);
    a->epoch++;
    forget_app_in(a->young, app);
    forget_app_in(a->old, app);
    mutex_unlock(&a->lock);
}

static void forget_num(struct core_access *a, int64_t num)
{
    struct map *both[] = { a->young, a->old };
    mutex_lock(&a->lock);
    a->epoch++;
    for (size_t i = 0; i < COUNT_OF(both); i++) {
        size_t at = 0;
        struct str key;
        void *value;
        while (map_next(both[i], &at, &key, &value)) {
            struct core_identity *id = value;
            if (id->token == num) {
                map_remove(both[i], hash_key(id->hash));
                core_identity_unref(id);
                break;
            }
        }
    }
    mutex_unlock(&a->lock);
}

static bool is_live(const struct core_access *a, const struct core_identity *id)
{
    return id->expires_us == 0 || clock_wall_us(a->clock) < id->expires_us;
}

enum rc core_access_find(struct core_access *a, struct str token, struct core_identity **out)
{
    if (token.len == 0 || token.len > CORE_TOKEN_MAX)
        return RC_DENIED;
    uint8_t hash[32];
    sign_sha256(token, hash);
    struct core_identity *id = cached(a, hash);
    if (id == NULL)
        return RC_NOT_FOUND;
    if (!is_live(a, id)) {
        core_identity_unref(id);
        return RC_DENIED;
    }
    *out = id;
    return RC_OK;
}

enum rc core_access_load(struct core_access *a, struct str token, struct core_identity **out,
                         struct buf *why)
{
    enum rc rc = core_access_find(a, token, out);
    if (rc != RC_NOT_FOUND) {
        if (rc != RC_OK)
            buf_say(why, "Invalid token");
        return rc;
    }
    mutex_lock(&a->lock);
    uint64_t epoch = a->epoch;
    mutex_unlock(&a->lock);
    struct core_identity *id = NULL;
    rc = core_access_read(a, token, &id, why);
    if (rc != RC_OK)
        return rc;
    mutex_lock(&a->lock);
    if (a->epoch == epoch)
        insert_locked(a, id);
    mutex_unlock(&a->lock);
    *out = id;
    return RC_OK;
}

enum rc core_access_revoke(struct core_access *a, const struct core_identity *id)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_write(a->store, &tx);
    if (rc != RC_OK)
        return rc;
    if (id->token != 0) {
        rc = store_token_delete(tx, id->token);
    } else {
        /* A JWT has no row: one that ended long ago keeps its hash from being taken again. */
        struct store_token ended = { .org = id->org,
                                     .app = id->app,
                                     .name = STR("ended"),
                                     .created_us = clock_wall_us(a->clock),
                                     .expires_us = STORE_TOKEN_ENDED_US };
        memcpy(ended.hash, id->hash, sizeof(ended.hash));
        rc = store_token_insert(tx, &ended);
    }
    if (rc == RC_NOT_FOUND || rc == RC_CONFLICT) {
        store_end(tx);
        rc = RC_OK;
    } else if (rc == RC_OK) {
        rc = store_commit(tx);
    } else {
        store_end(tx);
    }
    forget(a, id->hash);
    return rc;
}

static enum rc delete_owned(struct store_tx *tx, int64_t org, int64_t num, struct arena *arena)
{
    struct store_token *tokens = NULL;
    size_t count = 0;
    enum rc rc = store_token_list(tx, org, arena, &tokens, &count);
    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; i < count; i++)
        if (tokens[i].num == num)
            return store_token_delete(tx, num);
    return RC_NOT_FOUND;
}

enum rc core_access_revoke_num(struct core_access *a, int64_t org, int64_t num)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_write(a->store, &tx);
    if (rc != RC_OK)
        return rc;
    struct arena arena;
    arena_init(&arena);
    rc = delete_owned(tx, org, num, &arena);
    arena_fini(&arena);
    if (rc == RC_OK)
        rc = store_commit(tx);
    else
        store_end(tx);
    forget_num(a, num);
    return rc;
}

static enum rc end_tokens(struct core_access *a, struct store_tx *tx, int64_t app,
                          struct str session, int64_t at_us)
{
    int64_t now = clock_wall_us(a->clock);
    int64_t count = 0;
    enum rc rc = at_us > now ? store_token_shorten_app(tx, app, session, at_us)
                             : store_token_expire_app(tx, app, session, &count);
    if (rc != RC_OK || session.len > 0)
        return rc;
    return core_access_jwt_set_end(tx, app, now / 1000000, at_us / 1000000);
}

enum rc core_access_expire_app(struct core_access *a, int64_t app, struct str session,
                               int64_t at_us)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_write(a->store, &tx);
    if (rc != RC_OK)
        return rc;
    rc = end_tokens(a, tx, app, session, at_us);
    if (rc == RC_OK)
        rc = store_commit(tx);
    else
        store_end(tx);
    core_access_forget_app(a, app);
    return rc;
}
