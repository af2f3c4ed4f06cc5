/* SPDX-License-Identifier: Apache-2.0
 *
 * Where things are, in two generations: what is used stays in the young one; when that is full, the old one is dropped. What
 * is nowhere is in two of its own, which also end with time: somebody may make it.
 */
#include "cells/cells_priv.h"

enum { PLACES_MAX = 65536, NOWHERE_MAX = 8192 };

struct cells_memory {
    struct mutex lock; /* guards what follows */
    struct map *young, *old;
    struct map *nowhere, *nowhere_old;
    int64_t turned_us; /* when `nowhere` became old */
};

struct cells_memory *cells_memory_new(void)
{
    struct cells_memory *m = XNEW(struct cells_memory);
    mutex_init(&m->lock);
    m->young = map_new();
    m->old = map_new();
    m->nowhere = map_new();
    m->nowhere_old = map_new();
    return m;
}

void cells_memory_free(struct cells_memory *m)
{
    map_free(m->young);
    map_free(m->old);
    map_free(m->nowhere);
    map_free(m->nowhere_old);
    mutex_fini(&m->lock);
    xfree(m);
}

static struct str memory_key(const uint8_t hash[static 32])
{
    return str_of((const char *)hash, 32);
}

/* A place is kept as a pointer that is never NULL. */
static void *value_of(int where)
{
    return (void *)(uintptr_t)(where + 1);
}

static void turn_map(struct map **young, struct map **old)
{
    map_free(*old);
    *old = *young;
    *young = map_new();
}

static void keep_place(struct cells_memory *m, struct str key, void *value)
{
    if (map_count(m->young) >= PLACES_MAX)
        turn_map(&m->young, &m->old);
    (void)map_set(m->young, key, value);
}

static void let_time_pass(struct cells_memory *m)
{
    int64_t now_us = clock_mono_us(clock_system());
    if (now_us - m->turned_us < CELLS_NOWHERE_US && map_count(m->nowhere) < NOWHERE_MAX)
        return;
    if (now_us - m->turned_us >= 2 * (int64_t)CELLS_NOWHERE_US) /* nobody looked for so long */
        turn_map(&m->nowhere, &m->nowhere_old);
    turn_map(&m->nowhere, &m->nowhere_old);
    m->turned_us = now_us;
}

int cells_memory_find(struct cells_memory *m, const uint8_t hash[static 32])
{
    struct str key = memory_key(hash);
    int where = CELLS_NOT_REMEMBERED;
    mutex_lock(&m->lock);
    let_time_pass(m);
    void *value = map_get(m->young, key);
    if (value == NULL && (value = map_remove(m->old, key)) != NULL)
        keep_place(m, key, value);
    if (value != NULL)
        where = (int)(uintptr_t)value - 1;
    else if (map_get(m->nowhere, key) != NULL || map_get(m->nowhere_old, key) != NULL)
        where = CELLS_NOWHERE;
    mutex_unlock(&m->lock);
    return where;
}

void cells_memory_put(struct cells_memory *m, const uint8_t hash[static 32], int where)
{
    mutex_lock(&m->lock);
    let_time_pass(m);
    if (where >= 0)
        keep_place(m, memory_key(hash), value_of(where));
    else
        (void)map_set(m->nowhere, memory_key(hash), m);
    mutex_unlock(&m->lock);
}

void cells_memory_forget(struct cells_memory *m, const uint8_t hash[static 32])
{
    mutex_lock(&m->lock);
    (void)map_remove(m->young, memory_key(hash));
    (void)map_remove(m->old, memory_key(hash));
    mutex_unlock(&m->lock);
}

void cells_memory_clear(struct cells_memory *m)
{
    mutex_lock(&m->lock);
    for (int i = 0; i < 2; i++) {
        turn_map(&m->young, &m->old);
        turn_map(&m->nowhere, &m->nowhere_old);
    }
    mutex_unlock(&m->lock);
}
