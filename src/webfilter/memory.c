/* SPDX-License-Identifier: Apache-2.0
 *
 * What is remembered between runs: how filters have been doing, and answers that are good for a
 * while. Loops meet here, so there is a lock, held for a look-up or the copy of one answer. Bounded;
 * what is forgotten costs one more request.
 */
#include "webfilter/chain_priv.h"

enum { HEALTH_MAX = 10000, KEY_TEXT_MAX = 1 << 29 /* above any request body */ };

struct health {
    int64_t version;       /* the filter's updated_us: what was changed begins anew */
    int failures;          /* in a row */
    int64_t open_until_us; /* monotonic; 0: closed */
};

struct cached {
    uint8_t key[32];
    int64_t until_us; /* monotonic */
    int status;
    char *body;
    size_t len;
};

struct webfilter_memory {
    struct mutex lock;                         /* guards what follows */
    struct map64 *health;                      /* by filter number */
    struct map *cached;                        /* by key */
    struct cached *ring[WEBFILTER_CACHED_MAX]; /* by age, for making room */
    size_t ring_at;
};

struct webfilter_memory *webfilter_memory_new(void)
{
    struct webfilter_memory *m = XNEW(struct webfilter_memory);
    mutex_init(&m->lock);
    m->health = map64_new();
    m->cached = map_new();
    return m;
}

static void free_cached(struct cached *c)
{
    mem_wipe(c->body, c->len);
    xfree(c->body);
    xfree(c);
}

static void forget_health(struct webfilter_memory *m)
{
    size_t at = 0;
    uint64_t key;
    void *value;
    while (map64_next(m->health, &at, &key, &value))
        xfree(value);
    map64_free(m->health);
}

void webfilter_memory_free(struct webfilter_memory *m)
{
    forget_health(m);
    map_free(m->cached);
    for (size_t i = 0; i < WEBFILTER_CACHED_MAX; i++)
        if (m->ring[i] != NULL)
            free_cached(m->ring[i]);
    mutex_fini(&m->lock);
    xfree(m);
}

/* --- breakers --------------------------------------------------------------------------------------------- */

static struct health *find_health(const struct webfilter_memory *m,
                                  const struct webfilter_spec *spec)
{
    struct health *h = map64_get(m->health, (uint64_t)spec->num);
    return h != NULL && h->version == spec->updated_us ? h : NULL;
}

bool webfilter_health_allows(struct webfilter_memory *m, const struct webfilter_spec *spec,
                             int64_t now_us, bool *is_probe)
{
    bool allows = true;
    *is_probe = false;
    if (spec->breaker_failures == 0)
        return true;
    mutex_lock(&m->lock);
    struct health *h = find_health(m, spec);
    if (h != NULL && h->open_until_us != 0) {
        allows = *is_probe = h->open_until_us <= now_us;
        if (allows)
            h->open_until_us = now_us + spec->breaker_us; /* the others wait for what it says */
    }
    mutex_unlock(&m->lock);
    return allows;
}

void webfilter_health_forget_probe(struct webfilter_memory *m, const struct webfilter_spec *spec,
                                   int64_t now_us)
{
    mutex_lock(&m->lock);
    struct health *h = find_health(m, spec);
    if (h != NULL && h->open_until_us != 0)
        h->open_until_us = now_us;
    mutex_unlock(&m->lock);
}

static struct health *health_of(struct webfilter_memory *m, const struct webfilter_spec *spec)
{
    struct health *h = find_health(m, spec);
    if (h != NULL)
        return h;
    if (map64_count(m->health) == HEALTH_MAX) { /* start anew rather than grow */
        forget_health(m);
        m->health = map64_new();
    }
    h = XNEW(struct health);
    h->version = spec->updated_us;
    xfree(map64_set(m->health, (uint64_t)spec->num, h));
    return h;
}

/* True: it was open, and has closed. */
static bool note_answer(struct webfilter_memory *m, const struct webfilter_spec *spec)
{
    struct health *h = map64_remove(m->health, (uint64_t)spec->num);
    bool was_open = h != NULL && h->version == spec->updated_us && h->open_until_us != 0;
    xfree(h);
    return was_open;
}

