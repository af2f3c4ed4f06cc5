/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of the table `gaia_webhook`: which application and endpoint of ours stand for a webhook of a tenant.
 * See store/config.h for the rules.
 */
#pragma once

#include "store/config.h"

struct gaia_row {
    struct str token; /* of its URL; unique in the organisation */
    int64_t org, app, endpoint;
    int64_t tenant;
    struct str datasource, event; /* a tenant has one webhook for both */
    struct str ts_field;  /* ptr NULL: none */
    struct str api_token; /* sealed */
    struct str host;      /* of the URL the tenant was given; empty: not known */
    int64_t created_ms;
};
/* RC_CONFLICT: the token is taken. */
MUST_USE enum rc gaia_row_insert(struct store_tx *tx, const struct gaia_row *w);
/* ts_field, api_token and host. RC_NOT_FOUND. */
MUST_USE enum rc gaia_row_update(struct store_tx *tx, const struct gaia_row *w);
MUST_USE enum rc gaia_row_delete(struct store_tx *tx, int64_t org, struct str token);
/* RC_NOT_FOUND. */
MUST_USE enum rc gaia_row_find(struct store_tx *tx, int64_t org, struct str token, struct arena *a, struct gaia_row *out);
/* The oldest of several, which only an import makes. */
MUST_USE enum rc gaia_row_find_same(struct store_tx *tx, int64_t org, int64_t tenant, struct str datasource, struct str event, struct arena *a, struct gaia_row *out);
/* All, a page at a time: at most `max` with a token after `after`, in order of it. */
MUST_USE enum rc gaia_row_walk(struct store_tx *tx, int64_t org, struct str after, size_t max, struct arena *a, struct gaia_row **out, size_t *count);
#define GAIA_ANY_TENANT INT64_MIN
/* All of all tenants, or of one, in order of the endpoint's number: at most `max` behind (or before) `after`. */
struct gaia_row_page {
    int64_t org, tenant; /* GAIA_ANY_TENANT: all */
    int64_t after;
    bool is_descending;
    size_t max;
};
MUST_USE enum rc gaia_row_page(struct store_tx *tx, const struct gaia_row_page *p, struct arena *a, struct gaia_row **out, size_t *count);
/* All of a tenant, oldest first; *out in the arena. */
MUST_USE enum rc gaia_row_list(struct store_tx *tx, int64_t org, int64_t tenant, struct arena *a, struct gaia_row **out, size_t *count);
