/* SPDX-License-Identifier: Apache-2.0
 *
 * The shared message object: one allocation, the texts behind the struct. And the states of a
 * delivery, from their table.
 */
#include "store/flow.h"

static void message_place(struct str *s, char **at)
{
    if (s->ptr == NULL)
        return;
    if (s->len > 0)
        memcpy(*at, s->ptr, s->len);
    s->ptr = *at;
    *at += s->len + 1; /* a NUL, so that empty differs from none */
}

struct store_message *store_message_new(const struct store_message *from)
{
    const struct str *texts[] = { &from->event_type, &from->event_id,     &from->channels,
                                  &from->tags,       &from->content_type, &from->headers,
                                  &from->payload };
    size_t size = sizeof(struct store_message);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        size += texts[i]->len + 1;
    struct store_message *m = xmalloc(size);
    char *at = (char *)(m + 1);
    memset(at, 0, size - sizeof *m);
    m->id = from->id;
    m->org = from->org;
    m->app = from->app;
    m->created_us = from->created_us;
    m->due_us = from->due_us;
    m->deliver_at_us = from->deliver_at_us;
    m->payload_expires_us = from->payload_expires_us;
    m->event_type = from->event_type;
    m->event_id = from->event_id;
    m->channels = from->channels;
    m->tags = from->tags;
    m->content_type = from->content_type;
    m->headers = from->headers;
    m->payload = from->payload;
    atomic_init(&m->_refs, 1);
    struct str *copies[] = { &m->event_type,   &m->event_id, &m->channels, &m->tags,
                             &m->content_type, &m->headers,  &m->payload };
    for (size_t i = 0; i < COUNT_OF(copies); i++)
        message_place(copies[i], &at);
    return m;
}

struct store_message *store_message_ref(struct store_message *m)
{
    atomic_fetch_add_explicit(&m->_refs, 1, memory_order_relaxed);
    return m;
}

void store_message_unref(struct store_message *m)
{
    if (m != NULL && atomic_fetch_sub_explicit(&m->_refs, 1, memory_order_acq_rel) == 1)
        xfree(m);
}

/* --- states ----------------------------------------------------------------------------------------- */

const char *store_state_text(enum store_state state)
{
    switch (state) {
#define DELIVERY_STATE(id, number, svix, text) \
    case STORE_##id: \
        return text;
#define DELIVERY_MOVE(from, to)
#include "tables/delivery_states.def"
#undef DELIVERY_STATE
#undef DELIVERY_MOVE
    }
    return "unknown";
}

int store_state_svix(enum store_state state)
{
    switch (state) {
#define DELIVERY_STATE(id, number, svix, text) \
    case STORE_##id: \
        return svix;
#define DELIVERY_MOVE(from, to)
#include "tables/delivery_states.def"
#undef DELIVERY_STATE
#undef DELIVERY_MOVE
    }
    return -1;
}

bool store_state_is(enum store_state state, int svix, bool expanded)
{
    if (state == STORE_CANCELED && !expanded && svix == store_state_svix(STORE_FAILED))
        return true;
    return store_state_svix(state) == svix;
}

struct str store_reason_name(enum store_reason r)
{
    switch (r) {
    case STORE_REASON_NONE: break;
#define END_REASON(id, number, name, text) \
    case STORE_REASON_##id: \
        return STR(name);
#include "tables/end_reasons.def"
#undef END_REASON
    }
    return STR_NONE;
}

bool store_state_may(enum store_state from, enum store_state to)
{
    static const struct {
        enum store_state from, to;
    } moves[] = {
#define DELIVERY_STATE(id, number, svix, text)
#define DELIVERY_MOVE(from, to) { STORE_##from, STORE_##to },
#include "tables/delivery_states.def"
#undef DELIVERY_STATE
#undef DELIVERY_MOVE
    };
    for (size_t i = 0; i < COUNT_OF(moves); i++) {
        if (moves[i].from == from && moves[i].to == to)
            return true;
    }
    return false;
}
