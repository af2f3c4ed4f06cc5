/* SPDX-License-Identifier: Apache-2.0
 *
 * Dialects: APIs of other webhook services, served on the same listeners so that their clients need
 * not change. What is made through one is an ordinary application, endpoint or message. Each is
 * switched on by its options; a dialect that is off has no routes.
 */
#pragma once

#include "api/api.h"
#include "conf/conf.h"
#include "deliver/handshake.h"
#include "dest/dest.h"

struct dialect_set; /* all that are switched on */

/* What receivers of these services know, for endpoints of any origin, whether the dialect is switched on or not: rows
 * for the tables of whoever puts the server together, ours included. NULL at the end. */
extern const struct dest_envelope *const dialect_envelopes[];
extern const struct deliver_handshake_kind *const dialect_handshakes[];

struct dialect_options {
    const struct conf *conf;   /* the dialects' own options; stands as long as they */
    const char *public_url;    /* ours, for links */
    struct api *api;           /* what the router's handlers get */
    struct store *store;
    struct core_directory *directory;
    struct core_publisher *publisher;
    struct deliver *deliver;
    struct work_pool *pool;
    const struct sign_vault *vault;
    const struct clock *clock;
    const struct rng *rng;
    int64_t org;               /* whose applications are made */
    int64_t retention_us;      /* of payloads */
    struct deliver_handshaker *handshaker;
    struct core_events *events;
};

/* RC_INVALID: an option is wrong, `why` says which. Strings in the options are borrowed for good. */
MUST_USE enum rc dialect_set_new(const struct dialect_options *o, struct dialect_set **out, struct buf *why);
void dialect_set_free(struct dialect_set *d); /* NULL is fine */
/* Routes that are there whatever is switched on. Before dialect_set_new(). */
void dialect_add_routes(struct api *api, struct http_router *router);
void dialect_set_add_routes(struct dialect_set *d, struct http_router *router);
