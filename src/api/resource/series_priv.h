/* SPDX-License-Identifier: Apache-2.0
 *
 * What a chart is asked for: series_ask.c reads it, series.c answers.
 */
#pragma once

#include "api/kit/kit_priv.h"
#include "stats/stats.h"

enum { API_SERIES_MEASURES_MAX = 32, API_SERIES_IDS_MAX = 100, API_SERIES_ROW_POINTS_MAX = 100 };

/* A number of cells, or several added up, or a quantile. */
struct api_measure {
    const char *name, *unit;
    enum stats_field field;
    int count;        /* of fields that are added up; 0: a quantile */
    int64_t unit_us;  /* of its histogram */
    double q;
};

struct api_series_period {
    int64_t from_us, step_us;
    size_t count;
};
struct api_series_ask {
    struct api_series_period period;
    const struct api_measure *measures[API_SERIES_MEASURES_MAX];
    size_t measure_count;
};

/* `points_max`: more are refused. False: answered. */
bool api_series_ask(struct api_ctx *c, size_t points_max, struct api_series_ask *out);
/* What `of` names: "server", "organisation" or "<kind>:<id>". False: answered. */
bool api_series_subject(struct api_ctx *c, struct str of, struct stats_subject *out);
/* The kind's word, for lists of one kind. False: answered. */
bool api_series_kind(struct api_ctx *c, struct str word, enum stats_kind *out);
/* One of a kind. RC_NOT_FOUND: there is none that the token may see. */
MUST_USE enum rc api_series_find(struct api_ctx *c, enum stats_kind kind, struct str id, struct stats_subject *out);
