/* SPDX-License-Identifier: Apache-2.0
 *
 * Making a view from the store's rows. No locks; worker threads.
 */
#pragma once

#include "core/directory.h"

struct core_view_source {
    struct store *store;
    const struct sign_vault *vault;
    const struct clock *clock;
};

/* Which application: by number (num != 0) or by id or uid within an organisation. */
struct core_view_key {
    int64_t num;
    int64_t org;
    struct str name;
};

/* With one reference. RC_NOT_FOUND (deleted ones too), RC_IO. An endpoint whose secrets do not open
 * is in the view without a keyring, and logged: it must not take the others down. */
MUST_USE enum rc core_view_load(const struct core_view_source *source,
                                const struct core_view_key *key, struct core_app **out);

/* Fills the lists that core_match() looks into, from app->endpoints, into app->_arena. */
void core_view_index(struct core_app *app);
