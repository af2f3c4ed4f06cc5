/* SPDX-License-Identifier: Apache-2.0
 *
 * A set that a change made stale stays until the next one is read, for those who cannot wait for that: a chain that
 * is asked at its URL has to answer as it is set, and a refusal would count as consent.
 *
 * The cache of sets: a map by application, one by token, and a list by age. One mutex guards them,
 * held for a look-up only. A set that was read before a change came is not put in: each change
 * counts the generation up, and a loader compares.
 */
#include "webfilter/set.h"

#include "store/application.h"
#include "store/held.h"
#include "store/notes.h"

struct entry {
    struct webfilter_set *set;
    bool is_stale;
    struct entry *newer;
};

struct webfilter_sets {
    struct store *store;
    const struct sign_vault *vault;
    size_t apps_max;
    struct mutex lock; /* guards what follows */
    struct map64 *by_app;
    struct map *by_token;
    struct entry *oldest, *newest;
    size_t count;
    uint64_t generation;
};

static void sets_on_commit(void *ctx, const struct store_note *notes, size_t count);

struct webfilter_sets *webfilter_sets_new(struct store *store, const struct sign_vault *vault,
                                          size_t apps_max)
{
    struct webfilter_sets *s = XNEW(struct webfilter_sets);
    s->store = store;
    s->vault = vault;
    s->apps_max = apps_max;
    mutex_init(&s->lock);
    s->by_app = map64_new();
    s->by_token = map_new();
    store_on_commit(store, sets_on_commit, s);
    return s;
}

/* --- under the lock ------------------------------------------------------------------------------------- */

