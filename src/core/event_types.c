/* SPDX-License-Identifier: Apache-2.0
 *
 * See core/event_types.h. A list is put in with the count that was noted before it was read: what was
 * committed meanwhile makes it out of date at once, never wrong for long.
 */
#include "core/event_types.h"

#include "store/event_type.h"
#include "store/notes.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { ORGS_MAX = 1024, HASHES_MAX = 64 * 1024 * 1024 };

struct list {
    uint64_t generation;
    size_t count;
    uint64_t hashes[]; /* sorted */
};

struct core_event_types {
    struct store *store;
    _Atomic uint64_t generation; /* commits that touched event types */
    struct mutex lock;           /* guards the map and what is in it */
    struct map64 *by_org;
};

static void event_types_on_commit(void *ctx, const struct store_note *notes, size_t count)
{
    struct core_event_types *t = ctx;
    for (size_t i = 0; i < count; i++)
        if (notes[i].kind == STORE_NOTE_EVENT_TYPE)
            atomic_fetch_add(&t->generation, 1);
}

struct core_event_types *core_event_types_new(struct store *store)
{
    struct core_event_types *t = XNEW(struct core_event_types);
    t->store = store;
    mutex_init(&t->lock);
    t->by_org = map64_new();
    if (store != NULL) /* the reference is written without one */
        store_on_commit(store, event_types_on_commit, t);
    return t;
}

static void drop_all(struct core_event_types *t)
{
    size_t at = 0;
    uint64_t org = 0;
    void *list = NULL;
    while (map64_next(t->by_org, &at, &org, &list))
        xfree(list);
    map64_free(t->by_org);
    t->by_org = map64_new();
}

void core_event_types_free(struct core_event_types *t)
{
    if (t == NULL)
        return;
    if (t->store != NULL)
        store_off_commit(t->store, event_types_on_commit, t);
    drop_all(t);
    map64_free(t->by_org);
    mutex_fini(&t->lock);
    xfree(t);
}

static int compare_hash(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

enum core_listing core_event_types_find(struct core_event_types *t, int64_t org, struct str name)
{
    enum core_listing found = CORE_TYPES_UNREAD;
    uint64_t hash = str_hash(name);
    mutex_lock(&t->lock);
    const struct list *list = map64_get(t->by_org, (uint64_t)org);
    if (list != NULL && list->generation == atomic_load(&t->generation)) {
        bool is_there = list->count > 0 && bsearch(&hash, list->hashes, list->count, sizeof(hash),
                                                   compare_hash) != NULL;
        found = list->count == 0 ? CORE_TYPES_NONE
                : is_there       ? CORE_TYPE_LISTED
                                 : CORE_TYPE_UNLISTED;
    }
    mutex_unlock(&t->lock);
    return found;
}

/* --- reading ----------------------------------------------------------------------------------- */

static void note_name(void *ctx, struct str name)
{
    uint64_t hash = str_hash(name);
    enum rc rc = buf_add(ctx, &hash, sizeof(hash));
    (void)rc; /* of more names than anybody lists, the last are taken for unlisted */
}

static struct list *list_of(struct str hashes, uint64_t generation)
{
    struct list *list = xmalloc(sizeof(*list) + hashes.len);
    list->generation = generation;
    list->count = hashes.len / sizeof(uint64_t);
    if (list->count > 0) {
        memcpy(list->hashes, hashes.ptr, hashes.len);
        qsort(list->hashes, list->count, sizeof(uint64_t), compare_hash);
    }
    return list;
}

enum rc core_event_types_load(struct core_event_types *t, int64_t org)
{
    struct store_tx *tx = NULL;
    struct buf hashes;
    thread_must_be(THREAD_WORKER);
    uint64_t generation = atomic_load(&t->generation);
    enum rc rc = store_read(t->store, &tx);
    if (rc != RC_OK)
        return rc;
    buf_init(&hashes, HASHES_MAX);
    rc = store_event_type_names(tx, org, note_name, &hashes);
    store_end(tx);
    if (rc == RC_OK) {
        struct list *list = list_of(buf_str(&hashes), generation);
        mutex_lock(&t->lock);
        if (map64_count(t->by_org) >= ORGS_MAX)
            drop_all(t);
        xfree(map64_set(t->by_org, (uint64_t)org, list));
        mutex_unlock(&t->lock);
    }
    buf_fini(&hashes);
    return rc;
}
