/* SPDX-License-Identifier: Apache-2.0
 *
 * Making a set from rows. A filter whose key does not open stays in the set without one and is
 * treated as not answering: dropping it would let pass what it is there to stop.
 */
#include "filter/set.h"

#include "json/json.h"

#define US_PER_MS INT64_C(1000)
#define US_PER_S INT64_C(1000000)

/* --- words --------------------------------------------------------------------------------------------- */

static const char *const mode_names[] = { "original", "chained", "parallel", "shadow" };
static const char *const keep_names[] = { "none", "headers", "all" };

const char *filter_mode_name(enum filter_mode m)
{
    return mode_names[m];
}

const char *filter_keep_name(enum filter_keep k)
{
    return keep_names[k];
}

enum rc filter_mode_find(struct str name, enum filter_mode *out)
{
    for (size_t i = 0; i < COUNT_OF(mode_names); i++) {
        if (str_eq(name, str_from(mode_names[i]))) {
            *out = (enum filter_mode)i;
            return RC_OK;
        }
    }
    return RC_NOT_FOUND;
}

enum rc filter_keep_find(struct str name, enum filter_keep *out)
{
    for (size_t i = 0; i < COUNT_OF(keep_names); i++) {
        if (str_eq(name, str_from(keep_names[i]))) {
            *out = (enum filter_keep)i;
            return RC_OK;
        }
    }
    return RC_NOT_FOUND;
}

/* --- filters -------------------------------------------------------------------------------------------- */

struct settings {
    const json_t *object;
    struct arena *arena;
};

static bool is_set(const struct settings *s, const char *name)
{
    return json_is_true(json_object_get(s->object, name));
}

static struct str text(const struct settings *s, const char *name)
{
    const json_t *v = json_object_get(s->object, name);
    if (!json_is_string(v))
        return STR("");
    return arena_str(s->arena, str_of(json_string_value(v), json_string_length(v)));
}

static int64_t number(const struct settings *s, const char *name, int64_t absent)
{
    const json_t *v = json_object_get(s->object, name);
    return json_is_integer(v) ? json_integer_value(v) : absent;
}

/* Without user and password, which are nobody's business but the processor's. */
static struct str shown_url(struct arena *a, struct str url, const struct http_url *parsed)
{
    if (parsed->userinfo.len == 0)
        return url;
    size_t at = (size_t)(parsed->userinfo.ptr - url.ptr);
    struct str rest = str_sub(url, at + parsed->userinfo.len + 1, url.len);
    return arena_fmt(a, "%.*s%.*s", STR_ARGS(str_sub(url, 0, at)), STR_ARGS(rest));
}

static void fill_rules(const struct settings *s, const struct store_filter *row,
                       struct filter_spec *spec)
{
    struct str url = arena_str(s->arena, row->url);
    spec->is_url_good = http_url_parse(url, &spec->url, NULL) == RC_OK;
    spec->rules = (struct filter_rules){
        .event = arena_str(s->arena, row->event),
        .url = spec->is_url_good ? shown_url(s->arena, url, &spec->url) : url,
        .disable_filtering = is_set(s, "disableFiltering"),
        .disable_halt = is_set(s, "disableHalt"),
        .fail_closed = is_set(s, "failClosed"),
        .halt_on_4xx = is_set(s, "haltOn4xx"),
        .halt_on_5xx = is_set(s, "haltOn5xx"),
        .halt_on_request_exception = is_set(s, "haltOnRequestException"),
        .redirect_on_4xx = text(s, "redirectOn4xx"),
        .redirect_on_5xx = text(s, "redirectOn5xx"),
        .redirect_on_request_exception = text(s, "redirectOnRequestException"),
    };
}

static void free_keyring(void *ring)
{
    sign_keyring_free(ring);
}

static void fill_key(const struct sign_vault *v, struct arena *a, const struct store_filter *row,
                     struct filter_spec *spec)
{
    struct sign_key key;
    struct sign_keyring *ring = NULL;
    if (filter_key_open(v, row->id, row->secret, &key) != RC_OK ||
        sign_keyring_new(&key, 1, &ring) != RC_OK) {
        LOG(FILTER_KEY_UNREADABLE, F_STR("filter", row->id));
        return;
    }
    mem_wipe(&key, sizeof(key));
    arena_defer(a, free_keyring, ring);
    spec->keyring = ring;
}

