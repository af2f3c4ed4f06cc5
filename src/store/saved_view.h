/* SPDX-License-Identifier: Apache-2.0
 *
 * Saved views: pages of the console with their filters, kept under a name by one person or for all of an organisation.
 * See store/config.h for the rules.
 */
#pragma once

#include "store/config.h"

enum { STORE_VIEWS_MAX = 100 }; /* of an organisation */

struct store_saved_view {
    int64_t num;
    int64_t org;
    struct str id;    /* "view_..." */
    struct str owner; /* whose it is: "user:<num>", "token:<num>", ... Those of a user or token end with it unless they are shared */
    bool is_shared;   /* with everybody of the organisation */
    struct str name;
    struct str page;  /* "/apps" */
    struct str query; /* without '?' */
    int64_t created_us, updated_us;
};
/* Fills num. RC_LIMIT: the organisation has STORE_VIEWS_MAX. */
MUST_USE enum rc store_saved_view_insert(struct store_tx *tx, struct store_saved_view *v);
MUST_USE enum rc store_saved_view_update(struct store_tx *tx, const struct store_saved_view *v); /* is_shared, name, page, query, updated_us */
MUST_USE enum rc store_saved_view_remove(struct store_tx *tx, int64_t num);
/* One that `owner` may see: a shared one, or their own. RC_NOT_FOUND. */
MUST_USE enum rc store_saved_view_find(struct store_tx *tx, int64_t org, struct str owner, struct str id, struct arena *a, struct store_saved_view *out);
/* Those that `owner` may see. page->after: an id. */
MUST_USE enum rc store_saved_view_list(struct store_tx *tx, int64_t org, struct str owner, const struct store_page *page, struct arena *a,
                                       struct store_saved_view *out, struct store_page_end *end);
