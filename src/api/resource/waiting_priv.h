/* SPDX-License-Identifier: Apache-2.0
 *
 * What holds back deliveries at this moment.
 */
#pragma once

#include "api/kit/kit_priv.h"

/* What holds back an endpoint's deliveries at this moment. */
struct api_waiting {
    struct store *store;
    int64_t until_us;           /* wall clock: nothing is sent before then; 0: nothing holds all of them */
    int64_t throttled_until_us; /* the same, by a throttle */
    bool has_head;              /* the endpoint keeps order: this one is first */
    struct store_due head;
    struct deliver_lane_info lane;
};

void api_waiting_at(struct api_ctx *c, int64_t app, int64_t endpoint, struct api_waiting *out);
/* When the delivery is sent, at the earliest, by the wall clock; 0: it does not wait. */
int64_t api_waiting_next(const struct api_waiting *w, const struct store_delivery_row *row);
/* Is it held back by the one that is first? */
bool api_waiting_is_behind(const struct api_waiting *w, const struct store_delivery_row *row);
/* When the store has it due, at the earliest, by store_clock(). */
int64_t api_waiting_due(const struct store_delivery_row *row);
/* nextAttempt, blockedBy, throttledUntil of a delivery. */
void api_waiting_write(struct api_out *o, const struct api_waiting *w, const struct store_delivery_row *row);
/* What the endpoint's lane is doing at this moment; zeros when it has none. */
struct deliver_lane_info api_lane_of(struct api *api, int64_t endpoint);
bool api_endpoint_is_ordered(struct api_ctx *c, int64_t app, int64_t endpoint);
