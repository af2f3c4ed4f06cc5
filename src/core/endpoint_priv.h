/* SPDX-License-Identifier: Apache-2.0
 *
 * Making endpoints. One is its maker's until others get to see it.
 */
#pragma once

#include "core/endpoint.h"

/* Zeroed but for its freshness, with one reference. What it points to goes into its _arena. */
struct core_endpoint *core_endpoint_new(void);
/* The only change that an endpoint sees once others have it. Any thread. */
void core_endpoint_fares(const struct core_endpoint *ep, int64_t failing_since_us,
                         int64_t last_failure_us);
