/* SPDX-License-Identifier: Apache-2.0
 *
 * What a transform of a message sees, and what its result means: docs/guide/transforms.md, "Input" and
 * "Result". Whoever runs transforms (deliveries, routes of sources) goes through here, so that they mean
 * the same everywhere.
 */
#pragma once

#include "filter/language.h"
#include "transform/transform.h"

struct transform_message {
    struct str id; /* "msg_..."; what has ptr NULL is null for the program */
    struct str event_type;
    struct str timestamp; /* RFC 3339 */
    struct str channels;  /* JSON array text */
    struct str method, path;
    struct str body; /* JSON stays JSON; other UTF-8 becomes a string, other bytes null */
    const struct filter_pair *headers; /* names in any case; lower case for the program */
    size_t header_count;
    const struct filter_pair *query;
    size_t query_count;
};

enum { TRANSFORM_RESULT_HEADERS_MAX = 64 };

struct transform_message_result {
    bool cancel;                       /* "$cancel": true, or no result: do not send it */
    struct str body;                   /* JSON; ptr NULL: the message's own, unchanged */
    const struct filter_pair *headers; /* to set; values are safe in a header line */
    size_t header_count;
};

/* The document the program runs on. RC_LIMIT: `out` is too small. */
MUST_USE enum rc transform_message_write(const struct transform_message *m, struct buf *out);

/* Reads a program's result; *r borrows from `text` and the arena. RC_INVALID, RC_LIMIT: `why` says it. */
MUST_USE enum rc transform_message_read(struct str text, struct arena *a,
                                     struct transform_message_result *r, struct buf *why);

/* Worker; blocks. All three steps; `out` takes the program's result and has to live as long as *r. A program without
 * a result makes r->cancel true. Errors as of transform_run(). */
MUST_USE enum rc transform_message_transform(struct transform_pool *p, struct str program,
                                          const struct transform_message *m,
                                          const struct transform_limits *limits,
                                          struct arena *a, struct buf *out,
                                          struct transform_message_result *r, struct buf *why);
