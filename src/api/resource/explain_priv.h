/* SPDX-License-Identifier: Apache-2.0
 *
 * Explaining a message: what is asked (explain.c), and the answer for one endpoint (explain_endpoint.c).
 */
#pragma once

#include "api/kit/kit_priv.h"
#include "api/resource/message_in.h"
#include "api/resource/rules_priv.h"

enum { API_EXPLAIN_TRANSFORMS_MAX = 10 }; /* run for one answer */
#define API_EXPLAIN_TRANSFORMS_US INT64_C(2000000) /* ... and no more are begun after this time */

/* The question. */
struct api_explain {
    struct store_message *message; /* a reference; payload ptr NULL: gone */
    bool is_stored;
    struct core_app *view;         /* a reference */
    struct api_rules_channels channels;
    struct store_delivery_row *rows; /* the message's, by endpoint number */
    size_t row_count;
    int transforms_left;
    int64_t transforms_until_us; /* monotonic clock */
};

/* One endpoint of the answer. */
struct api_explained {
    int64_t num;
    const struct store_delivery_row *row; /* NULL: it has no delivery of the message */
    struct store_endpoint ep;
};

/* Writes an ExplainedAttempt. */
void api_attempt_short_write(struct api_out *o, const struct store_attempt_row *row);
/* Writes an ExplainedEndpoint. Worker: asks the endpoint's lane and may run its transform; no transaction may be open. */
void api_explain_write(struct api_ctx *c, struct api_out *o, struct api_explain *q, const struct api_explained *e);
