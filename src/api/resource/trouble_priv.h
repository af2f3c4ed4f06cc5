/* SPDX-License-Identifier: Apache-2.0
 *
 * What is wrong in an organisation now: finding it, and writing it. Worker threads; all of it lives in the arena of the look.
 */
#pragma once

#include "api/kit/kit_priv.h"
#include "store/filter.h"
#include "store/trouble.h"

#define API_TROUBLE_HOUR_US INT64_C(3600000000)
#define API_TROUBLE_DAY_US (24 * API_TROUBLE_HOUR_US)
#define API_TROUBLE_LOOK_US INT64_C(150000) /* for sources and filters beyond the first, and as much for details */
enum { API_TROUBLE_LOOKED_AT_MIN = 20 /* sources, applications with filters, and details, whatever the time */ };

/* Worst first. */
enum api_trouble_rank {
    API_TROUBLE_DISABLED,
    API_TROUBLE_BREAKER,
    API_TROUBLE_PARKED,
    API_TROUBLE_FAILING,
    API_TROUBLE_HALTING,
    API_TROUBLE_REFUSING,
    API_TROUBLE_AGEING,
    API_TROUBLE_DISABLED_LONG,
    API_TROUBLE_RANKS
};
/* "endpoint_failing" and so on; both ranks of disabled ones have one name. */
const char *api_trouble_kind(enum api_trouble_rank rank);

struct api_trouble {
    enum api_trouble_rank rank;
    int64_t app;
    int64_t since_us, last_us; /* wall clock; 0: not known */
    struct store_endpoint ep;  /* num 0: none */
    struct store_trouble_source source;
    struct store_refused refused;
    struct store_filter filter; /* num 0: none */
    struct str event;
    int64_t until_us, oldest_us;
    int64_t count;
};

struct api_trouble_look {
    struct api *api; /* this and the next four by the caller */
    struct arena *arena;
    int64_t org;
    int64_t app; /* only this one; 0: all */
    int64_t now_us;
    struct api_trouble **items; /* worst first */
    size_t count;
    int64_t counts[API_TROUBLE_RANKS];
    bool is_complete;           /* false: there is more than was looked at */
    struct store_tx *tx;        /* the rest is the finder's own */
    struct map64 *by_endpoint;
    int64_t until_us;
};
MUST_USE enum rc api_trouble_find(struct api_trouble_look *l);

/* The query's `kind` (empty: all) and `app_id` (0: all). False: answered. */
bool api_trouble_query(struct api_ctx *c, struct str *kind, int64_t *app);
/* The members of TroubleOut. c->tx is a snapshot; details are left out once it is later than `until_us` (monotonic), but not those
 * of the first that are written, of which there have been `written`. */
void api_trouble_write(struct api_ctx *c, struct api_out *o, const struct api_trouble *t, size_t written, int64_t until_us);
/* How many there are by rank, as a TroubleCountsOut of that name. */
void api_trouble_counts_write(struct api_out *o, const char *name, const int64_t counts[static API_TROUBLE_RANKS]);
