/* SPDX-License-Identifier: Apache-2.0
 *
 * What operators see of the whole server in the API, and the doctor there.
 */
#pragma once

#include "api/kit/context.h"
#include "api/kit/run.h"
#include "server/server_priv.h"

#define SCHEMA(id) extern const struct api_schema server_schema_##id;
#define FIELD(...)
#define END(id, text)
#include "server/system.def"
#undef SCHEMA
#undef FIELD
#undef END

/* Their handlers find the server as those of ops_priv.h do. */
extern const struct api_route_table server_system_rows;

/* When there are an API and a router: the routes here and of ops_priv.h. */
void server_system_start(struct server *s);
void server_system_stop(struct server *s); /* nobody asks any more */

/* Other organisations' options and lanes are nothing for a tenant. False: answered. */
bool server_is_for_operator(struct api_ctx *c);
/* What a forecast is made from. */
struct server_disk {
    const struct store_piece *pieces; /* the newest first */
    size_t count;
    int64_t bytes;        /* of all segments */
    int64_t left_bytes;   /* until messages are refused */
    int64_t retention_us; /* 0: everything is kept */
    int64_t now_us;
};
struct server_forecast {
    int64_t bytes_per_day; /* 0: not known */
    double days_left;      /* below 0: not known, or for ever */
};
/* As if it went on like the last 24 hours, or like what there is of them. */
struct server_forecast server_forecast_of(const struct server_disk *d);
/* The member "store". */
void server_write_store(struct server *s, struct api_ctx *c, struct api_out *o);
/* POST /api/v1/system/doctor */
void server_post_doctor(struct api_ctx *c);
