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
    struct core_targets targets;
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

/* The view after a change of the application: `what` as core_directory_on_change() has it. Everything else is shared
 * with `old`, but endpoints whose old keys have ended meanwhile. RC_NOT_FOUND (deleted), RC_IO. */
MUST_USE enum rc core_view_renew(const struct core_view_source *source, const struct core_app *old,
                                 int64_t what, struct core_app **out);

/* Reads the health of an endpoint into the view, where it is in there. RC_IO. */
MUST_USE enum rc core_view_health(const struct core_view_source *source, const struct core_app *app,
                                  int64_t endpoint);
