/* SPDX-License-Identifier: Apache-2.0
 *
 * The chunked coding of a body, as it comes in.
 */
#pragma once

#include "base/base.h"
#include "http/head.h"

/* Incremental decoder of a chunked body. Zero it to start. */
struct http_chunked {
    int _state;
    uint64_t _left;
    size_t _line;
    size_t _excess;
};
/* Decodes from `in`: appends data to `out` (NULL: drops it), sets *used. OK: the last chunk and the
 * trailers are read. BAD: malformed, or out's limit reached (error->status 413). */
enum http_parse http_chunked_read(struct http_chunked *c, struct str in, size_t *used,
                                  struct buf *out, struct http_parse_error *error);
