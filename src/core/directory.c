/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache of views: a map by number, one by name, and a list in order of use. One mutex guards
 * them, held for a look-up only; views are made without it.
 *
 * A view that is being made may be out of date by the time it is ready. So each change counts a
 * generation up (one of GENERATIONS, by application), a maker notes the generation before it reads,
 * and puts its view in only if the generation is still the same. Who loses reads again. A view that is
 * made from the cached one goes in only for that one.
 */
#include "core/directory.h"

#include "core/view_priv.h"
#include "store/notes.h"

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
    void (*fn)(void *ctx, int64_t app, int64_t what);
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

static void directory_on_commit(void *ctx, const struct store_note *notes, size_t count);

struct core_directory *core_directory_new(const struct core_directory_options *o)
{
    MUST(o->apps_max > 0);
    struct core_directory *d = XNEW(struct core_directory);
    d->source = (struct core_view_source){ o->store, o->vault, o->clock, o->targets };
    d->apps_max = o->apps_max;
    mutex_init(&d->lock);
    d->by_num = map64_new();
    d->by_name = map_new();
    store_on_commit(o->store, directory_on_commit, d);
    return d;
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
static struct core_app *directory_take_out(struct core_directory *d, struct entry *e)
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
        old = directory_take_out(d, e);
    else if (d->count == d->apps_max)
        old = directory_take_out(d, d->oldest);
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
static struct core_app *directory_use(struct core_directory *d, struct entry *e, int64_t now_us)
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
    store_off_commit(d->source.store, directory_on_commit, d);
    while (d->oldest != NULL)
        core_app_unref(directory_take_out(d, d->oldest));
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
    struct core_app *found = directory_use(d, map64_get(d->by_num, (uint64_t)app), now_us);
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
    struct core_app *found = directory_use(d, map_get(d->by_name, key), now_us);
    mutex_unlock(&d->lock);
    return found;
}

/* --- loading ---------------------------------------------------------------------------------- */

/* Caches the view unless the application changed since `generations` were noted, or what it was made from
 * (NULL: from all rows) is no longer the cached one. */
