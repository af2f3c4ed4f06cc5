/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache of views: a map by number, one by name, and a list in order of use. One mutex guards
 * them, held for a look-up only; views are made without it.
 *
 * A view that is being made may be out of date by the time it is ready. So each change counts a
 * generation up (one of GENERATIONS, by application), a maker notes the generation before it reads,
 * and puts its view in only if the generation is still the same. Who loses reads again.
 */
#include "core/directory.h"

#include "core/view_priv.h"

enum {
    GENERATIONS = 256,
    LISTENERS_MAX = 8,
    LOAD_TRIES = 8, /* then the view is handed out without being cached */
    NAME_MAX_BYTES = 1024
};

struct entry {
    struct core_app *app;
    struct entry *newer, *older;
};

struct listener {
    void (*fn)(void *ctx, int64_t app);
    void *ctx;
};

struct core_directory {
    struct core_view_source source;
    size_t apps_max;
    struct listener listeners[LISTENERS_MAX];
    size_t listener_count;
    struct mutex lock; /* guards what follows */
    struct map64 *by_num;
    struct map *by_name;
    struct entry *newest, *oldest;
    size_t count;
    uint64_t generations[GENERATIONS];
};

struct core_directory *core_directory_new(const struct core_directory_options *o)
{
    MUST(o->apps_max > 0);
    struct core_directory *d = XNEW(struct core_directory);
    d->source = (struct core_view_source){ o->store, o->vault, o->clock };
    d->apps_max = o->apps_max;
    mutex_init(&d->lock);
    d->by_num = map64_new();
    d->by_name = map_new();
    return d;
}

/* --- counted views ---------------------------------------------------------------------------- */

struct core_app *core_app_ref(struct core_app *app)
{
    atomic_fetch_add_explicit(&app->_refs, 1, memory_order_relaxed);
    return app;
}

void core_app_unref(struct core_app *app)
{
    if (app == NULL || atomic_fetch_sub_explicit(&app->_refs, 1, memory_order_acq_rel) != 1)
        return;
    struct arena arena = app->_arena; /* cleanups may look at the view until the last of them ran */
    arena_fini(&arena);
    xfree(app);
}

/* --- under the lock --------------------------------------------------------------------------- */

static struct str name_key(int64_t org, struct str name, char out[static NAME_MAX_BYTES])
{
    if (name.ptr == NULL || name.len == 0 || name.len > NAME_MAX_BYTES - sizeof(org))
        return STR_NONE;
    memcpy(out, &org, sizeof(org));
    memcpy(out + sizeof(org), name.ptr, name.len);
    return str_of(out, sizeof(org) + name.len);
}

static void set_name(struct core_directory *d, const struct core_app *app, struct str name,
                     struct entry *e)
{
    char text[NAME_MAX_BYTES];
    struct str key = name_key(app->org, name, text);
    if (key.len == 0)
        return;
    if (e != NULL)
        (void)map_set(d->by_name, key, e);
    else
        (void)map_remove(d->by_name, key);
}

static void unlink_entry(struct core_directory *d, struct entry *e)
{
    *(e->newer != NULL ? &e->newer->older : &d->newest) = e->older;
    *(e->older != NULL ? &e->older->newer : &d->oldest) = e->newer;
    e->newer = e->older = NULL;
}

static void link_newest(struct core_directory *d, struct entry *e)
{
    e->older = d->newest;
    *(d->newest != NULL ? &d->newest->newer : &d->oldest) = e;
    d->newest = e;
}

/* Takes the entry out; the view's reference goes to the caller. */
static struct core_app *take_out(struct core_directory *d, struct entry *e)
{
    struct core_app *app = e->app;
    unlink_entry(d, e);
    (void)map64_remove(d->by_num, (uint64_t)app->num);
    set_name(d, app, app->id, NULL);
    set_name(d, app, app->uid, NULL);
    d->count--;
    xfree(e);
    return app;
}

static struct core_app *put_in(struct core_directory *d, struct core_app *app)
{
    struct core_app *old = NULL;
    struct entry *e = map64_get(d->by_num, (uint64_t)app->num);
    if (e != NULL)
        old = take_out(d, e);
    else if (d->count == d->apps_max)
        old = take_out(d, d->oldest);
    e = XNEW(struct entry);
    e->app = core_app_ref(app);
    (void)map64_set(d->by_num, (uint64_t)app->num, e);
    set_name(d, app, app->id, e);
    set_name(d, app, app->uid, e);
    link_newest(d, e);
    d->count++;
    return old;
}

/* The view with a reference, and moved to the front; NULL for no entry or one gone stale. */
static struct core_app *use(struct core_directory *d, struct entry *e, int64_t now_us)
{
    if (e == NULL || e->app->fresh_until_us <= now_us)
        return NULL;
    if (d->newest != e) {
        unlink_entry(d, e);
        link_newest(d, e);
    }
    return core_app_ref(e->app);
}

