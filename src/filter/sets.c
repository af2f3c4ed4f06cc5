/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache of sets: a map by application, one by token, and a list by age. One mutex guards them,
 * held for a look-up only. A set that was read before a change came is not put in: each change
 * counts the generation up, and a loader compares.
 */
#include "filter/set.h"

struct entry {
    struct filter_set *set;
    struct entry *newer;
};

struct filter_sets {
    struct store *store;
    const struct sign_vault *vault;
    const struct clock *clock;
    size_t apps_max;
    struct mutex lock; /* guards what follows */
    struct map64 *by_app;
    struct map *by_token;
    struct entry *oldest, *newest;
    size_t count;
    uint64_t generation;
};

struct filter_sets *filter_sets_new(struct store *store, const struct sign_vault *vault,
                                    const struct clock *clock, size_t apps_max)
{
    struct filter_sets *s = XNEW(struct filter_sets);
    s->store = store;
    s->vault = vault;
    s->clock = clock;
    s->apps_max = apps_max;
    mutex_init(&s->lock);
    s->by_app = map64_new();
    s->by_token = map_new();
    return s;
}

/* --- under the lock ------------------------------------------------------------------------------------- */

static void set_tokens(struct filter_sets *s, struct entry *e, bool there)
{
    for (size_t i = 0; i < e->set->chain_count; i++) {
        const struct filter_chain_spec *c = &e->set->chains[i];
        const struct str hashes[] = { c->token_hash, c->old_hash };
        for (size_t k = 0; k < COUNT_OF(hashes); k++) {
            if (hashes[k].ptr == NULL)
                continue;
            if (there)
                (void)map_set(s->by_token, hashes[k], e);
            else
                (void)map_remove(s->by_token, hashes[k]);
        }
    }
}

static void unlink_entry(struct filter_sets *s, struct entry *e)
{
    struct entry *before = NULL;
    for (struct entry *at = s->oldest; at != e; at = at->newer)
        before = at;
    *(before != NULL ? &before->newer : &s->oldest) = e->newer;
    if (s->newest == e)
        s->newest = before;
}

/* The set's reference goes to the caller. */
static struct filter_set *take_out(struct filter_sets *s, struct entry *e)
{
    struct filter_set *set = e->set;
    unlink_entry(s, e);
    set_tokens(s, e, false);
    (void)map64_remove(s->by_app, (uint64_t)set->app);
    s->count--;
    xfree(e);
    return set;
}

static struct filter_set *put_in(struct filter_sets *s, struct filter_set *set)
{
    struct filter_set *old = NULL;
    struct entry *e = map64_get(s->by_app, (uint64_t)set->app);
    if (e != NULL)
        old = take_out(s, e);
    else if (s->count == s->apps_max)
        old = take_out(s, s->oldest);
    e = XNEW(struct entry);
    e->set = filter_set_ref(set);
    *(s->newest != NULL ? &s->newest->newer : &s->oldest) = e;
    s->newest = e;
    (void)map64_set(s->by_app, (uint64_t)set->app, e);
    set_tokens(s, e, true);
    s->count++;
    return old;
}

void filter_sets_free(struct filter_sets *s)
{
    if (s == NULL)
        return;
    while (s->oldest != NULL)
        filter_set_unref(take_out(s, s->oldest));
    map64_free(s->by_app);
    map_free(s->by_token);
    mutex_fini(&s->lock);
    xfree(s);
}

/* --- looking up ------------------------------------------------------------------------------------------- */

struct filter_set *filter_sets_get(struct filter_sets *s, int64_t app)
{
    mutex_lock(&s->lock);
    struct entry *e = map64_get(s->by_app, (uint64_t)app);
    struct filter_set *set = e == NULL ? NULL : filter_set_ref(e->set);
    mutex_unlock(&s->lock);
    return set;
}

static const struct filter_chain_spec *chain_of(const struct filter_set *set, struct str hash,
                                                int64_t now_us)
{
    for (size_t i = 0; i < set->chain_count; i++) {
        const struct filter_chain_spec *c = &set->chains[i];
        bool is_old = c->old_hash.ptr != NULL && str_eq(c->old_hash, hash);
        if ((c->token_hash.ptr != NULL && str_eq(c->token_hash, hash)) ||
            (is_old && c->old_until_us > now_us))
            return c;
    }
    return NULL;
}

