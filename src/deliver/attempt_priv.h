/* SPDX-License-Identifier: Apache-2.0
 *
 * An attempt: from the moment it is sent until its outcome is recorded. Pooled, so that its buffers
 * are reused. A destination kind is one file behind struct deliver_destination.
 */
#pragma once

#include "broker/broker.h"
#include "deliver/shard_priv.h"
#include "deliver/transform.h"

struct deliver_attempt {
    struct store_outcome outcome;
    struct fetch_call call;
    struct broker_call broker;
    struct arena scratch;  /* of this attempt */
    struct deliver_shard *shard;
    struct deliver_lane *lane;
    struct deliver_item *item;
    struct core_app *view; /* a reference; keeps `ep` and the URL alive */
    const struct core_endpoint *ep;
    struct http_url url;
    const struct deliver_destination *destination;
    struct deliver_transform *transform; /* owned; NULL: the endpoint has none */
    struct str payload;    /* what is sent and signed: the message's bytes, the transform's, or `body` */
    struct str lines;      /* header lines that come with them */
    struct buf head;       /* what a destination builds: header lines, the URL to show */
    struct buf body;       /* what it makes of the payload, if it is not sent as it is */
    const char *reason;    /* the judgement's */
    struct deliver_attempt *next, *prev;
};

/* What came of it, in terms that every kind of destination has. Borrowed for the call. */
struct deliver_result {
    bool is_canceled;   /* by us: the delivery stays as it was */
    bool got_response;
    int status;
    bool is_permanent;
    int64_t retry_after_us;
    int64_t took_us;
    struct str error;   /* short name, "" with a response */
    struct str detail;  /* words */
    struct str response;
    struct str response_headers;
};

struct deliver_destination {
    const char *kind;
    /* Ends in deliver_attempt_finish(), perhaps before it returns. */
    void (*start)(struct deliver_attempt *a);
    /* deliver_attempt_finish() with is_canceled, at once. */
    void (*cancel)(struct deliver_attempt *a);
};
extern const struct deliver_destination deliver_destination_http;
extern const struct deliver_destination deliver_destination_amqp;

void deliver_attempt_finish(struct deliver_attempt *a, const struct deliver_result *r);

/* order.c: after the outcome is filled, before it is recorded. */
void deliver_order_failed(struct deliver_attempt *a, enum core_verdict verdict);
/* outcome.c: fills the outcome from the result and its judgement. */
enum core_verdict deliver_outcome_fill(struct deliver_attempt *a, const struct deliver_result *r);
/* request.c: header lines of a delivery by HTTP into a->head; a->outcome.url and .request_headers.
 * RC_LIMIT: more than fits (64 KiB). */
enum { DELIVER_HEAD_MAX = 65536 };
MUST_USE enum rc deliver_request_build(struct deliver_attempt *a, struct str *lines);

/* preservica.c: the body of a delivery under that scheme, into a->body; the same on every attempt.
 * RC_INVALID: the payload is no JSON object. */
MUST_USE enum rc deliver_preservica_body(struct deliver_attempt *a);
/* Its header line for `body`. RC_LIMIT. */
MUST_USE enum rc deliver_preservica_line(const struct deliver_attempt *a, struct str body, struct buf *out);

/* form.c: the payload as a flattened form, into a->body; one that is a form already stays. RC_INVALID: it is
 * neither that nor a JSON object. */
MUST_USE enum rc deliver_form_body(struct deliver_attempt *a);

/* ckan.c: the body of a delivery to a CKAN webhook, into a->body. RC_INVALID: the payload is no JSON. */
MUST_USE enum rc deliver_ckan_body(struct deliver_attempt *a);
