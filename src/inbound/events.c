/* SPDX-License-Identifier: Apache-2.0
 *
 * From a request to its events: one as a rule; where the provider sends several at once and each stands for
 * itself, one for each. And what tells an event from those that came before.
 */
#include "inbound/events_priv.h"

#include "sign/sign.h"

enum { EVENT_ID_MAX = 256 };

/* --- what tells it from others ----------------------------------------------------------------------- */

static bool dedupes_by_body(const struct inbound_view *v, const struct inbound_request *r,
                            struct str id, bool id_signed)
{
    switch (v->settings.dedupe_by_body) {
    case INBOUND_BODY_ALWAYS: return true;
    case INBOUND_BODY_NEVER: return false;
    case INBOUND_BODY_UNSIGNED: break;
    }
    return r->verdict.status == GRAPNEL_VERIFIED && !(id.len > 0 && id_signed);
}

/* A signed time makes two equal bodies two events: it belongs to the key. `place`: of an event without an id of its
 * own among those of the request; two that are alike are still two. */
static void key_by_body(const struct inbound_view *v, const struct inbound_request *r,
                        struct str body, size_t place, struct inbound_event *e)
{
    const struct grapnel_verdict *verdict = &r->verdict;
    struct {
        int64_t source, time_us, place;
        uint8_t query[32], body[32];
    } parts = { .source = v->num,
                .time_us = verdict->has_time ? verdict->time_us : 0,
                .place = (int64_t)place };
    struct str query = verify_str(r->engine.query);
    uint8_t hash[32];
    if (query.len > 0)
        sign_sha256(query, parts.query);
    sign_sha256(body, parts.body);
    sign_sha256(str_of((const char *)&parts, sizeof(parts)), hash);
    e->has_key = true;
    memcpy(e->key, hash, sizeof(e->key));
}

/* The provider's id as the message's event id; what is too long, as its hash. */
static struct str event_id(const struct inbound_view *v, struct str id, struct arena *a)
{
    if (!v->settings.dedupe_by_id || id.len == 0)
        return STR_NONE;
    if (id.len <= EVENT_ID_MAX && str_is_utf8(id) && memchr(id.ptr, '\0', id.len) == NULL)
        return arena_str(a, id);
    uint8_t hash[32];
    char hex[HEX_LEN(32) + 1];
    sign_sha256(id, hash);
    hex_encode(hash, sizeof(hash), hex);
    return arena_fmt(a, "sha256-%s", hex);
}

/* --- several in one request -------------------------------------------------------------------------- */

struct parting {
    struct inbound *in;
    const struct inbound_view *v;
    const struct inbound_request *r;
    struct arena *arena;
    struct map *
        seen; /* ids and keys of this request; two of the same would be two new ones to the store */
    struct inbound_event *events;
    size_t count, total;
};

static bool is_first(struct map *seen, struct str name)
{
    static char mark;
    return map_set(seen, name, &mark) == NULL;
}

/* An event without an id has the request's, if there is one, and its place. */
static struct str own_id(const struct parting *p, size_t index, const struct grapnel_item *item,
                         bool *is_signed)
{
    struct str whole = verify_str(p->r->verdict.id);
    *is_signed = item->id.len > 0 ? item->id_signed : p->r->verdict.id_signed;
    if (item->id.len > 0 || whole.len == 0)
        return verify_str(item->id);
    return arena_fmt(p->arena, "%.*s.%zu", STR_ARGS(whole), index);
}

static bool take_item(void *ctx, size_t index, const struct grapnel_item *item)
{
    struct parting *p = ctx;
    struct inbound_event e = { .body = verify_str(item->json) };
    bool is_signed = false, is_new = true;
    struct str id = own_id(p, index, item, &is_signed);
    e.event_id = event_id(p->v, id, p->arena);
    if (dedupes_by_body(p->v, p->r, id, is_signed)) {
        bool is_by_itself = p->v->settings.dedupe_by_body == INBOUND_BODY_ALWAYS || id.len > 0;
        key_by_body(p->v, p->r, is_by_itself ? e.body : verify_str(p->r->engine.body),
                    is_by_itself ? 0 : index + 1, &e);
    }
    p->total++;
    if (e.event_id.ptr != NULL)
        is_new = is_first(p->seen, e.event_id);
    if (e.has_key)
        is_new = is_first(p->seen, str_of((const char *)e.key, sizeof(e.key))) && is_new;
    if (!is_new)
        return true;
    e.id = id_new(store_ids(p->in->o.store));
    e.type = inbound_event_type(p->v, verify_str(item->type), p->arena);
    p->events[p->count++] = e;
    return true;
}

bool inbound_parts_events(const struct inbound_view *v)
{
    switch (v->settings.batches) {
    case INBOUND_BATCHES_SPLIT: return true;
    case INBOUND_BATCHES_WHOLE: return false;
    case INBOUND_BATCHES_PRESET: break;
    }
    return grapnel_scheme_splits(v->scheme->engine);
}

/* RC_NOT_FOUND: this time it is no list of events. */
static enum rc events_part(struct parting *p, struct inbound_request *r)
{
    p->seen = map_new();
    p->events = arena_array(p->arena, GRAPNEL_ITEMS_MAX, sizeof(*p->events));
    enum grapnel_status status = grapnel_each_item(p->v->scheme->engine, &r->engine, take_item, p);
    map_free(p->seen);
    if (status != GRAPNEL_DUPLICATE_HEADER && status != GRAPNEL_TOO_LARGE)
        return status == GRAPNEL_VERIFIED ? RC_OK : RC_NOT_FOUND;
    r->verdict.status = status;
    return RC_INVALID;
}

/* --- all of them ------------------------------------------------------------------------------------- */

/* The id of an event in it is none of the whole. */
static struct inbound_event *events_whole(struct inbound *in, const struct inbound_view *v,
                                          const struct inbound_request *r, struct arena *a)
{
    struct inbound_event *e = ARENA_NEW(a, struct inbound_event);
    struct str id = r->verdict.item_count == 0 ? verify_str(r->verdict.id) : STR_NONE;
    e->id = id_new(store_ids(in->o.store));
    e->body = verify_str(r->engine.body);
    if (e->body.ptr == NULL)
        e->body = STR("");
    e->type = inbound_event_type(v, verify_str(r->verdict.type), a);
    e->event_id = event_id(v, id, a);
    if (dedupes_by_body(v, r, id, r->verdict.id_signed))
        key_by_body(v, r, verify_str(r->engine.body), 0, e);
    return e;
}

enum rc inbound_events(struct inbound *in, const struct inbound_view *v, struct inbound_request *r,
                       struct arena *a, struct inbound_event **out, size_t *count, bool *split,
                       size_t *total)
{
    struct parting p = { .in = in, .v = v, .r = r, .arena = a };
    enum rc rc = inbound_parts_events(v) ? events_part(&p, r) : RC_NOT_FOUND;
    *split = rc == RC_OK;
    *out = p.events;
    *count = p.count;
    *total = p.total;
    if (rc != RC_NOT_FOUND)
        return rc;
    *out = events_whole(in, v, r, a);
    *count = 1;
    return RC_OK;
}
