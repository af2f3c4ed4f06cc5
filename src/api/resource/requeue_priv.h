/* SPDX-License-Identifier: Apache-2.0
 *
 * Deliveries that are asked for again, and payloads that are erased.
 */
#pragma once

#include "api/kit/kit_priv.h"

/* Requeues one delivery and hands it over; blocks until it is durable. */
MUST_USE enum rc api_requeue(struct api *api, const struct id *message, int64_t app, int64_t endpoint, bool create_missing);
MUST_USE enum rc api_expunge(struct api *api, const struct id *message, int64_t app, const struct id *attempt);

/* What is asked for again. */
struct api_again {
    int64_t app, endpoint;
    bool create_missing;
    int64_t task; /* 0: none. One that asks twice gets each delivery once, and it counts as done again */
};

/* Several in one go; *done counts those that are due now. What is wrong with one of several (no payload, not there)
 * is passed over. RC_BUSY, RC_IO, RC_LIMIT (the disk is full): some are not done, and may be asked for again. */
MUST_USE enum rc api_requeue_many(struct api *api, const struct api_again *again, const struct id *messages, size_t count, size_t *done);
/* What the delivery of a message to an endpoint is before it is canceled. */
struct api_waits {
    struct id message;
    int64_t endpoint;
    enum store_state state;
};
/* Cancels deliveries that wait. What is being sent at this moment is let finish, and counts as what comes of it; the
 * rest does not leave any more when this returns. *done counts those that still waited. RC_BUSY: there is no delivery engine;
 * RC_IO, RC_CORRUPT: some are not done, and may be asked for again. */
MUST_USE enum rc api_cancel_many(struct api *api, int64_t app, const struct api_waits *list, size_t count, size_t *done);
/* Several payloads. When it returns, nothing leaves any more of those that are *done. As above. */
MUST_USE enum rc api_expunge_many(struct api *api, const struct id *messages, size_t count, int64_t app, size_t *done);
