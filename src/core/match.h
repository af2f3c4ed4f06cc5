/* SPDX-License-Identifier: Apache-2.0
 *
 * Which endpoints of a view want a message. On the hot path: memory only, no allocation; any thread.
 */
#pragma once

#include "core/app.h"

/* Which endpoints of the view want this message: appends their numbers to out[max]; returns how many. Disabled ones never.
 * `channels`: of the message; an endpoint with channels wants a message that shares one. Costs by the number of endpoints
 * that ask for the type or a channel, not by the number there are. */
size_t core_match(const struct core_app *app, struct str event_type, const struct str *channels, size_t channel_count, int64_t *out, size_t max);

/* Would core_match() find this endpoint? Costs by what it asks for alone. */
bool core_match_one(const struct core_endpoint *ep, struct str event_type, const struct str *channels, size_t channel_count);

/* The same, taken apart: what fits and what does not. */
struct core_match_parts {
    bool is_enabled;  /* not disabled, and past its handshake if it needs one */
    bool type_fits, channel_fits;
};
struct core_match_parts core_match_parts(const struct core_endpoint *ep, struct str event_type, const struct str *channels, size_t channel_count);

/* At most so many endpoints can match. */
size_t core_match_bound(const struct core_app *app, struct str event_type, const struct str *channels, size_t channel_count);
