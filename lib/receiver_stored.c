/* SPDX-License-Identifier: Apache-2.0
 *
 * An accepted event as one block of bytes, in memory and in the spool alike: a mark, then each text
 * with its length before it. Of this machine's byte order; spools do not travel.
 */
#include "receiver.h"

#include <stdlib.h>

static const char mark[8] = "grapnel1";

enum { FIXED_TEXTS = 7 }; /* before the headers */

/* Numbers that stand in front. */
struct front {
    char mark[sizeof(mark)];
    int64_t received_us;
    uint32_t header_count;
    uint8_t is_verified;
    uint8_t key_count;
    uint16_t peer_port;
    unsigned char keys[GN_REPLAY_KEYS][GN_REPLAY_KEY_BYTES];
};

static void list_texts(struct grapnel_event *e, struct grapnel_bytes *texts[static FIXED_TEXTS])
{
    struct grapnel_bytes *all[FIXED_TEXTS] = { &e->id,    &e->type, &e->method, &e->path,
                                               &e->query, &e->peer, &e->body };
    memcpy(texts, all, sizeof(all));
}

static size_t size_of(const struct grapnel_event *e)
{
    size_t size = sizeof(struct front) + (FIXED_TEXTS + 2 * e->header_count) * sizeof(uint32_t) +
                  e->id.len + e->type.len + e->method.len + e->path.len + e->query.len +
                  e->peer.len + e->body.len;
    for (size_t i = 0; i < e->header_count; i++) {
        size += e->headers[i].name.len + e->headers[i].value.len;
    }
    return size;
}

static void receiver_stored_put(char **at, struct grapnel_bytes text)
{
    uint32_t len = (uint32_t)text.len;
    memcpy(*at, &len, sizeof(len));
    *at += sizeof(len);
    if (text.len > 0) {
        memcpy(*at, text.ptr, text.len);
    }
    *at += text.len;
}

static bool receiver_stored_take(const char **at, const char *end, struct grapnel_bytes *text)
{
    uint32_t len;
    if ((size_t)(end - *at) < sizeof(len)) {
        return false;
    }
    memcpy(&len, *at, sizeof(len));
    *at += sizeof(len);
    if ((size_t)(end - *at) < len) {
        return false;
    }
    *text = gn_bytes(*at, len);
    *at += len;
    return true;
}

struct gn_stored *gn_stored_make(const struct grapnel_event *event,
                                 const struct gn_replay_keys *keys)
{
    struct grapnel_event copy = *event;
    struct grapnel_bytes *texts[FIXED_TEXTS];
    struct front front = { .received_us = event->received_us,
                           .header_count = (uint32_t)event->header_count,
                           .is_verified = event->is_verified,
                           .key_count = (uint8_t)keys->count,
                           .peer_port = (uint16_t)event->peer_port };
    size_t size = size_of(event);
    char *bytes = malloc(size);
    char *at = bytes;

    if (bytes == NULL) {
        return NULL;
    }
    memcpy(front.mark, mark, sizeof(mark));
    memcpy(front.keys, keys->key, sizeof(front.keys));
    memcpy(at, &front, sizeof(front));
    at += sizeof(front);
    list_texts(&copy, texts);
    for (size_t i = 0; i < FIXED_TEXTS; i++) {
        receiver_stored_put(&at, *texts[i]);
    }
    for (size_t i = 0; i < event->header_count; i++) {
        receiver_stored_put(&at, event->headers[i].name);
        receiver_stored_put(&at, event->headers[i].value);
    }
    return gn_stored_read(bytes, size);
}

static bool read_texts(struct gn_stored *s, const struct front *front)
{
    const char *at = s->bytes + sizeof(*front);
    const char *end = s->bytes + s->size;
    struct grapnel_bytes *texts[FIXED_TEXTS];
    struct grapnel_header *headers = calloc(front->header_count + 1, sizeof(*headers));

    s->event.headers = headers;
    s->event.header_count = front->header_count;
    bool ok = headers != NULL;
    list_texts(&s->event, texts);
    for (size_t i = 0; i < FIXED_TEXTS && ok; i++) {
        ok = receiver_stored_take(&at, end, texts[i]);
    }
    for (size_t i = 0; i < front->header_count && ok; i++) {
        ok = receiver_stored_take(&at, end, &headers[i].name) &&
             receiver_stored_take(&at, end, &headers[i].value);
    }
    return ok && at == end;
}

struct gn_stored *gn_stored_read(char *bytes, size_t size)
{
    struct gn_stored *s = calloc(1, sizeof(*s));
    struct front front;

    if (s == NULL) {
        free(bytes);
        return NULL;
    }
    s->bytes = bytes;
    s->size = size;
    if (size < sizeof(front)) {
        gn_stored_free(s);
        return NULL;
    }
    memcpy(&front, bytes, sizeof(front));
    s->event.received_us = front.received_us;
    s->event.is_verified = front.is_verified != 0;
    s->event.peer_port = front.peer_port;
    s->keys.count = front.key_count;
    memcpy(s->keys.key, front.keys, sizeof(front.keys));
    if (memcmp(front.mark, mark, sizeof(mark)) != 0 || front.key_count > GN_REPLAY_KEYS ||
        front.header_count > GRAPNEL_HEADERS_MAX || !read_texts(s, &front)) {
        gn_stored_free(s);
        return NULL;
    }
    return s;
}

void gn_stored_free(struct gn_stored *s)
{
    if (s == NULL) {
        return;
    }
    free((void *)(uintptr_t)s->event.headers); /* ours; const for the callbacks */
    free(s->bytes);
    free(s);
}
