/* SPDX-License-Identifier: Apache-2.0
 *
 * Making and changing webhooks of the Gaia dialect, for its API and for the import.
 */
#pragma once

#include "json/json.h"
#include "sign/sign.h"
#include "store/store.h"

struct dialect_gaia_place {
    struct store *store;
    const struct sign_vault *vault;
    const struct clock *clock;
    const struct rng *rng;
    int64_t org;
    const char *amqp_url;
    bool is_dry; /* everything is done but kept */
};

enum { DIALECT_GAIA_NAME_MAX = 100 }; /* bytes of a data source and of an event */

struct dialect_gaia_webhook {
    int64_t tenant;
    struct str datasource, event;
    struct str token;     /* empty: a random one is made */
    struct str api_token;
    struct str host;      /* of its URL; empty: not known */
    bool has_ts_field;    /* else what there is stays */
    struct str ts_field;  /* empty: none */
    int64_t created_ms;   /* 0: now */
};

enum dialect_gaia_put { DIALECT_GAIA_MADE, DIALECT_GAIA_CHANGED, DIALECT_GAIA_SAME };

/* Worker. With a token: makes that webhook or changes it. Without one: changes the tenant's for the same data source
 * and event (its token and time of making stay), or makes one. On RC_OK *w is what it is now (strings in the arena) and *did what was done.
 * RC_INVALID: `why`. RC_CONFLICT: the token is another webhook's. RC_IO. */
MUST_USE enum rc dialect_gaia_put(const struct dialect_gaia_place *place, struct dialect_gaia_webhook *w, struct arena *a, enum dialect_gaia_put *did, struct buf *why);
