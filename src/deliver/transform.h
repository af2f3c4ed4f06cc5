/* SPDX-License-Identifier: Apache-2.0
 *
 * An endpoint's transform on the way of a delivery: the shard asks, a worker runs it, the shard goes on
 * with what came of it. Nothing is kept between attempts: a retry runs it again.
 */
#pragma once

#include "core/directory.h"
#include "transform/message.h"

struct deliver_item;

/* Owned by whoever has it: the shard, then the backend, then the shard again. */
struct deliver_transform {
    struct deliver_item *item; /* the shard's */
    struct core_app *view;     /* a reference */
    const struct core_endpoint *ep; /* a reference; keeps the program's text alive */
    struct store_message *message; /* a reference */
    /* what came of it */
    enum rc rc;                          /* RC_BUSY, RC_IO: not run, ask again later */
    struct transform_message_result result; /* in `out` and `arena` */
    struct buf lines; /* header lines: the program's, then the message's own others */
    struct buf out, why;
    struct arena arena;
};

struct deliver_transform *deliver_transform_new(struct core_app *view,
                                                const struct core_endpoint *ep,
                                                struct store_message *message);
void deliver_transform_free(struct deliver_transform *t); /* NULL is fine */

/* Worker; blocks. What a program, of an endpoint or not, makes of a message: what a delivery would. `out` takes the program's
 * result and has to live as long as *r. Errors as of transform_run(). */
MUST_USE enum rc deliver_transform_message(struct transform_pool *pool, struct str program, const struct store_message *m,
                                           const struct transform_limits *limits, struct arena *a, struct buf *out,
                                           struct transform_message_result *r, struct buf *why);

/* Worker; blocks. Fills t. */
void deliver_transform_run(struct deliver_transform *t, struct transform_pool *pool,
                           const struct transform_limits *limits);
