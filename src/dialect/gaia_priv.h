/* SPDX-License-Identifier: Apache-2.0
 *
 * The Gaia dialect: a configuration API for tenants, and a data API whose URLs are credentials. A
 * webhook is an application of ours (uid "gaia-<token>") with one endpoint of kind "amqp"; what the
 * data path needs of it stands in that endpoint's options, so that a push reads no database.
 */
#pragma once

#include "dest/dest.h"
#include "dialect/dialect_priv.h"
#include "dialect/gaia.h"
#include "dialect/gaia_store.h"

enum {
    GAIA_TOKEN_MAX = 128,  /* bytes of a token; ours have 43 */
    GAIA_BEARER_MAX = 2048,
    GAIA_CONFIRM_US = 10000000,
    GAIA_STS_AT_ONCE = 4 /* workers that may wait for the tenant service; others must stay free */
};

struct dialect_gaia {
    struct dialect_gaia_place place;
    struct dialect_sts *sts;
};

static inline struct dialect_gaia *dialect_gaia_of(const struct http_request *req)
{
    return dialect_set_of(req)->gaia;
}
