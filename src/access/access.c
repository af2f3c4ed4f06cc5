/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens and the cache of what they stand for. The cache has two generations: what is used stays
 * in the young one; when that is full the old one is dropped, so memory is bounded and a flood of
 * one-time tokens cannot push out those in use. `epoch` moves with every commit that touches tokens
 * or applications: a load that began before one may not put its result in the cache.
 */
#include "access/access.h"

#include "access/access_priv.h"
#include "sign/sign.h"
#include "store/application.h"
#include "store/notes.h"

/* --- changes ---------------------------------------------------------------------------------------- */

/* What may make an identity out of date counts here; each count stands for many, so that a change costs the same
 * however much is cached, and at worst some others are read again. */
static uint64_t *count_of_app(struct access *a, int64_t app)
{
    return &a->apps[(uint64_t)app % ACCESS_COUNTS];
}

static uint64_t *count_of_org(struct access *a, int64_t org)
{
    return &a->orgs[(uint64_t)org % ACCESS_COUNTS];
}

static uint64_t *count_of_token(struct access *a, int64_t num)
{
    return &a->tokens[(uint64_t)num % ACCESS_COUNTS];
}

static uint64_t *count_of_hash(struct access *a, const uint8_t hash[static 32])
{
    return &a->hashes[hash[0] % ACCESS_COUNTS];
}

static uint64_t count_of(struct access *a, const struct access_identity *id)
{
    return *count_of_org(a, id->org) + *count_of_app(a, id->app) + *count_of_token(a, id->token) +
           *count_of_token(a, id->parent) + *count_of_hash(a, id->hash);
}

static void forget_all(struct access *a)
{
    for (size_t i = 0; i < ACCESS_COUNTS; i++)
        a->hashes[i]++;
}

/* A row may say that a JWT has ended, which is known by its hash alone (access_revoke). RC_NOT_FOUND: it says
 * nothing of the kind. */
static enum rc read_ended(struct access *a, int64_t num, uint8_t hash[static 32])
{
    struct store_tx *tx = NULL;
    struct store_token row;
    struct arena arena;
    enum rc rc = store_read(a->store, &tx);
    if (rc != RC_OK)
        return rc;
    arena_init(&arena);
    rc = store_token_by_num(tx, num, &arena, &row);
    store_end(tx);
    if (rc == RC_OK && row.expires_us != STORE_TOKEN_ENDED_US)
        rc = RC_NOT_FOUND;
    if (rc == RC_OK)
        memcpy(hash, row.hash, sizeof(row.hash));
    arena_fini(&arena);
    return rc;
}

static void take_token_note(struct access *a, const struct store_note *n)
{
    uint8_t hash[32];
    enum rc rc = n->id == 0 ? RC_NOT_FOUND : read_ended(a, n->id, hash);
    mutex_lock(&a->lock);
    a->epoch++;
    if (n->id == 0 && n->app != 0)
        ++*count_of_app(a, n->app);
    else if (n->id == 0 || (rc != RC_OK && rc != RC_NOT_FOUND))
        forget_all(a);
    else
        ++*count_of_token(a, n->id);
    if (rc == RC_OK)
        ++*count_of_hash(a, hash);
    mutex_unlock(&a->lock);
}

static void take_app_note(struct access *a, const struct store_note *n)
{
    mutex_lock(&a->lock);
    a->epoch++;
    if (n->app == 0)
        forget_all(a);
    else
        ++*count_of_app(a, n->app);
    mutex_unlock(&a->lock);
}

static void take_org_note(struct access *a, const struct store_note *n)
{
    mutex_lock(&a->lock);
    a->epoch++;
    if (n->id == 0)
        forget_all(a);
    else
        ++*count_of_org(a, n->id);
    mutex_unlock(&a->lock);
}

static void access_on_commit(void *ctx, const struct store_note *notes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (notes[i].kind == STORE_NOTE_TOKEN)
            take_token_note(ctx, &notes[i]);
        else if (notes[i].kind == STORE_NOTE_APPLICATION)
            take_app_note(ctx, &notes[i]);
        else if (notes[i].kind == STORE_NOTE_ORGANISATION)
            take_org_note(ctx, &notes[i]);
    }
}

/* --- life ------------------------------------------------------------------------------------------- */

struct access *access_new(const struct access_options *o)
{
    struct access *a = XNEW(struct access);
    a->store = o->store;
    a->clock = o->clock;
    a->rng = o->rng;
    a->makes_orgs = !o->is_one_cell_of_several;
    a->cached_max = o->cached_max < 2 ? 2 : o->cached_max;
    if (o->jwt_secret.len > 0)
        a->jwt_secret = str_of(xmemdup(o->jwt_secret.ptr, o->jwt_secret.len), o->jwt_secret.len);
    a->uses = access_uses_new(o->store, o->clock);
    mutex_init(&a->lock);
    a->young = map_new();
    a->old = map_new();
    store_on_commit(o->store, access_on_commit, a);
    return a;
}

struct access_uses *access_uses_of(const struct access *a)
{
    return a->uses;
}

static void drop_generation(struct map *m)
{
    size_t at = 0;
    struct str key;
    void *value;
    while (map_next(m, &at, &key, &value))
        access_identity_unref(value);
    map_free(m);
}

void access_free(struct access *a)
{
    if (a == NULL)
        return;
    store_off_commit(a->store, access_on_commit, a);
    drop_generation(a->young);
    drop_generation(a->old);
    access_uses_free(a->uses);
    if (a->jwt_secret.len > 0) {
        char *secret = (char *)(uintptr_t)a->jwt_secret.ptr;
        mem_wipe(secret, a->jwt_secret.len);
        xfree(secret);
    }
    mutex_fini(&a->lock);
    xfree(a);
}