static void fill_spec(const struct sign_vault *v, struct arena *a, const struct store_filter *row,
                      struct filter_spec *spec)
{
    json_t *object = NULL;
    if (json_parse(row->settings, &object, NULL) != RC_OK)
        object = json_object(); /* ours; an unreadable one has the defaults */
    struct settings s = { object, a };
    *spec = (struct filter_spec){ .num = row->num,
                                  .updated_us = row->updated_us,
                                  .id = arena_str(a, row->id) };
    fill_rules(&s, row, spec);
    spec->is_form = str_eq(text(&s, "encoding"), STR("form"));
    if (filter_mode_find(text(&s, "mode"), &spec->mode) != RC_OK)
        spec->mode = FILTER_ORIGINAL;
    spec->timeout_us = number(&s, "timeoutMs", FILTER_TIMEOUT_MS) * US_PER_MS;
    spec->cache_us = number(&s, "cacheSeconds", 0) * US_PER_S;
    spec->breaker_failures = (int)number(&s, "breakerFailures", FILTER_BREAKER_FAILURES);
    spec->breaker_us = number(&s, "breakerMs", FILTER_BREAKER_MS) * US_PER_MS;
    fill_key(v, a, row, spec);
    json_decref(object);
}

/* --- chains --------------------------------------------------------------------------------------------- */

static struct str opt(struct arena *a, struct str s)
{
    return s.ptr == NULL ? STR_NONE : arena_str(a, s);
}

static void fill_chain(struct arena *a, const struct store_filter_chain *row,
                       struct filter_chain_spec *out)
{
    json_t *list = NULL;
    *out = (struct filter_chain_spec){ .event = arena_str(a, row->event),
                                       .deadline_us = row->deadline_ms * US_PER_MS,
                                       .token_hash = opt(a, row->token_hash),
                                       .old_hash = opt(a, row->old_hash),
                                       .old_until_us = row->old_until_us };
    if (filter_keep_find(row->keep, &out->keep) != RC_OK)
        out->keep = FILTER_KEEP_NONE;
    if (json_parse(row->redact, &list, NULL) != RC_OK) {
        out->keep = FILTER_KEEP_NONE; /* what is to be left out is not known: keep nothing */
        return;
    }
    struct str *paths = arena_array(a, json_array_size(list) + 1, sizeof(*paths));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *path = json_array_get(list, i);
        if (json_is_string(path))
            paths[out->redact_count++] =
                arena_str(a, str_of(json_string_value(path), json_string_length(path)));
    }
    out->redact = paths;
    json_decref(list);
}

/* --- sets ----------------------------------------------------------------------------------------------- */

struct filter_set *filter_set_build(const struct sign_vault *v, int64_t app,
                                    const struct store_filter *filters, size_t filter_count,
                                    const struct store_filter_chain *chains, size_t chain_count)
{
    struct filter_set *set = XNEW(struct filter_set);
    atomic_init(&set->_refs, 1);
    set->app = app;
    arena_init(&set->_arena);
    struct filter_spec *specs = arena_array(&set->_arena, filter_count + 1, sizeof(*specs));
    for (size_t i = 0; i < filter_count; i++)
        if (filters[i].enabled)
            fill_spec(v, &set->_arena, &filters[i], &specs[set->filter_count++]);
    struct filter_chain_spec *made = arena_array(&set->_arena, chain_count + 1, sizeof(*made));
    for (size_t i = 0; i < chain_count; i++)
        fill_chain(&set->_arena, &chains[i], &made[i]);
    set->filters = specs;
    set->chains = made;
    set->chain_count = chain_count;
    return set;
}

struct filter_set *filter_set_ref(struct filter_set *s)
{
    atomic_fetch_add_explicit(&s->_refs, 1, memory_order_relaxed);
    return s;
}

void filter_set_unref(struct filter_set *s)
{
    if (s == NULL || atomic_fetch_sub_explicit(&s->_refs, 1, memory_order_acq_rel) != 1)
        return;
    struct arena arena = s->_arena;
    arena_fini(&arena);
    xfree(s);
}

const struct filter_spec *filter_set_event(const struct filter_set *s, struct str event,
                                           size_t *count)
{
    size_t first = 0;
    while (first < s->filter_count && !str_eq(s->filters[first].rules.event, event))
        first++;
    *count = 0;
    while (first + *count < s->filter_count && *count < FILTER_CHAIN_MAX &&
           str_eq(s->filters[first + *count].rules.event, event))
        (*count)++;
    return &s->filters[first];
}

struct filter_chain_spec filter_set_chain(const struct filter_set *s, struct str event)
{
    for (size_t i = 0; i < s->chain_count; i++)
        if (str_eq(s->chains[i].event, event))
            return s->chains[i];
    return (struct filter_chain_spec){ .event = event,
                                       .deadline_us = FILTER_DEADLINE_MS * US_PER_MS,
                                       .keep = FILTER_KEEP_HEADERS };
}
