/* SPDX-License-Identifier: Apache-2.0
 *
 * What a loop remembers between runs: how its filters have been doing, and answers that are good
 * for a while. Bounded; what is forgotten costs one more request.
 */
#include "filter/chain_priv.h"

enum { HEALTH_MAX = 10000, KEY_TEXT_MAX = 1 << 29 /* above any request body */ };

void filter_memory_init(struct filter_runner *r)
{
    r->health = map64_new();
    r->cached = map_new();
}

static void free_cached(struct filter_cached *c)
{
    mem_wipe(c->body, c->len);
    xfree(c->body);
    xfree(c);
}

static void forget_health(struct filter_runner *r)
{
    size_t at = 0;
    uint64_t key;
    void *value;
    while (map64_next(r->health, &at, &key, &value))
        xfree(value);
    map64_free(r->health);
}

void filter_memory_fini(struct filter_runner *r)
{
    forget_health(r);
    map_free(r->cached);
    for (size_t i = 0; i < FILTER_CACHED_MAX; i++)
        if (r->ring[i] != NULL)
            free_cached(r->ring[i]);
}

/* --- breakers --------------------------------------------------------------------------------------------- */

bool filter_health_allows(struct filter_runner *r, const struct filter_spec *spec, int64_t now_us,
                          bool *is_probe)
{
    struct filter_health *h = map64_get(r->health, (uint64_t)spec->num);
    *is_probe = false;
    if (h == NULL || h->open_until_us == 0 || spec->breaker_failures == 0)
        return true;
    if (h->open_until_us > now_us)
        return false;
    h->open_until_us = now_us + spec->breaker_us; /* the others wait for what the probe says */
    *is_probe = true;
    return true;
}

void filter_health_forget_probe(struct filter_runner *r, const struct filter_spec *spec,
                                int64_t now_us)
{
    struct filter_health *h = map64_get(r->health, (uint64_t)spec->num);
    if (h != NULL && h->open_until_us != 0)
        h->open_until_us = now_us;
}

static struct filter_health *health_of(struct filter_runner *r, int64_t num)
{
    struct filter_health *h = map64_get(r->health, (uint64_t)num);
    if (h != NULL)
        return h;
    if (map64_count(r->health) == HEALTH_MAX) { /* start anew rather than grow */
        forget_health(r);
        r->health = map64_new();
    }
    h = XNEW(struct filter_health);
    (void)map64_set(r->health, (uint64_t)num, h);
    return h;
}

void filter_health_note(struct filter_runner *r, const struct filter_spec *spec, bool failed,
                        int64_t now_us)
{
    if (spec->breaker_failures == 0)
        return;
    if (!failed) {
        struct filter_health *h = map64_remove(r->health, (uint64_t)spec->num);
        if (h != NULL && h->open_until_us != 0)
            LOG(FILTER_BREAKER_CLOSED, F_STR("filter", spec->id));
        xfree(h);
        return;
    }
    struct filter_health *h = health_of(r, spec->num);
    h->failures++;
    if (h->failures < spec->breaker_failures)
        return;
    if (h->open_until_us == 0)
        LOG(FILTER_BREAKER_OPENED, F_STR("filter", spec->id), F_INT("failures", h->failures),
            F_INT("park_ms", spec->breaker_us / 1000));
    h->open_until_us = now_us + spec->breaker_us;
}

/* --- cached answers ---------------------------------------------------------------------------------------- */

void filter_cache_key(const struct filter_spec *spec, const json_t *data, uint8_t key[static 32])
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

static struct str key_of(const uint8_t key[static 32])
{
    return str_of((const char *)key, 32);
}

const struct filter_cached *filter_cache_find(struct filter_runner *r, const uint8_t key[static 32],
                                              int64_t now_us)
{
    const struct filter_cached *c = map_get(r->cached, key_of(key));
    return c != NULL && c->until_us > now_us ? c : NULL;
}

void filter_cache_put(struct filter_runner *r, const uint8_t key[static 32], int status,
                      struct str body, int64_t until_us)
{
    struct filter_cached **place = &r->ring[r->ring_at];
    if (body.len > FILTER_CACHED_BYTES)
        return;
    if (*place != NULL) {
        if (map_get(r->cached, key_of((*place)->key)) == *place)
            (void)map_remove(r->cached, key_of((*place)->key));
        free_cached(*place);
    }
    struct filter_cached *c = XNEW(struct filter_cached);
    memcpy(c->key, key, sizeof(c->key));
    c->until_us = until_us;
    c->status = status;
    c->body = xmemdup(body.len > 0 ? body.ptr : "", body.len);
    c->len = body.len;
    *place = c;
    (void)map_set(r->cached, key_of(key), c);
    r->ring_at = (r->ring_at + 1) % FILTER_CACHED_MAX;
}
