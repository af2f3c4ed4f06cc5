/* SPDX-License-Identifier: Apache-2.0
 *
 * Endpoints' filters and transforms. See docs/guide/filters.md and transforms.md.
 */
#pragma once

#include "core/directory.h"
#include "filter/language.h"
#include "store/flow.h"

/* Fills has_filter, filter and transform of a view's endpoint from its options. A filter that does not
 * compile (any more) lets nothing through, and is logged. */
void core_endpoint_read_filter(struct arena *a, const json_t *options, struct core_endpoint *ep);

/* Keeps those of the endpoints (that core_match() found) whose filters want the message, in order; returns
 * how many. Costs nothing when the view has no filter; else up to some milliseconds an endpoint in the worst case:
 * not for loops unless the payload is small. Any thread. */
size_t core_filter(const struct core_app *app, const struct store_message *m, int64_t *endpoints,
                   size_t count);

/* Does the endpoint's own filter want the message? *explanation (may be NULL) becomes a new reference that says how it
 * came to this, or NULL when there is no filter or it is broken. Costs as above. */
bool core_filter_one(const struct core_endpoint *ep, const struct store_message *m, json_t **explanation);