struct access_identity *access_identity_ref(struct access_identity *id)
{
    atomic_fetch_add_explicit(&id->_refs, 1, memory_order_relaxed);
    return id;
}

void access_identity_unref(struct access_identity *id)
{
    if (id != NULL && atomic_fetch_sub_explicit(&id->_refs, 1, memory_order_acq_rel) == 1)
        xfree(id);
}

static struct str access_put(char **at, struct str s)
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
struct access_identity *access_identity_new(const struct access_identity *from)
{
    size_t text = from->org_id.len + from->app_id.len + from->feature_flags.len +
                  from->session.len + from->name.len;
    struct access_identity *id = xcalloc(1, sizeof(*id) + text + 1);
    char *at = (char *)(id + 1);
    *id = *from;
    id->org_id = access_put(&at, from->org_id);
    id->app_id = access_put(&at, from->app_id);
    id->feature_flags = access_put(&at, from->feature_flags);
    id->session = access_put(&at, from->session);
    id->name = access_put(&at, from->name);
    atomic_init(&id->_refs, 1);
    return id;
}

static struct str hash_key(const uint8_t hash[static 32])
{
    return str_of((const char *)hash, 32);
}

static void insert_locked(struct access *a, struct access_identity *id)
{
    if (map_count(a->young) >= a->cached_max / 2) {
        drop_generation(a->old);
        a->old = a->young;
        a->young = map_new();
    }
    access_identity_unref(map_set(a->young, hash_key(id->hash), access_identity_ref(id)));
}

static struct access_identity *access_cached(struct access *a, const uint8_t hash[static 32])
{
    struct access_identity *gone = NULL;
    mutex_lock(&a->lock);
    struct access_identity *id = map_get(a->young, hash_key(hash));
    if (id == NULL) {
        id = map_remove(a->old, hash_key(hash));
        if (id != NULL) {
            insert_locked(a, id);
            access_identity_unref(id);
        }
    }
    if (id != NULL && id->_count != count_of(a, id)) {
        gone = map_remove(a->young, hash_key(hash));
        id = NULL;
    }
    if (id != NULL)
        access_identity_ref(id);
    mutex_unlock(&a->lock);
    access_identity_unref(gone);
    return id;
}

static bool is_live(const struct access *a, const struct access_identity *id)
{
    const struct clock *clock = id->token != 0 ? store_clock_later(a->store) : a->clock;
    return id->expires_us == 0 || clock_wall_us(clock) < id->expires_us;
}

enum rc access_find(struct access *a, struct access_proof proof, struct access_identity **out)
{
    if (proof.text.len == 0 || proof.text.len > ACCESS_TOKEN_MAX)
        return RC_DENIED;
    uint8_t hash[32];
    sign_sha256(proof.text, hash);
    struct access_identity *id = access_cached(a, hash);
    if (id == NULL)
        return RC_NOT_FOUND;
    if (!is_live(a, id) || (id->kind == STORE_TOKEN_SESSION) != proof.is_session) {
        access_identity_unref(id);
        return RC_DENIED;
    }
    *out = id;
    return RC_OK;
}

enum rc access_load(struct access *a, struct access_proof proof, struct access_identity **out,
                    struct buf *why)
{
    enum rc rc = access_find(a, proof, out);
    if (rc != RC_NOT_FOUND) {
        if (rc != RC_OK)
            buf_say(why, "Invalid token");
        return rc;
    }
    mutex_lock(&a->lock);
    uint64_t epoch = a->epoch;
    mutex_unlock(&a->lock);
    struct access_identity *id = NULL;
    rc = access_read(a, proof, &id, why);
    if (rc != RC_OK)
        return rc;
    mutex_lock(&a->lock);
    id->_count = count_of(a, id);
    if (a->epoch == epoch)
        insert_locked(a, id);
    mutex_unlock(&a->lock);
    *out = id;
    return RC_OK;
}

enum rc access_revoke(struct access *a, const struct access_identity *id)
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
    } else {
        rc = store_finish(tx, rc);
    }
    return rc;
}

static enum rc delete_owned(struct store_tx *tx, int64_t org, int64_t num, struct arena *arena)
{
    struct store_token token;
    enum rc rc = store_token_by_num(tx, num, arena, &token);
    if (rc == RC_OK && token.org != org)
        rc = RC_NOT_FOUND;
    return rc == RC_OK ? store_token_delete(tx, num) : rc;
}

enum rc access_revoke_num(struct access *a, int64_t org, int64_t num)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_write(a->store, &tx);
    if (rc != RC_OK)
        return rc;
    struct arena arena;
    arena_init(&arena);
    rc = delete_owned(tx, org, num, &arena);
    arena_fini(&arena);
    rc = store_finish(tx, rc);
    return rc;
}

static enum rc end_tokens(struct access *a, struct store_tx *tx, int64_t app, struct str session,
                          int64_t in_us)
{
    int64_t now = clock_wall_us(a->clock);
    int64_t at_us = clock_wall_us(store_clock(a->store)) + in_us;
    int64_t count = 0;
    enum rc rc = in_us > 0 ? store_token_shorten_app(tx, app, session, at_us)
                           : store_token_expire_app(tx, app, session, &count);
    if (rc != RC_OK || session.len > 0)
        return rc;
    return access_jwt_set_end(tx, app, now / 1000000, (now + in_us) / 1000000);
}

enum rc access_expire_app(struct access *a, int64_t app, struct str session, int64_t in_us)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_write(a->store, &tx);
    if (rc != RC_OK)
        return rc;
    rc = end_tokens(a, tx, app, session, in_us);
    rc = store_finish(tx, rc);
    return rc;
}
