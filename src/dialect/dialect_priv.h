/* SPDX-License-Identifier: Apache-2.0
 *
 * What the dialects share: a handler finds its dialect by dialect_set_of(req).
 */
#pragma once

#include "dialect/dialect.h"

struct dialect_gaia;
struct dialect_ckan;
struct dialect_sts;
struct dialect_preservica;

struct dialect_set {
    struct dialect_options o;
    struct dialect_gaia *gaia; /* NULL: off */
    struct dialect_ckan *ckan;
    struct dialect_preservica *preservica;
};

/* A file's name as TLS takes it: NULL for the system's. */
static inline const char *dialect_file(const char *option)
{
    return option[0] == '\0' ? NULL : option;
}

static inline struct dialect_set *dialect_set_of(const struct http_request *req)
{
    return api_dialects(req->ctx);
}

/* --- gaia.c */
MUST_USE enum rc dialect_gaia_new(struct dialect_set *set, struct buf *why);
void dialect_gaia_free(struct dialect_gaia *gaia); /* NULL is fine */
void dialect_gaia_add_routes(struct http_router *router);

/* --- preservica.c */
MUST_USE enum rc dialect_preservica_new(struct dialect_set *set, struct buf *why);
void dialect_preservica_free(struct dialect_preservica *p); /* NULL is fine */
void dialect_preservica_add_routes(struct http_router *router);

/* --- ckan.c */
MUST_USE enum rc dialect_ckan_new(struct dialect_set *set, struct buf *why);
void dialect_ckan_free(struct dialect_ckan *ckan); /* NULL is fine */
void dialect_ckan_add_routes(struct http_router *router);
