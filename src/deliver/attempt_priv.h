/* SPDX-License-Identifier: Apache-2.0
 *
 * An attempt: from the moment it is sent until its outcome is recorded. Pooled by the kind of destination, so that
 * buffers and connections' state are reused.
 */
#pragma once

#include "deliver/shard_priv.h"
#include "deliver/transform.h"

#include <stdalign.h>

struct deliver_attempt {
    struct store_outcome outcome;
    struct dest_call call;
    struct arena scratch;  /* of this attempt */
    struct deliver_shard *shard;
    struct deliver_lane *lane;
    struct deliver_item *item;
    int64_t began_us;      /* as the shard's now_us */
    struct core_app *view; /* a reference */
    const struct core_endpoint *ep; /* a reference; keeps what the kind compiled alive */
    const struct dest_kind *kind; /* whose pool it is of; NULL: of those that only record */
    struct deliver_transform *transform; /* owned; NULL: the endpoint has none */
    struct buf head;       /* what a kind builds: header lines */
    struct buf body;       /* what it makes of the payload, if it is not sent as it is */
    int64_t planned_us;    /* when the schedule has an attempt of its own, if this one was asked for before; 0: it does not */
    const char *reason;    /* the judgement's */
    int64_t record_again_us; /* stuck: when the store is asked again */
    int64_t record_delay_us; /* ... and how long it waits before; 0: not stuck so far */
    struct deliver_attempt *next, *prev;
    alignas(max_align_t) char state[]; /* the kind's */
};