static struct filter_set *by_hash(struct filter_sets *s, struct str hash,
                                  const struct filter_chain_spec **chain)
{
    mutex_lock(&s->lock);
    struct entry *e = map_get(s->by_token, hash);
    struct filter_set *set = e == NULL ? NULL : filter_set_ref(e->set);
    mutex_unlock(&s->lock);
    *chain = set == NULL ? NULL : chain_of(set, hash, clock_wall_us(s->clock));
    if (*chain != NULL)
        return set;
    filter_set_unref(set);
    return NULL;
}

struct filter_set *filter_sets_by_token(struct filter_sets *s, struct str token,
                                        const struct filter_chain_spec **chain)
{
    uint8_t hash[FILTER_TOKEN_HASH];
    filter_token_hash(token, hash);
    return by_hash(s, str_of((const char *)hash, sizeof(hash)), chain);
}

/* --- loading ---------------------------------------------------------------------------------------------- */

static enum rc read_set(struct filter_sets *s, int64_t app, struct filter_set **out)
{
    struct arena scratch;
    struct store_tx *tx = NULL;
    struct store_filter *filters = NULL;
    struct store_filter_chain *chains = NULL;
    size_t filter_count = 0, chain_count = 0;
    arena_init(&scratch);
    enum rc rc = store_read(s->store, &tx);
    if (rc == RC_OK)
        rc = store_filter_all(tx, app, &scratch, &filters, &filter_count);
    if (rc == RC_OK)
        rc = store_filter_chain_all(tx, app, &scratch, &chains, &chain_count);
    store_end(tx);
    if (rc == RC_OK)
        *out = filter_set_build(s->vault, app, filters, filter_count, chains, chain_count);
    arena_fini(&scratch);
    return rc;
}

enum rc filter_sets_load(struct filter_sets *s, int64_t app, struct filter_set **out)
{
    thread_must_be(THREAD_WORKER);
    *out = filter_sets_get(s, app);
    if (*out != NULL)
        return RC_OK;
    mutex_lock(&s->lock);
    uint64_t noted = s->generation;
    mutex_unlock(&s->lock);
    enum rc rc = read_set(s, app, out);
    if (rc != RC_OK)
        return rc;
    struct filter_set *old = NULL;
    mutex_lock(&s->lock);
    if (s->generation == noted)
        old = put_in(s, *out);
    mutex_unlock(&s->lock);
    filter_set_unref(old);
    return RC_OK;
}

enum rc filter_sets_load_token(struct filter_sets *s, struct str token, struct filter_set **out,
                               const struct filter_chain_spec **chain)
{
    uint8_t bytes[FILTER_TOKEN_HASH];
    struct arena scratch;
    struct store_tx *tx = NULL;
    struct store_filter_chain row = { 0 };
    thread_must_be(THREAD_WORKER);
    filter_token_hash(token, bytes);
    struct str hash = str_of((const char *)bytes, sizeof(bytes));
    arena_init(&scratch);
    enum rc rc = store_read(s->store, &tx);
    if (rc == RC_OK)
        rc = store_filter_chain_by_token(tx, hash, clock_wall_us(s->clock), &scratch, &row);
    store_end(tx);
    if (rc == RC_OK)
        rc = filter_sets_load(s, row.app, out);
    arena_fini(&scratch);
    if (rc != RC_OK)
        return rc;
    *chain = chain_of(*out, hash, clock_wall_us(s->clock));
    if (*chain != NULL)
        return RC_OK;
    filter_set_unref(*out);
    return RC_NOT_FOUND;
}

void filter_sets_changed(struct filter_sets *s, int64_t app)
{
    struct filter_set *old = NULL;
    mutex_lock(&s->lock);
    s->generation++;
    struct entry *e = map64_get(s->by_app, (uint64_t)app);
    if (e != NULL)
        old = take_out(s, e);
    mutex_unlock(&s->lock);
    filter_set_unref(old);
}