static void set_tokens(struct webfilter_sets *s, struct entry *e, bool there)
{
    for (size_t i = 0; i < e->set->chain_count; i++) {
        const struct webfilter_chain_spec *c = &e->set->chains[i];
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

static void unlink_entry(struct webfilter_sets *s, struct entry *e)
{
    struct entry *before = NULL;
    for (struct entry *at = s->oldest; at != e; at = at->newer)
        before = at;
    *(before != NULL ? &before->newer : &s->oldest) = e->newer;
    if (s->newest == e)
        s->newest = before;
}

/* The set's reference goes to the caller. */
static struct webfilter_set *sets_take_out(struct webfilter_sets *s, struct entry *e)
{
    struct webfilter_set *set = e->set;
    unlink_entry(s, e);
    set_tokens(s, e, false);
    (void)map64_remove(s->by_app, (uint64_t)set->app);
    s->count--;
    xfree(e);
    return set;
}

/* The oldest that no URL leads to; the oldest, if URLs lead to all. */
static struct entry *least_needed(const struct webfilter_sets *s)
{
    for (struct entry *e = s->oldest; e != NULL; e = e->newer) {
        bool has_url = false;
        for (size_t i = 0; i < e->set->chain_count; i++)
            has_url = has_url || e->set->chains[i].token_hash.ptr != NULL;
        if (!has_url)
            return e;
    }
    return s->oldest;
}

static struct webfilter_set *put_in(struct webfilter_sets *s, struct webfilter_set *set)
{
    struct webfilter_set *old = NULL;
    struct entry *e = map64_get(s->by_app, (uint64_t)set->app);
    if (e != NULL)
        old = sets_take_out(s, e);
    else if (s->count == s->apps_max)
        old = sets_take_out(s, least_needed(s));
    e = XNEW(struct entry);
    e->set = webfilter_set_ref(set);
    *(s->newest != NULL ? &s->newest->newer : &s->oldest) = e;
    s->newest = e;
    (void)map64_set(s->by_app, (uint64_t)set->app, e);
    set_tokens(s, e, true);
    s->count++;
    return old;
}

void webfilter_sets_free(struct webfilter_sets *s)
{
    if (s == NULL)
        return;
    store_off_commit(s->store, sets_on_commit, s);
    while (s->oldest != NULL)
        webfilter_set_unref(sets_take_out(s, s->oldest));
    map64_free(s->by_app);
    map_free(s->by_token);
    mutex_fini(&s->lock);
    xfree(s);
}

/* --- looking up ------------------------------------------------------------------------------------------- */

struct webfilter_set *webfilter_sets_get(struct webfilter_sets *s, int64_t app)
{
    mutex_lock(&s->lock);
    struct entry *e = map64_get(s->by_app, (uint64_t)app);
    struct webfilter_set *set = e == NULL || e->is_stale ? NULL : webfilter_set_ref(e->set);
    mutex_unlock(&s->lock);
    return set;
}

static const struct webfilter_chain_spec *chain_of(const struct webfilter_set *set, struct str hash,
                                                   int64_t now_us)
{
    for (size_t i = 0; i < set->chain_count; i++) {
        const struct webfilter_chain_spec *c = &set->chains[i];
        bool is_old = c->old_hash.ptr != NULL && str_eq(c->old_hash, hash);
        if ((c->token_hash.ptr != NULL && str_eq(c->token_hash, hash)) ||
            (is_old && c->old_until_us > now_us))
            return c;
    }
    return NULL;
}

static struct webfilter_set *by_token(struct webfilter_sets *s, struct str token, bool also_stale,
                                      const struct webfilter_chain_spec **chain)
{
    uint8_t bytes[WEBFILTER_TOKEN_HASH];
    webfilter_token_hash(token, bytes);
    struct str hash = str_of((const char *)bytes, sizeof(bytes));
    mutex_lock(&s->lock);
    struct entry *e = map_get(s->by_token, hash);
    bool is_good = e != NULL && (also_stale || !e->is_stale);
    struct webfilter_set *set = is_good ? webfilter_set_ref(e->set) : NULL;
    mutex_unlock(&s->lock);
    *chain = set == NULL ? NULL : chain_of(set, hash, clock_wall_us(store_clock(s->store)));
    if (*chain != NULL)
        return set;
    webfilter_set_unref(set);
    return NULL;
}

struct webfilter_set *webfilter_sets_by_token(struct webfilter_sets *s, struct str token,
                                              const struct webfilter_chain_spec **chain)
{
    return by_token(s, token, false, chain);
}

struct webfilter_set *webfilter_sets_last(struct webfilter_sets *s, struct str token,
                                          const struct webfilter_chain_spec **chain)
{
    return by_token(s, token, true, chain);
}

/* --- loading ---------------------------------------------------------------------------------------------- */

static enum rc read_set(struct webfilter_sets *s, int64_t app, struct webfilter_set **out)
{
    struct arena scratch;
    struct store_tx *tx = NULL;
    struct store_application row = { 0 };
    struct store_filter *filters = NULL;
    struct store_filter_chain *chains = NULL;
    size_t filter_count = 0, chain_count = 0;
    arena_init(&scratch);
    enum rc rc = store_read(s->store, &tx);
    if (rc == RC_OK)
        rc = store_application_by_num(tx, app, &scratch, &row);
    if (rc == RC_OK && row.deleted)
        rc = RC_NOT_FOUND;
    if (rc == RC_OK)
        rc = store_filter_all(tx, app, &scratch, &filters, &filter_count);
    if (rc == RC_OK)
        rc = store_filter_chain_all(tx, app, &scratch, &chains, &chain_count);
    store_end(tx);
    if (rc == RC_OK) {
        *out = webfilter_set_build(s->vault, app, filters, filter_count, chains, chain_count);
        (*out)->org = row.org;
    }
    arena_fini(&scratch);
    return rc;
}

/* Not a loop thread. */
static enum rc load_set(struct webfilter_sets *s, int64_t app, struct webfilter_set **out)
{
    mutex_lock(&s->lock);
    uint64_t noted = s->generation;
    mutex_unlock(&s->lock);
    enum rc rc = read_set(s, app, out);
    if (rc != RC_OK)
        return rc;
    struct webfilter_set *old = NULL;
    mutex_lock(&s->lock);
    if (s->generation == noted)
        old = put_in(s, *out);
    mutex_unlock(&s->lock);
    webfilter_set_unref(old);
    return RC_OK;
}

enum rc webfilter_sets_load(struct webfilter_sets *s, int64_t app, struct webfilter_set **out)
{
    thread_must_be(THREAD_WORKER);
    *out = webfilter_sets_get(s, app);
    return *out != NULL ? RC_OK : load_set(s, app, out);
}

enum rc webfilter_sets_warm(struct webfilter_sets *s)
{
    struct arena scratch;
    struct store_tx *tx = NULL;
    struct webfilter_set *set = NULL;
    int64_t *apps = NULL;
    size_t count = 0;
    int64_t max = s->apps_max < WEBFILTER_WARM_MAX ? (int64_t)s->apps_max : WEBFILTER_WARM_MAX;
    arena_init(&scratch);
    enum rc rc = store_read(s->store, &tx);
    if (rc == RC_OK)
        rc = store_filter_chain_apps(tx, max, &scratch, &apps, &count);
    store_end(tx);
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        rc = load_set(s, apps[i], &set);
        if (rc == RC_OK)
            webfilter_set_unref(set);
    }
    arena_fini(&scratch);
    return rc;
}

enum rc webfilter_sets_load_token(struct webfilter_sets *s, struct str token,
                                  struct webfilter_set **out,
                                  const struct webfilter_chain_spec **chain)
{
    uint8_t bytes[WEBFILTER_TOKEN_HASH];
    struct arena scratch;
    struct store_tx *tx = NULL;
    struct store_filter_chain row = { 0 };
    thread_must_be(THREAD_WORKER);
    webfilter_token_hash(token, bytes);
    struct str hash = str_of((const char *)bytes, sizeof(bytes));
    arena_init(&scratch);
    enum rc rc = store_read(s->store, &tx);
    if (rc == RC_OK)
        rc = store_filter_chain_by_token(tx, hash, clock_wall_us(store_clock(s->store)), &scratch,
                                         &row);
    store_end(tx);
    if (rc == RC_OK)
        rc = webfilter_sets_load(s, row.app, out);
    arena_fini(&scratch);
    if (rc != RC_OK)
        return rc;
    *chain = chain_of(*out, hash, clock_wall_us(store_clock(s->store)));
    if (*chain != NULL)
        return RC_OK;
    webfilter_set_unref(*out);
    return RC_NOT_FOUND;
}

/* Nobody takes its set for the present one from now on. */
static bool mark_stale(struct webfilter_sets *s, int64_t app)
{
    mutex_lock(&s->lock);
    s->generation++;
    struct entry *e = map64_get(s->by_app, (uint64_t)app);
    if (e != NULL)
        e->is_stale = true;
    mutex_unlock(&s->lock);
    return e != NULL;
}

static void sets_forget(struct webfilter_sets *s, int64_t app)
{
    struct webfilter_set *old = NULL;
    mutex_lock(&s->lock);
    struct entry *e = map64_get(s->by_app, (uint64_t)app);
    if (e != NULL && e->is_stale)
        old = sets_take_out(s, e);
    mutex_unlock(&s->lock);
    webfilter_set_unref(old);
}

static void sets_change(struct webfilter_sets *s, int64_t app)
{
    struct webfilter_set *set = NULL;
    (void)mark_stale(s, app);
    enum rc rc = load_set(s, app, &set);
    if (rc == RC_OK)
        webfilter_set_unref(set);
    else if (rc == RC_NOT_FOUND)
        sets_forget(s, app);
    /* else the one before stays, for webfilter_sets_last() */
}

bool webfilter_sets_is_held(const struct webfilter_sets *s, const struct webfilter_set *set)
{
    return store_app_is_held(s->store, set->app);
}

/* Nobody says which applications changed: each set is read again when it is next used. */
static void mark_all_stale(struct webfilter_sets *s)
{
    mutex_lock(&s->lock);
    s->generation++;
    for (struct entry *e = s->oldest; e != NULL; e = e->newer)
        e->is_stale = true;
    mutex_unlock(&s->lock);
}

/* An application may be gone, and its set with it; of any other change its set knows nothing. */
static void sets_on_commit(void *ctx, const struct store_note *notes, size_t count)
{
    struct webfilter_sets *s = ctx;
    for (size_t i = 0; i < count; i++) {
        const struct store_note *n = &notes[i];
        bool is_app = n->kind == STORE_NOTE_APPLICATION;
        if (n->kind != STORE_NOTE_FILTERS && !is_app)
            continue;
        if (n->app == 0)
            mark_all_stale(s);
        else if (!is_app || mark_stale(s, n->app))
            sets_change(s, n->app);
    }
}
