/* SPDX-License-Identifier: Apache-2.0
 *
 * What is wrong in an organisation, as far as the configuration and the requests of sources tell. Bounded by the number
 * of endpoints and sources, never by that of messages. Worker threads; results in the arena.
 */
#pragma once

#include "store/endpoint.h"
#include "store/request.h"

/* An endpoint that fails, or that the server has disabled. */
struct store_ailing {
    struct store_endpoint ep; /* without keys */
    int64_t org;              /* of its application, which may be hidden */
};
/* Endpoints that fail and are not disabled, longest first, then those that were disabled because they failed or were
 * gone, newest first: at most `max` of each. `app`: only of this application; 0: of the organisation and its sources. */
MUST_USE enum rc store_trouble_endpoints(struct store_tx *tx, int64_t org, int64_t app, size_t max, struct arena *a,
                                         struct store_ailing **out, size_t *count);

/* The live sources of the organisation, newest first. */
struct store_trouble_source {
    int64_t num, app;
    struct str id, name;
};
MUST_USE enum rc store_trouble_sources(struct store_tx *tx, int64_t org, int64_t app, size_t max, struct arena *a,
                                       struct store_trouble_source **out, size_t *count);

/* Applications that have an enabled webfilter, at most `max`. */
MUST_USE enum rc store_trouble_filter_apps(struct store_tx *tx, int64_t org, int64_t app, size_t max, struct arena *a,
                                           int64_t **out, size_t *count);

/* The newest requests that a source refused since a time: of them at most STORE_REFUSED_MAX are looked at. */
enum { STORE_REFUSED_MAX = 100 };
struct store_refused {
    size_t count;
    int64_t first_us, last_us; /* wall clock */
    struct id last;
    struct str reason;         /* of the last */
    int status;
};
MUST_USE enum rc store_request_refused(struct store *s, int64_t source, int64_t since_us, struct arena *a,
                                       struct store_refused *out);