static bool cache_if_current(struct core_directory *d, struct core_app *app, const uint64_t *noted,
                             const struct core_app *from)
{
    struct core_app *old = NULL;
    size_t slot = (size_t)app->num % GENERATIONS;
    mutex_lock(&d->lock);
    const struct entry *e = map64_get(d->by_num, (uint64_t)app->num);
    bool is_current =
        d->generations[slot] == noted[slot] && (from == NULL || (e != NULL && e->app == from));
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

/* The view as it is cached, stale or not. */
static struct core_app *directory_cached(struct core_directory *d, int64_t app)
{
    mutex_lock(&d->lock);
    const struct entry *e = map64_get(d->by_num, (uint64_t)app);
    struct core_app *found = e == NULL ? NULL : core_app_ref(e->app);
    mutex_unlock(&d->lock);
    return found;
}

static struct core_app *cached_named(struct core_directory *d, int64_t org, struct str name)
{
    char text[NAME_MAX_BYTES];
    struct str key = name_key(org, name, text);
    if (key.len == 0)
        return NULL;
    mutex_lock(&d->lock);
    const struct entry *e = map_get(d->by_name, key);
    struct core_app *found = e == NULL ? NULL : core_app_ref(e->app);
    mutex_unlock(&d->lock);
    return found;
}

/* Puts in the view that a change leaves of the cached one. Not swapped: somebody else changed the application
 * meanwhile, so that it may be out of date. RC_NOT_FOUND: it is not cached, or it is no more. RC_IO. */
static enum rc try_swap(struct core_directory *d, int64_t app, int64_t what, struct core_app **out)
{
    uint64_t noted[GENERATIONS];
    note_generations(d, noted);
    struct core_app *old = directory_cached(d, app);
    *out = NULL;
    if (old == NULL)
        return RC_NOT_FOUND;
    enum rc rc = core_view_renew(&d->source, old, what, out);
    if (rc == RC_OK && !cache_if_current(d, *out, noted, old)) {
        core_app_unref(*out);
        *out = NULL;
    }
    core_app_unref(old);
    return rc;
}

/* A cached view of which an old key has ended: only its endpoint is read again. NULL: there is none, or it
 * cannot be helped that way. */
static struct core_app *directory_freshen(struct core_directory *d, struct core_app *stale)
{
    struct core_app *fresh = NULL;
    size_t count = 0;
    if (stale == NULL || stale->fresh_until_us > clock_wall_us(d->source.clock))
        return NULL;
    int64_t ended = core_index_at(&stale->_ending, 0, &count)->ep->num;
    enum rc rc = try_swap(d, stale->num, ended, &fresh);
    return rc == RC_OK ? fresh : NULL;
}

static enum rc directory_load(struct core_directory *d, const struct core_view_key *key,
                              struct core_app **out)
{
    uint64_t noted[GENERATIONS];
    struct core_app *stale =
        key->num != 0 ? directory_cached(d, key->num) : cached_named(d, key->org, key->name);
    *out = directory_freshen(d, stale);
    core_app_unref(stale);
    if (*out != NULL)
        return RC_OK;
    for (int i = 0;; i++) {
        note_generations(d, noted);
        enum rc rc = core_view_load(&d->source, key, out);
        if (rc != RC_OK)
            return rc;
        if (cache_if_current(d, *out, noted, NULL) || i + 1 == LOAD_TRIES)
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
    return directory_load(d, &(struct core_view_key){ .num = app, .org = 0, .name = STR_NONE },
                          out);
}

enum rc core_directory_load_named(struct core_directory *d, int64_t org, struct str id_or_uid,
                                  struct core_app **out)
{
    thread_must_be(THREAD_WORKER);
    *out = core_directory_find(d, org, id_or_uid);
    if (*out != NULL)
        return RC_OK;
    return directory_load(d, &(struct core_view_key){ .num = 0, .org = org, .name = id_or_uid },
                          out);
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

static void directory_forget(struct core_directory *d, int64_t app)
{
    struct core_app *old = NULL;
    mutex_lock(&d->lock);
    struct entry *e = map64_get(d->by_num, (uint64_t)app);
    if (e != NULL)
        old = directory_take_out(d, e);
    mutex_unlock(&d->lock);
    core_app_unref(old);
}

/* A view that cannot be made leaves the cache, and the next who needs it reads the newest. */
static void directory_swap(struct core_directory *d, int64_t app, int64_t what)
{
    struct core_app *fresh = NULL;
    enum rc rc = RC_OK;
    for (int i = 0; i < LOAD_TRIES && rc == RC_OK && fresh == NULL; i++)
        rc = try_swap(d, app, what, &fresh);
    if (fresh == NULL)
        directory_forget(d, app);
    core_app_unref(fresh);
}

static void directory_tell(struct core_directory *d, int64_t app, int64_t what)
{
    for (size_t i = 0; i < d->listener_count; i++)
        d->listeners[i].fn(d->listeners[i].ctx, app, what);
}

static void directory_change(struct core_directory *d, int64_t app, int64_t what)
{
    if (count_change(d, app))
        directory_swap(d, app, what);
    directory_tell(d, app, what);
}

/* A view that is being made may have read the health from before: it counts as a change. */
static void take_health(struct core_directory *d, int64_t app, int64_t endpoint)
{
    (void)count_change(d, app);
    struct core_app *view = directory_cached(d, app);
    if (view != NULL && core_view_health(&d->source, view, endpoint) != RC_OK)
        directory_forget(d, app);
    core_app_unref(view);
}

/* False: there is none left. */
static bool forget_oldest(struct core_directory *d)
{
    mutex_lock(&d->lock);
    struct core_app *old = d->oldest == NULL ? NULL : directory_take_out(d, d->oldest);
    mutex_unlock(&d->lock);
    core_app_unref(old);
    return old != NULL;
}

/* Nobody says which applications changed. */
static void forget_all(struct core_directory *d)
{
    mutex_lock(&d->lock);
    for (size_t i = 0; i < GENERATIONS; i++)
        d->generations[i]++;
    mutex_unlock(&d->lock);
    while (forget_oldest(d))
        continue;
    directory_tell(d, 0, CORE_CHANGED_ALL);
}

/* Its name may be another one, or it lives elsewhere. What others keep of its applications they look up again, and those of
 * other organisations are found where they were. */
static void forget_org(struct core_directory *d, int64_t org)
{
    struct entry *next = NULL;
    if (org == 0) {
        forget_all(d);
        return;
    }
    mutex_lock(&d->lock);
    for (size_t i = 0; i < GENERATIONS; i++)
        d->generations[i]++;
    for (struct entry *e = d->oldest; e != NULL; e = next) {
        next = e->newer;
        if (e->app->org == org)
            core_app_unref(directory_take_out(d, e));
    }
    mutex_unlock(&d->lock);
    directory_tell(d, 0, CORE_CHANGED_ALL);
}

static void take_note(struct core_directory *d, const struct store_note *n)
{
    switch (n->kind) {
    case STORE_NOTE_APPLICATION:
        if (n->app == 0)
            forget_all(d);
        else
            directory_change(d, n->app, CORE_CHANGED_ITSELF);
        break;
    case STORE_NOTE_ENDPOINT:
    case STORE_NOTE_HEALTH:
        if (n->app == 0)
            forget_all(d);
        else if (n->id == 0)
            directory_change(d, n->app, CORE_CHANGED_ALL);
        else if (n->kind == STORE_NOTE_HEALTH)
            take_health(d, n->app, n->id);
        else
            directory_change(d, n->app, n->id);
        break;
    case STORE_NOTE_ORGANISATION: forget_org(d, n->id); break;
    case STORE_NOTE_SOURCE:
    case STORE_NOTE_FILTERS:
    case STORE_NOTE_TOKEN:
    case STORE_NOTE_EVENT_TYPE:
    default: break;
    }
}

static void directory_on_commit(void *ctx, const struct store_note *notes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        take_note(ctx, &notes[i]);
}

void core_directory_on_change(struct core_directory *d,
                              void (*fn)(void *ctx, int64_t app, int64_t what), void *ctx)
{
    MUST(d->listener_count < LISTENERS_MAX);
    d->listeners[d->listener_count++] = (struct listener){ fn, ctx };
}
