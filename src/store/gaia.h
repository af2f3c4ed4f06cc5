/* SPDX-License-Identifier: Apache-2.0
 *
 * Webhooks of the Gaia dialect: which application and endpoint of ours stand for a webhook of a tenant.
 * See store/config.h for the rules.
 */
#pragma once

#include "store/config.h"

struct store_gaia_webhook {
    struct str token; /* of its URL; unique in the organisation */
    int64_t org, app, endpoint;
    int64_t tenant;
    struct str datasource, event; /* a tenant has one webhook for both */
    struct str ts_field;  /* ptr NULL: none */
    struct str api_token; /* sealed */
    struct str host;      /* of the URL the tenant was given; empty: not known */
    int64_t created_ms;
};
/* RC_CONFLICT: the token is taken, or the tenant has one for the same datasource and event. */
MUST_USE enum rc store_gaia_insert(struct store_tx *tx, const struct store_gaia_webhook *w);
/* ts_field, api_token and host. RC_NOT_FOUND. */
MUST_USE enum rc store_gaia_update(struct store_tx *tx, const struct store_gaia_webhook *w);
MUST_USE enum rc store_gaia_delete(struct store_tx *tx, int64_t org, struct str token);
/* RC_NOT_FOUND. */
MUST_USE enum rc store_gaia_find(struct store_tx *tx, int64_t org, struct str token, struct arena *a, struct store_gaia_webhook *out);
MUST_USE enum rc store_gaia_find_same(struct store_tx *tx, int64_t org, int64_t tenant, struct str datasource, struct str event, struct arena *a, struct store_gaia_webhook *out);
/* All, a page at a time: at most `max` with a token after `after`, in order of it. */
MUST_USE enum rc store_gaia_walk(struct store_tx *tx, int64_t org, struct str after, size_t max, struct arena *a, struct store_gaia_webhook **out, size_t *count);
/* All of a tenant, oldest first; *out in the arena. */
MUST_USE enum rc store_gaia_list(struct store_tx *tx, int64_t org, int64_t tenant, struct arena *a, struct store_gaia_webhook **out, size_t *count);
