/* SPDX-License-Identifier: Apache-2.0
 *
 * What a list of messages is filtered by, compared in C: for backends that cannot say it in their SQL.
 */
#pragma once

#include "store/filter_run.h"
#include "store/request.h"

struct store_wanted {
    const struct str *event_types;
    size_t event_type_count; /* 0: any */
    struct str channel, tag; /* empty: any */
};

/* `channels` and `tags`: arrays of JSON, as messages have them. */
bool store_is_wanted(const struct store_wanted *w, struct str event_type, struct str channels, struct str tags);
/* Does it leave anything out, apart from a window of time? */
bool store_wanted_is_filter(const struct store_wanted *w);
bool store_attempts_are_filtered(const struct store_attempt_filter *f);
bool store_requests_are_filtered(const struct store_request_filter *f);
bool store_filter_runs_are_filtered(const struct store_filter_run_filter *f);
