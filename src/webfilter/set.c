/* SPDX-License-Identifier: Apache-2.0
 *
 * Making a set from rows. A filter whose key does not open stays in the set without one and is
 * treated as not answering: dropping it would let pass what it is there to stop.
 */
#include "webfilter/set.h"

#include "json/json.h"

#define US_PER_MS INT64_C(1000)
#define US_PER_S INT64_C(1000000)

/* --- words --------------------------------------------------------------------------------------------- */

static const char *const mode_names[] = { "original", "chained", "parallel", "shadow" };
static const char *const keep_names[] = { "none", "headers", "all" };

const char *webfilter_mode_name(enum webfilter_mode m)
{
    return mode_names[m];
}

const char *webfilter_keep_name(enum webfilter_keep k)
{
    return keep_names[k];
}

enum rc webfilter_mode_find(struct str name, enum webfilter_mode *out)
{
    for (size_t i = 0; i < COUNT_OF(mode_names); i++) {
        if (str_eq(name, str_from(mode_names[i]))) {
            *out = (enum webfilter_mode)i;
            return RC_OK;
        }
    }
    return RC_NOT_FOUND;
}

enum rc webfilter_keep_find(struct str name, enum webfilter_keep *out)
{
    for (size_t i = 0; i < COUNT_OF(keep_names); i++) {
        if (str_eq(name, str_from(keep_names[i]))) {
            *out = (enum webfilter_keep)i;
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

static bool is_switched_on(const struct settings *s, const char *name)
{
    return json_is_true(json_object_get(s->object, name));
}

static struct str set_text(const struct settings *s, const char *name)
{
    const json_t *v = json_object_get(s->object, name);
    if (!json_is_string(v))
        return STR("");
    return arena_str(s->arena, json_str_of(v));
}

static int64_t set_number(const struct settings *s, const char *name, int64_t absent)
{
    const json_t *v = json_object_get(s->object, name);
    return json_is_integer(v) ? json_integer_value(v) : absent;
}

static void fill_rules(const struct settings *s, const struct store_filter *row,
                       struct webfilter_spec *spec)
{
    struct str user; /* of a row that has not been sealed yet */
    spec->rules = (struct webfilter_rules){
        .event = arena_str(s->arena, row->event),
        .url = text_url_split(arena_str(s->arena, row->url), s->arena, &user),
        .disable_filtering = is_switched_on(s, "disableFiltering"),
        .disable_halt = is_switched_on(s, "disableHalt"),
        .fail_closed = is_switched_on(s, "failClosed"),
        .halt_on_4xx = is_switched_on(s, "haltOn4xx"),
        .halt_on_5xx = is_switched_on(s, "haltOn5xx"),
        .halt_on_request_exception = is_switched_on(s, "haltOnRequestException"),
        .redirect_on_4xx = set_text(s, "redirectOn4xx"),
        .redirect_on_5xx = set_text(s, "redirectOn5xx"),
        .redirect_on_request_exception = set_text(s, "redirectOnRequestException"),
    };
}

/* False: its credentials do not open. */
static bool fill_url(const struct sign_vault *v, struct arena *a, const struct store_filter *row,
                     struct webfilter_spec *spec)
{
    struct str url;
    bool is_whole = webfilter_url_open(v, a, row, &url) == RC_OK;
    spec->is_url_good = http_url_parse(url, &spec->url, NULL) == RC_OK;
    if (!is_whole)
        LOG(FILTER_KEY_UNREADABLE, F_STR("filter", row->id));
    return is_whole;
}

static void free_keyring(void *ring)
{
    sign_keyring_free(ring);
}

static void fill_key(const struct sign_vault *v, struct arena *a, const struct store_filter *row,
                     struct webfilter_spec *spec)
{
    struct sign_key key;
    struct sign_keyring *ring = NULL;
    if (webfilter_key_open(v, row->id, row->secret, &key) != RC_OK ||
        sign_keyring_new(&key, 1, &ring) != RC_OK) {
        LOG(FILTER_KEY_UNREADABLE, F_STR("filter", row->id));
        return;
    }
    mem_wipe(&key, sizeof(key));
    arena_defer(a, free_keyring, ring);
    spec->keyring = ring;
}

static void fill_spec(const struct sign_vault *v, struct arena *a, const struct store_filter *row,
                      struct webfilter_spec *spec)
{
    json_t *object = NULL;
    if (json_parse(row->settings, &object, NULL) != RC_OK)
        object = json_object(); /* ours; an unreadable one has the defaults */
    struct settings s = { object, a };
    *spec = (struct webfilter_spec){ .num = row->num,
                                     .updated_us = row->updated_us,
                                     .id = arena_str(a, row->id) };
    fill_rules(&s, row, spec);
    spec->is_form = str_eq(set_text(&s, "encoding"), STR("form"));
    if (webfilter_mode_find(set_text(&s, "mode"), &spec->mode) != RC_OK)
        spec->mode = WEBFILTER_ORIGINAL;
    spec->timeout_us = set_number(&s, "timeoutMs", WEBFILTER_TIMEOUT_MS) * US_PER_MS;
    spec->cache_us = set_number(&s, "cacheSeconds", 0) * US_PER_S;
    spec->breaker_failures = (int)set_number(&s, "breakerFailures", WEBFILTER_BREAKER_FAILURES);
    spec->breaker_us = set_number(&s, "breakerMs", WEBFILTER_BREAKER_MS) * US_PER_MS;
    if (fill_url(v, a, row, spec)) /* nothing is sent without the half of it that is missing */
        fill_key(v, a, row, spec);
    json_decref(object);
}

/* --- chains --------------------------------------------------------------------------------------------- */

static struct str set_opt(struct arena *a, struct str s)
{
    return s.ptr == NULL ? STR_NONE : arena_str(a, s);
}

static void fill_chain(struct arena *a, const struct store_filter_chain *row,
                       struct webfilter_chain_spec *out)
{
    json_t *list = NULL;
    *out = (struct webfilter_chain_spec){ .event = arena_str(a, row->event),
                                          .deadline_us = row->deadline_ms * US_PER_MS,
                                          .token_hash = set_opt(a, row->token_hash),
                                          .old_hash = set_opt(a, row->old_hash),
                                          .old_until_us = row->old_until_us };
    if (webfilter_keep_find(row->keep, &out->keep) != RC_OK)
        out->keep = WEBFILTER_KEEP_NONE;
    if (json_parse(row->redact, &list, NULL) != RC_OK) {
        out->keep = WEBFILTER_KEEP_NONE; /* what is to be left out is not known: keep nothing */
        return;
    }
    struct str *paths = arena_array(a, json_array_size(list) + 1, sizeof(*paths));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *path = json_array_get(list, i);
        if (json_is_string(path))
            paths[out->redact_count++] = arena_str(a, json_str_of(path));
    }
    out->redact = paths;
    json_decref(list);
}

/* --- sets ----------------------------------------------------------------------------------------------- */

struct webfilter_set *webfilter_set_build(const struct sign_vault *v, int64_t app,
                                          const struct store_filter *filters, size_t filter_count,
                                          const struct store_filter_chain *chains,
                                          size_t chain_count)
{
    struct webfilter_set *set = XNEW(struct webfilter_set);
    atomic_init(&set->_refs, 1);
    set->app = app;
    arena_init(&set->_arena);
    struct webfilter_spec *specs = arena_array(&set->_arena, filter_count + 1, sizeof(*specs));
    for (size_t i = 0; i < filter_count; i++)
        if (filters[i].enabled)
            fill_spec(v, &set->_arena, &filters[i], &specs[set->filter_count++]);
    struct webfilter_chain_spec *made = arena_array(&set->_arena, chain_count + 1, sizeof(*made));
    for (size_t i = 0; i < chain_count; i++)
        fill_chain(&set->_arena, &chains[i], &made[i]);
    set->filters = specs;
    set->chains = made;
    set->chain_count = chain_count;
    return set;
}

struct webfilter_set *webfilter_set_ref(struct webfilter_set *s)
{
    atomic_fetch_add_explicit(&s->_refs, 1, memory_order_relaxed);
    return s;
}

void webfilter_set_unref(struct webfilter_set *s)
{
    if (s == NULL || atomic_fetch_sub_explicit(&s->_refs, 1, memory_order_acq_rel) != 1)
        return;
    struct arena arena = s->_arena;
    arena_fini(&arena);
    xfree(s);
}

const struct webfilter_spec *webfilter_set_event(const struct webfilter_set *s, struct str event,
                                                 size_t *count)
{
    size_t first = 0;
    while (first < s->filter_count && !str_eq(s->filters[first].rules.event, event))
        first++;
    *count = 0;
    while (first + *count < s->filter_count && *count < WEBFILTER_CHAIN_MAX &&
           str_eq(s->filters[first + *count].rules.event, event))
        (*count)++;
    return &s->filters[first];
}

struct webfilter_chain_spec webfilter_set_chain(const struct webfilter_set *s, struct str event)
{
    for (size_t i = 0; i < s->chain_count; i++)
        if (str_eq(s->chains[i].event, event))
            return s->chains[i];
    return (struct webfilter_chain_spec){ .event = event,
                                          .deadline_us = WEBFILTER_DEADLINE_MS * US_PER_MS,
                                          .keep = WEBFILTER_KEEP_HEADERS };
}