/* How many in a row opened it; 0: it has not opened by this one. */
static int note_failure(struct webfilter_memory *m, const struct webfilter_spec *spec,
                        int64_t now_us)
{
    struct health *h = health_of(m, spec);
    h->failures++;
    if (h->failures < spec->breaker_failures)
        return 0;
    bool was_open = h->open_until_us != 0;
    h->open_until_us = now_us + spec->breaker_us;
    return was_open ? 0 : h->failures;
}

void webfilter_health_note(struct webfilter_memory *m, const struct webfilter_spec *spec,
                           bool failed, int64_t now_us)
{
    if (spec->breaker_failures == 0)
        return;
    mutex_lock(&m->lock);
    int opened_by = failed ? note_failure(m, spec, now_us) : 0;
    bool has_closed = !failed && note_answer(m, spec);
    mutex_unlock(&m->lock);
    if (opened_by > 0)
        LOG(FILTER_BREAKER_OPENED, F_STR("filter", spec->id), F_INT("failures", opened_by),
            F_INT("park_ms", spec->breaker_us / 1000));
    if (has_closed)
        LOG(FILTER_BREAKER_CLOSED, F_STR("filter", spec->id));
}

size_t webfilter_open_breakers(struct webfilter_engine *e, struct webfilter_open *out, size_t max)
{
    struct webfilter_memory *m = e->memory;
    int64_t now_us = clock_mono_us(e->o.clock);
    size_t at = 0;
    size_t count = 0;
    uint64_t key = 0;
    void *value = NULL;
    mutex_lock(&m->lock);
    while (count < max && map64_next(m->health, &at, &key, &value)) {
        const struct health *h = value;
        if (h->open_until_us != 0)
            out[count++] = (struct webfilter_open){ .filter = (int64_t)key,
                                                    .updated_us = h->version,
                                                    .left_us = h->open_until_us > now_us
                                                                   ? h->open_until_us - now_us
                                                                   : 0,
                                                    .failures = h->failures };
    }
    mutex_unlock(&m->lock);
    return count;
}

/* --- cached answers ---------------------------------------------------------------------------------------- */

void webfilter_cache_key(const struct webfilter_spec *spec, const json_t *data,
                         uint8_t key[static 32])
{
    struct buf text;
    buf_init(&text, KEY_TEXT_MAX);
    enum rc rc = buf_addf(&text, "%lld.%lld.", (long long)spec->num, (long long)spec->updated_us);
    if (rc == RC_OK)
        rc = json_write(data, &text);
    MUST(rc == RC_OK);
    sign_sha256(buf_str(&text), key);
    buf_fini(&text);
}

static struct str memory_key_of(const uint8_t key[static 32])
{
    return str_of((const char *)key, 32);
}

bool webfilter_cache_find(struct webfilter_memory *m, const uint8_t key[static 32], int64_t now_us,
                          struct arena *a, int *status, struct str *body)
{
    mutex_lock(&m->lock);
    const struct cached *c = map_get(m->cached, memory_key_of(key));
    bool is_there = c != NULL && c->until_us > now_us;
    if (is_there) {
        *status = c->status;
        *body = arena_str(a, str_of(c->body, c->len));
    }
    mutex_unlock(&m->lock);
    return is_there;
}

static struct cached *make_cached(const uint8_t key[static 32], int status, struct str body,
                                  int64_t until_us)
{
    struct cached *c = XNEW(struct cached);
    memcpy(c->key, key, sizeof(c->key));
    c->until_us = until_us;
    c->status = status;
    c->body = xmemdup(body.len > 0 ? body.ptr : "", body.len);
    c->len = body.len;
    return c;
}

void webfilter_cache_put(struct webfilter_memory *m, const uint8_t key[static 32], int status,
                         struct str body, int64_t until_us)
{
    if (body.len > WEBFILTER_CACHED_BYTES)
        return;
    struct cached *c = make_cached(key, status, body, until_us);
    mutex_lock(&m->lock);
    struct cached **place = &m->ring[m->ring_at], *oldest = *place;
    if (oldest != NULL && map_get(m->cached, memory_key_of(oldest->key)) == oldest)
        (void)map_remove(m->cached, memory_key_of(oldest->key));
    *place = c;
    (void)map_set(m->cached, memory_key_of(c->key), c);
    m->ring_at = (m->ring_at + 1) % WEBFILTER_CACHED_MAX;
    mutex_unlock(&m->lock);
    if (oldest != NULL)
        free_cached(oldest);
}
