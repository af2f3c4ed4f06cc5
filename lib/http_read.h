/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading an HTTP/1.1 request piece by piece: strict, bounded, without sockets. Private.
 *
 * What is not exactly a request is refused (bare line feeds, folded headers, two lengths, a length
 * beside chunks): a proxy before us must not read it otherwise than we do.
 */
#pragma once

#include <stdatomic.h>

#include "bytes.h"

/* Memory for bodies, shared by all connections and queued events. */
struct gn_budget {
    atomic_size_t used;
    size_t max;
};
/* False: nothing left; nothing was taken. */
bool gn_budget_take(struct gn_budget *budget, size_t size);
void gn_budget_give(struct gn_budget *budget, size_t size);

enum gn_http_state {
    GN_HTTP_HEAD,
    GN_HTTP_LENGTH,
    GN_HTTP_CHUNK_SIZE,
    GN_HTTP_CHUNK_DATA,
    GN_HTTP_CHUNK_END,
    GN_HTTP_TRAILER,
    GN_HTTP_END
};

/* What gn_http_push() returns beside the status of an error. */
enum { GN_HTTP_MORE = 0, GN_HTTP_DONE = 1 };

enum { GN_HTTP_LINE_MAX = 256, GN_HTTP_TRAILERS_MAX = 8192 };

struct gn_http {
    size_t head_max;
    size_t body_max;
    struct gn_budget *budget;

    struct grapnel_bytes method, path, query;
    struct grapnel_header *headers; /* of header_count */
    size_t header_count;
    bool keep_alive;
    bool is_old;           /* HTTP/1.0 */
    bool expects_continue; /* the peer waits for "100 Continue" before its body */
    char *body;
    size_t body_len;

    enum gn_http_state state;
    char *head;
    size_t head_len, head_cap, body_cap;
    uint64_t left;               /* bytes of the body or of the chunk */
    char line[GN_HTTP_LINE_MAX]; /* a chunk's size */
    size_t line_len, trailer_len;
};

void gn_http_init(struct gn_http *h, size_t head_max, size_t body_max, struct gn_budget *budget);
/* Frees what the request took; the next may be pushed. */
void gn_http_reset(struct gn_http *h);
/* Has anything of a request come yet? */
bool gn_http_has_begun(const struct gn_http *h);

/* Takes *used bytes of `data`, not past the request's end. MORE, DONE, or the status to refuse it
 * with: 400, 413, 431, 501, 503 or 505; then nothing more can be read from this peer. */
unsigned gn_http_push(struct gn_http *h, const char *data, size_t len, size_t *used);
