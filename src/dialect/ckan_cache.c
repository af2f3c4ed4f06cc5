/* SPDX-License-Identifier: Apache-2.0
 *
 * What the CKAN site said about users, kept for a short time, shared by all workers. Bounded in entries and in
 * bytes: when either is reached everything is forgotten, which costs the site a question each.
 */
#include "dialect/ckan_cache_priv.h"

enum { ENTRIES_MAX = 10000, BYTES_MAX = 16 * 1024 * 1024 };

struct entry {
    int64_t until_us;
    size_t len;
    char text[];
};

struct ckan_cache {
    struct mutex lock;
    const struct clock *clock;
    int64_t keep_us;
    struct map *entries;
    size_t bytes;
};

struct ckan_cache *ckan_cache_new(const struct clock *clock, int64_t keep_us)
{
    struct ckan_cache *cache = XNEW(struct ckan_cache);
    mutex_init(&cache->lock);
    cache->clock = clock;
    cache->keep_us = keep_us;
    cache->entries = map_new();
    return cache;
}

static void forget_all(struct ckan_cache *cache)
{
    size_t at = 0;
    struct str key;
    void *value = NULL;
    while (map_next(cache->entries, &at, &key, &value))
        xfree(value);
    map_free(cache->entries);
    cache->entries = map_new();
    cache->bytes = 0;
}

void ckan_cache_free(struct ckan_cache *cache)
{
    if (cache == NULL)
        return;
    forget_all(cache);
    map_free(cache->entries);
    mutex_fini(&cache->lock);
    xfree(cache);
}

bool ckan_cache_get(struct ckan_cache *cache, struct str key, struct arena *a, struct str *out)
{
    mutex_lock(&cache->lock);
    const struct entry *e = map_get(cache->entries, key);
    bool is_known = e != NULL && e->until_us > clock_mono_us(cache->clock);
    if (is_known)
        *out = arena_str(a, str_of(e->text, e->len));
    mutex_unlock(&cache->lock);
    return is_known;
}

void ckan_cache_put(struct ckan_cache *cache, struct str key, struct str text)
{
    size_t size = sizeof(struct entry) + text.len;
    if (size > BYTES_MAX)
        return;
    struct entry *e = xmalloc(size);
    e->until_us = clock_mono_us(cache->clock) + cache->keep_us;
    e->len = text.len;
    if (text.len > 0)
        memcpy(e->text, text.ptr, text.len);
    mutex_lock(&cache->lock);
    if (map_count(cache->entries) >= ENTRIES_MAX || cache->bytes + size > BYTES_MAX)
        forget_all(cache);
    struct entry *old = map_set(cache->entries, key, e);
    cache->bytes += size - (old == NULL ? 0 : sizeof(struct entry) + old->len);
    mutex_unlock(&cache->lock);
    xfree(old);
}
