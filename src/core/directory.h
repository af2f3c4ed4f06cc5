/* SPDX-License-Identifier: Apache-2.0
 *
 * The directory: for each application in use, one immutable, counted view with everything the hot
 * path needs (endpoints with compiled filters and keyrings). Views are cached, bounded, and swapped
 * when something changes: each commit tells the directory what it touched (store/notes.h) before it
 * returns, so that within the node nobody who has its answer sees an old view.
 *
 * Lookups that find a cached view never block and may be made from any thread. What a view holds, how a message is matched
 * with it and how an endpoint's secrets are kept have headers of their own, which this one includes.
 */
#pragma once

#include "base/base.h"
#include "core/app.h"
#include "core/endpoint.h"
#include "core/match.h"
#include "core/secrets.h"
#include "json/json.h"
#include "sign/sign.h"
#include "store/endpoint.h"
#include "store/flow.h"
#include "work/work.h"

struct core_directory;

/* How endpoints are compiled, from above (dest/dest.h). */
struct core_targets {
    const void *ctx;
    /* Fills kind, settings, shown_url and is_personal of an endpoint whose id, url, options_sealed and keyring are there;
     * may complete url. `kind`: the row's; `options` (NULL: none) and `key` (its current one; NULL: none) are borrowed. */
    void (*compile)(const void *ctx, struct arena *a, struct str kind, const json_t *options, const struct sign_key *key, struct core_endpoint *ep);
    /* May the header never be configured? */
    bool (*is_reserved)(const void *ctx, const char *header);
};

struct core_directory_options {
    struct store *store;
    const struct sign_vault *vault;
    const struct clock *clock; /* store_clock() */
    size_t apps_max; /* cached views */
    struct core_targets targets;
};
struct core_directory *core_directory_new(const struct core_directory_options *o);
void core_directory_free(struct core_directory *d); /* before its store is closed */

/* Cached view by number, or by id or uid within an org; NULL: not cached (load it on a worker). With a reference. */
struct core_app *core_directory_get(struct core_directory *d, int64_t app);
struct core_app *core_directory_find(struct core_directory *d, int64_t org, struct str id_or_uid);
/* Worker: the same, loading it if need be. RC_NOT_FOUND, RC_IO. */
MUST_USE enum rc core_directory_load(struct core_directory *d, int64_t app, struct core_app **out);
MUST_USE enum rc core_directory_load_named(struct core_directory *d, int64_t org, struct str id_or_uid, struct core_app **out);

/* What changed of an application: one of its endpoints by number, or one of these. Of the endpoints only those that
 * changed are read; the new view shares all others with the one before. Health is written into the endpoint that is there
 * and is no change. */
enum { CORE_CHANGED_ITSELF = 0, CORE_CHANGED_ALL = -1 };
/* fn(ctx, app, what) runs on the thread that commits, after the swap; app 0 with CORE_CHANGED_ALL: whatever there is. Register before threads start; at most 8. */
void core_directory_on_change(struct core_directory *d, void (*fn)(void *ctx, int64_t app, int64_t what), void *ctx);
