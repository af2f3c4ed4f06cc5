/* SPDX-License-Identifier: Apache-2.0
 *
 * Views by the hash of a token, in two generations: what is used stays in the young one; when that
 * is full the old one is dropped. A change counts the epoch up, so that a view read before it is not
 * put in after it.
 */
#include "inbound/cache_priv.h"

struct inbound_cache {
    struct mutex lock; /* guards what follows */
    struct map *young, *old;
    size_t generation_max;
    uint64_t epoch;
};

struct inbound_cache *inbound_cache_new(size_t views_max)
{
    struct inbound_cache *c = XNEW(struct inbound_cache);
    mutex_init(&c->lock);
    c->young = map_new();
    c->old = map_new();
    c->generation_max = views_max < 2 ? 1 : views_max / 2;
    return c;
}

static void cache_drop(struct map *m)
{
    size_t at = 0;
    struct str key;
    void *value;
    while (map_next(m, &at, &key, &value))
        inbound_view_unref(value);
    map_free(m);
}

void inbound_cache_free(struct inbound_cache *c)
{
    if (c == NULL)
        return;
    cache_drop(c->young);
    cache_drop(c->old);
    mutex_fini(&c->lock);
    xfree(c);
}

static struct str cache_key_of(const uint8_t hash[static 32])
{
    return str_of((const char *)hash, 32);
}

/* Takes the reference over. */
static void cache_insert(struct inbound_cache *c, struct str key, struct inbound_view *v)
{
    if (map_count(c->young) >= c->generation_max) {
        cache_drop(c->old);
        c->old = c->young;
        c->young = map_new();
    }
    inbound_view_unref(map_set(c->young, key, v));
}

struct inbound_view *inbound_cache_find(struct inbound_cache *c, const uint8_t hash[static 32])
{
    struct str key = cache_key_of(hash);
    mutex_lock(&c->lock);
    struct inbound_view *v = map_get(c->young, key);
    if (v == NULL) {
        v = map_remove(c->old, key);
        if (v != NULL)
            cache_insert(c, key, v);
    }
    if (v != NULL)
        (void)inbound_view_ref(v);
    mutex_unlock(&c->lock);
    return v;
}

uint64_t inbound_cache_note(struct inbound_cache *c)
{
    mutex_lock(&c->lock);
    uint64_t epoch = c->epoch;
    mutex_unlock(&c->lock);
    return epoch;
}

void inbound_cache_put(struct inbound_cache *c, uint64_t noted, const uint8_t hash[static 32],
                       struct inbound_view *v)
{
    mutex_lock(&c->lock);
    if (c->epoch == noted)
        cache_insert(c, cache_key_of(hash), inbound_view_ref(v));
    mutex_unlock(&c->lock);
}

/* A map may not change while it is walked: one at a time. */
static bool forget_one(struct map *m, int64_t source)
{
    size_t at = 0;
    struct str key;
    void *value;
    while (map_next(m, &at, &key, &value)) {
        struct inbound_view *v = value;
        if (source == 0 || v->num == source) {
            (void)map_remove(m, key);
            inbound_view_unref(v);
            return true;
        }
    }
    return false;
}

void inbound_cache_forget(struct inbound_cache *c, int64_t source)
{
    mutex_lock(&c->lock);
    c->epoch++;
    while (forget_one(c->young, source) || forget_one(c->old, source))
        continue;
    mutex_unlock(&c->lock);
}

void inbound_cache_drop(struct inbound_cache *c, const uint8_t hash[static 32])
{
    mutex_lock(&c->lock);
    inbound_view_unref(map_remove(c->young, cache_key_of(hash)));
    inbound_view_unref(map_remove(c->old, cache_key_of(hash)));
    mutex_unlock(&c->lock);
}
