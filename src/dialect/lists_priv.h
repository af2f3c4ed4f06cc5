/* SPDX-License-Identifier: Apache-2.0
 *
 * What operators see of the dialects: lists for tokens of the organisation, in the API's own language. They are there
 * whatever is switched on: what a dialect made stays when it is switched off.
 */
#pragma once

#include "api/kit/context.h"
#include "api/kit/input.h"
#include "api/kit/run.h"
#include "dialect/dialect_priv.h"
#include "json/json.h"
#include "store/endpoint.h"

#define SCHEMA(id) extern const struct api_schema dialect_schema_##id;
#define FIELD(...)
#define STATE
#define END(id, text)
#include "dialect/lists.def"
#undef SCHEMA
#undef FIELD
#undef STATE
#undef END

/* A page of the live endpoints that fit, of the application with this uid in the caller's organisation; none if there is
 * no such application. */
struct dialect_listing {
    const char *app_uid;
    bool (*fits)(const struct store_endpoint *ep, const void *arg);
    void (*write)(struct api_ctx *c, struct api_out *o, const void *ep, const void *arg); /* `ep`: a store_endpoint */
    const void *arg;
};
void dialect_list_endpoints(struct api_ctx *c, const struct dialect_listing *l);

/* The members that say how an endpoint is: endpointId, disabled, disabledReason, createdAt, updatedAt. */
void dialect_write_state(struct api_out *o, const struct store_endpoint *ep);
/* Its options; NULL: none. The caller releases. */
json_t *dialect_options_of(const struct store_endpoint *ep);
