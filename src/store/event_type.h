/* SPDX-License-Identifier: Apache-2.0
 *
 * Event types of an organisation. See store/config.h for the rules.
 */
#pragma once

#include "store/config.h"

struct store_event_type {
    int64_t num;
    int64_t org;
    struct str id; /* "evtype_..." */
    struct str name;
    struct str description;
    struct str schemas;       /* JSON object text; ptr NULL: none */
    struct str feature_flags; /* JSON array text; ptr NULL: none */
    struct str group_name;    /* ptr NULL: none */
    bool deprecated;
    bool archived;
    int64_t created_us;
    int64_t updated_us;
};
MUST_USE enum rc store_event_type_insert(
    struct store_tx *tx,
    struct store_event_type *et); /* RC_CONFLICT: name taken, archived ones included */
MUST_USE enum rc store_event_type_update(struct store_tx *tx, const struct store_event_type *et);
MUST_USE enum rc store_event_type_remove(struct store_tx *tx, int64_t num);
MUST_USE enum rc store_event_type_find(struct store_tx *tx, int64_t org, struct str name,
                                       struct arena *a, struct store_event_type *out);
/* By name, ascending unless page->descending; page->after is a name. Filters flagged types unless the flag is in `flags`
 * (JSON array text; ptr NULL: no filtering). */
MUST_USE enum rc store_event_type_list(struct store_tx *tx, int64_t org, bool archived_too,
                                       struct str flags, const struct store_page *page,
                                       struct arena *a, struct store_event_type *out,
                                       struct store_page_end *end);
/* Every name, archived ones included; `name` is valid during the call. RC_IO. */
MUST_USE enum rc store_event_type_names(struct store_tx *tx, int64_t org,
                                        void (*fn)(void *ctx, struct str name), void *ctx);
