/* SPDX-License-Identifier: Apache-2.0
 *
 * Hash maps: open addressing, linear probing, at most three quarters full. Removing moves the entries
 * behind back, so that there are no tombstones. The map of bytes is the core; the map of numbers is
 * a twin with the key in the entry.
 */
#include "base/map.h"

#include "base/hash.h"
#include "base/mem.h"

enum { CAP_LEAST = 8 };

struct entry {
    char *key; /* owned; NULL: the entry is free */
    size_t len;
    uint64_t hash;
    void *value;
};

struct map {
    struct entry *entries;
    size_t cap; /* a power of two, or 0 */
    size_t count;
};

struct map *map_new(void)
{
    return XNEW(struct map);
}

void map_free(struct map *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->cap; i++)
        xfree(m->entries[i].key);
    xfree(m->entries);
    xfree(m);
}

/* The entry of `key`, or the free one where it would go. There is always a free one. */
static struct entry *map_seek(const struct map *m, struct str key, uint64_t hash)
{
    size_t at = hash & (m->cap - 1);
    for (;; at = (at + 1) & (m->cap - 1)) {
        struct entry *e = &m->entries[at];
        if (e->key == NULL || (e->hash == hash && str_eq(str_of(e->key, e->len), key)))
            return e;
    }
}

void *map_get(const struct map *m, struct str key)
{
    if (m->count == 0)
        return NULL;
    return map_seek(m, key, str_hash(key))->value;
}

static void map_grow(struct map *m)
{
    struct entry *old = m->entries;
    size_t old_cap = m->cap;
    m->cap = old_cap == 0 ? CAP_LEAST : old_cap * 2;
    m->entries = xcalloc(m->cap, sizeof(*m->entries));
    for (size_t i = 0; i < old_cap; i++)
        if (old[i].key != NULL)
            *map_seek(m, str_of(old[i].key, old[i].len), old[i].hash) = old[i];
    xfree(old);
}

void *map_set(struct map *m, struct str key, void *value)
{
    if ((m->count + 1) * 4 > m->cap * 3)
        map_grow(m);
    uint64_t hash = str_hash(key);
    struct entry *e = map_seek(m, key, hash);
    void *before = e->value;
    if (e->key == NULL) {
        *e = (struct entry){ xmemdup(key.ptr, key.len), key.len, hash, NULL };
        m->count++;
    }
    e->value = value;
    return before;
}

/* True if an entry whose home is `home` may not move from `from` back to `gap`. */
static bool must_stay(size_t home, size_t gap, size_t from)
{
    if (gap <= from)
        return home > gap && home <= from;
    return home > gap || home <= from;
}

void *map_remove(struct map *m, struct str key)
{
    if (m->count == 0)
        return NULL;
    struct entry *e = map_seek(m, key, str_hash(key));
    if (e->key == NULL)
        return NULL;
    void *value = e->value;
    xfree(e->key);
    m->count--;
    size_t mask = m->cap - 1;
    size_t gap = (size_t)(e - m->entries);
    for (size_t at = (gap + 1) & mask; m->entries[at].key != NULL; at = (at + 1) & mask) {
        if (must_stay(m->entries[at].hash & mask, gap, at))
            continue;
        m->entries[gap] = m->entries[at];
        gap = at;
    }
    m->entries[gap] = (struct entry){ 0 };
    return value;
}

size_t map_count(const struct map *m)
{
    return m->count;
}

bool map_next(const struct map *m, size_t *at, struct str *key, void **value)
{
    while (*at < m->cap) {
        const struct entry *e = &m->entries[(*at)++];
        if (e->key == NULL)
            continue;
        *key = str_of(e->key, e->len);
        *value = e->value;
        return true;
    }
    return false;
}

struct entry64 {
    uint64_t key;
    void *value;
    bool is_used;
};

struct map64 {
    struct entry64 *entries;
    size_t cap; /* a power of two, or 0 */
    size_t count;
};

struct map64 *map64_new(void)
{
    return XNEW(struct map64);
}

void map64_free(struct map64 *m)
{
    if (m == NULL)
        return;
    xfree(m->entries);
    xfree(m);
}

static struct entry64 *map64_seek(const struct map64 *m, uint64_t key)
{
    size_t at = str_hash_u64(key) & (m->cap - 1);
    while (m->entries[at].is_used && m->entries[at].key != key)
        at = (at + 1) & (m->cap - 1);
    return &m->entries[at];
}

void *map64_get(const struct map64 *m, uint64_t key)
{
    return m->count == 0 ? NULL : map64_seek(m, key)->value;
}

static void map64_grow(struct map64 *m)
{
    struct entry64 *old = m->entries;
    size_t old_cap = m->cap;
    m->cap = old_cap == 0 ? CAP_LEAST : old_cap * 2;
    m->entries = xcalloc(m->cap, sizeof(*m->entries));
    for (size_t i = 0; i < old_cap; i++)
        if (old[i].is_used)
            *map64_seek(m, old[i].key) = old[i];
    xfree(old);
}

void *map64_set(struct map64 *m, uint64_t key, void *value)
{
    if ((m->count + 1) * 4 > m->cap * 3)
        map64_grow(m);
    struct entry64 *e = map64_seek(m, key);
    void *before = e->value;
    m->count += !e->is_used;
    *e = (struct entry64){ key, value, true };
    return before;
}

void *map64_remove(struct map64 *m, uint64_t key)
{
    if (m->count == 0)
        return NULL;
    struct entry64 *e = map64_seek(m, key);
    if (!e->is_used)
        return NULL;
    void *value = e->value;
    m->count--;
    size_t mask = m->cap - 1;
    size_t gap = (size_t)(e - m->entries);
    for (size_t at = (gap + 1) & mask; m->entries[at].is_used; at = (at + 1) & mask) {
        if (must_stay(str_hash_u64(m->entries[at].key) & mask, gap, at))
            continue;
        m->entries[gap] = m->entries[at];
        gap = at;
    }
    m->entries[gap] = (struct entry64){ 0 };
    return value;
}

size_t map64_count(const struct map64 *m)
{
    return m->count;
}

bool map64_next(const struct map64 *m, size_t *at, uint64_t *key, void **value)
{
    while (*at < m->cap) {
        const struct entry64 *e = &m->entries[(*at)++];
        if (!e->is_used)
            continue;
        *key = e->key;
        *value = e->value;
        return true;
    }
    return false;
}
