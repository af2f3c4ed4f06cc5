/* SPDX-License-Identifier: Apache-2.0
 *
 * What an endpoint's rules say of a message. Each rule is asked by itself, so that all that speaks against a delivery is
 * told and not only the first. For explaining messages, and for trying changed rules on stored ones.
 */
#pragma once

#include "api/kit/out.h"
#include "core/directory.h"
#include "store/flow.h"

enum { API_RULES_REASONS_MAX = 8 };

struct api_rules_reason {
    const char *rule; /* literal: "event_type" and the like (ExplainedReason) */
    struct str words;
};

struct api_rules_verdict {
    struct api_rules_reason reasons[API_RULES_REASONS_MAX]; /* empty: it is wanted */
    size_t reason_count;
    json_t *filter; /* how the filter came to this; NULL: none, or it was not asked. Lives as long as the arena */
};

/* A message's channels, out of its JSON array; in the arena. */
struct api_rules_channels {
    const struct str *names;
    size_t count;
};
struct api_rules_channels api_rules_channels_of(const struct store_message *m, struct arena *a);

/* Event types, channels and filter; whether the endpoint is disabled is not asked. Worker: a filter may cost some
 * milliseconds. */
void api_rules_ask(const struct core_endpoint *ep, const struct store_message *m, struct api_rules_channels channels,
                   struct arena *a, struct api_rules_verdict *out);

/* "reasons" and "filter", members of an object. */
void api_rules_write(struct api_out *o, const struct api_rules_verdict *v, struct arena *a);
void api_rules_add(struct api_rules_verdict *v, const char *rule, struct str words);
