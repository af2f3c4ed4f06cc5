/* SPDX-License-Identifier: Apache-2.0
 *
 * What becomes a message: the request, or several events in it.
 */
#pragma once

#include "inbound/judge_priv.h"

/* What becomes a message of the source: the request, or one of several events in it. Texts are borrowed from the
 * request or live in the arena. */
struct inbound_event {
    struct id id; /* of its message, and of the first one the request's */
    struct str body, type;
    struct str event_id; /* ptr NULL: none */
    bool has_key;
    uint8_t key[16];
    struct inbound_destination *destinations; /* applications of routes; a list in order */
};
/* *split: they were parted, and *total says how many there were (one that comes twice is one). RC_INVALID,
 * RC_LIMIT: the events cannot be told apart; r->verdict.status says why. */
MUST_USE enum rc inbound_events(struct inbound *in, const struct inbound_view *v,
                                struct inbound_request *r, struct arena *a,
                                struct inbound_event **out, size_t *count, bool *split,
                                size_t *total);
/* Are its requests parted as a rule? Then it is work for a worker. */
bool inbound_parts_events(const struct inbound_view *v);
