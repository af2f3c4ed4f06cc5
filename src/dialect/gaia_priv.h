/* SPDX-License-Identifier: Apache-2.0
 *
 * The Gaia dialect: a configuration API for tenants, and a data API whose URLs are credentials. A
 * webhook is an application of ours (uid "gaia-<token>") with one endpoint of kind "amqp"; what the
 * data path needs of it stands in that endpoint's options, so that a push reads no database.
 */
#pragma once

#include "broker/url.h"
#include "dialect/dialect_priv.h"
#include "dialect/gaia.h"
#include "store/gaia.h"

enum {
    GAIA_TOKEN_MAX = 128,  /* bytes of a token; ours have 43 */
    GAIA_BEARER_MAX = 2048,
    GAIA_CONFIRM_US = 10000000
};

struct dialect_gaia {
    const struct dialect_gaia_options *o;
    struct dialect_gaia_place place;
    struct dialect_sts *sts;
};

/* --- gaia_follow.c: points the endpoints of all webhooks to this broker. At start; blocks. */
MUST_USE enum rc dialect_gaia_follow(const struct dialect_gaia_place *place, const struct broker_url *url, struct work_pool *pool);

/* --- gaia_sts.c: whose token is it? Answers are kept for 30 s. */
MUST_USE enum rc dialect_sts_new(const struct dialect_gaia_options *o, struct dialect_sts **out, struct buf *why);
void dialect_sts_free(struct dialect_sts *sts); /* NULL is fine */
/* Worker. RC_DENIED: not a tenant's; RC_IO: the service does not answer. */
MUST_USE enum rc dialect_sts_check(struct dialect_sts *sts, struct str token, int64_t *tenant);

/* --- gaia.c */
static inline struct dialect_gaia *dialect_gaia_of(const struct http_request *req)
{
    return dialect_set_of(req)->gaia;
}
/* {"status":"error","msg":...} */
void dialect_gaia_error(struct http_request *req, int status, const char *msg);
bool dialect_gaia_is_token(struct str token);
struct str dialect_gaia_uid(struct arena *a, struct str token);

/* --- gaia_import.c: POST a JSON array of records, with a token of ours */
void dialect_gaia_import(struct http_request *req);

/* --- gaia_data.c, gaia_config.c */
void dialect_gaia_head(struct http_request *req);
void dialect_gaia_push(struct http_request *req);
extern const struct http_route dialect_gaia_config_routes[];
extern const size_t dialect_gaia_config_route_count;
