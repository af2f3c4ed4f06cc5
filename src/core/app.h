/* SPDX-License-Identifier: Apache-2.0
 *
 * The view of an application: everything the hot path needs of it, immutable and counted. Looking into it touches
 * memory only; any thread.
 */
#pragma once

#include <stdatomic.h>

#include "base/base.h"
#include "core/endpoint.h"
#include "core/index.h"

struct core_app {
    atomic_int _refs;
    atomic_llong _let_until_us;    /* deliver's: where the application's own throttle stands for what is taken up */
    atomic_llong _begun_until_us;  /* ... and for attempts that begin */
    int64_t fresh_until_us;        /* of the endpoint that has to be read again first */
    int64_t num, org;
    struct str id, uid;
    struct str org_id;
    struct str org_name;
    int64_t throttle;
    bool has_filters;              /* some endpoint has one: see core/filters.h */
    size_t endpoint_count;
    struct core_index _endpoints;  /* all, by number */
    struct core_index _types;      /* of endpoints with event types, by each of them. Disabled ones are in none of these */
    struct core_index _channels;   /* of endpoints with channels and no event types, by each of them */
    struct core_index _open;       /* of the endpoints with neither */
    struct core_index _ending;     /* of endpoints with an old key, by the time that it ends as the rank */
    size_t _filter_count;
    struct arena _arena;
};

struct core_app *core_app_ref(struct core_app *app);
void core_app_unref(struct core_app *app); /* NULL is fine */

/* The endpoint in this view, or NULL (deleted or never there). */
const struct core_endpoint *core_app_endpoint(const struct core_app *app, int64_t num);
/* The i-th by number; i < endpoint_count. */
const struct core_endpoint *core_app_endpoint_at(const struct core_app *app, size_t i);