void core_directory_free(struct core_directory *d)
{
    if (d == NULL)
        return;
    while (d->oldest != NULL)
        core_app_unref(take_out(d, d->oldest));
    map64_free(d->by_num);
    map_free(d->by_name);
    mutex_fini(&d->lock);
    xfree(d);
}

/* --- looking up ------------------------------------------------------------------------------- */

struct core_app *core_directory_get(struct core_directory *d, int64_t app)
{
    int64_t now_us = clock_wall_us(d->source.clock);
    mutex_lock(&d->lock);
    struct core_app *found = use(d, map64_get(d->by_num, (uint64_t)app), now_us);
    mutex_unlock(&d->lock);
    return found;
}

struct core_app *core_directory_find(struct core_directory *d, int64_t org, struct str id_or_uid)
{
    char text[NAME_MAX_BYTES];
    struct str key = name_key(org, id_or_uid, text);
    if (key.len == 0)
        return NULL;
    int64_t now_us = clock_wall_us(d->source.clock);
    mutex_lock(&d->lock);
    struct core_app *found = use(d, map_get(d->by_name, key), now_us);
    mutex_unlock(&d->lock);
    return found;
}

/* --- loading ---------------------------------------------------------------------------------- */

/* Caches the view unless the application changed since `generations` were noted. */
static bool cache_if_current(struct core_directory *d, struct core_app *app, const uint64_t *noted)
{
    struct core_app *old = NULL;
    size_t slot = (size_t)app->num % GENERATIONS;
    mutex_lock(&d->lock);
    bool is_current = d->generations[slot] == noted[slot];
    if (is_current)
        old = put_in(d, app);
    mutex_unlock(&d->lock);
    core_app_unref(old);
    return is_current;
}

static void note_generations(struct core_directory *d, uint64_t noted[static GENERATIONS])
{
    mutex_lock(&d->lock);
    memcpy(noted, d->generations, sizeof(d->generations));
    mutex_unlock(&d->lock);
}

static enum rc load(struct core_directory *d, const struct core_view_key *key,
                    struct core_app **out)
{
    uint64_t noted[GENERATIONS];
    for (int i = 0;; i++) {
        note_generations(d, noted);
        enum rc rc = core_view_load(&d->source, key, out);
        if (rc != RC_OK)
            return rc;
        if (cache_if_current(d, *out, noted) || i + 1 == LOAD_TRIES)
            return RC_OK;
        core_app_unref(*out);
    }
}

enum rc core_directory_load(struct core_directory *d, int64_t app, struct core_app **out)
{
    thread_must_be(THREAD_WORKER);
    *out = core_directory_get(d, app);
    if (*out != NULL)
        return RC_OK;
    return load(d, &(struct core_view_key){ .num = app }, out);
}

enum rc core_directory_load_named(struct core_directory *d, int64_t org, struct str id_or_uid,
                                  struct core_app **out)
{
    thread_must_be(THREAD_WORKER);
    *out = core_directory_find(d, org, id_or_uid);
    if (*out != NULL)
        return RC_OK;
    return load(d, &(struct core_view_key){ .org = org, .name = id_or_uid }, out);
}

/* --- changes ---------------------------------------------------------------------------------- */

/* Counts the change; true if the application is cached. */
static bool count_change(struct core_directory *d, int64_t app)
{
    mutex_lock(&d->lock);
    d->generations[(size_t)app % GENERATIONS]++;
    bool is_cached = map64_get(d->by_num, (uint64_t)app) != NULL;
    mutex_unlock(&d->lock);
    return is_cached;
}

static void forget(struct core_directory *d, int64_t app)
{
    struct core_app *old = NULL;
    mutex_lock(&d->lock);
    struct entry *e = map64_get(d->by_num, (uint64_t)app);
    if (e != NULL)
        old = take_out(d, e);
    mutex_unlock(&d->lock);
    core_app_unref(old);
}

/* One try: where somebody else changed the application meanwhile, or it cannot be read, it leaves
 * the cache instead, and the next who needs it reads the newest. */
static void swap(struct core_directory *d, int64_t app)
{
    uint64_t noted[GENERATIONS];
    struct core_app *fresh = NULL;
    note_generations(d, noted);
    bool is_swapped =
        core_view_load(&d->source, &(struct core_view_key){ .num = app }, &fresh) == RC_OK &&
        cache_if_current(d, fresh, noted);
    if (!is_swapped)
        forget(d, app);
    core_app_unref(fresh);
}

void core_directory_changed(struct core_directory *d, int64_t app)
{
    thread_must_be(THREAD_WORKER);
    if (count_change(d, app))
        swap(d, app);
    for (size_t i = 0; i < d->listener_count; i++)
        d->listeners[i].fn(d->listeners[i].ctx, app);
}

void core_directory_on_change(struct core_directory *d, void (*fn)(void *ctx, int64_t app),
                              void *ctx)
{
    MUST(d->listener_count < LISTENERS_MAX);
    d->listeners[d->listener_count++] = (struct listener){ fn, ctx };
}
