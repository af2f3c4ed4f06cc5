/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the events of a request go.
 */
#pragma once

#include "inbound/events_priv.h"

enum { INBOUND_MESSAGES_MAX = 10000 }; /* of one request, in all applications */

struct inbound_destination {
    struct inbound_destination *next;
    struct core_app *app;
    struct str body;    /* transformed; ptr NULL: as it came */
    struct str headers; /* lines; ptr NULL: those of the rest */
};
/* Where the events of a request go, with references. */
struct inbound_plan {
    struct core_app *own; /* the source's application */
    struct inbound_event *events;
    size_t event_count;
    size_t message_count; /* in all */
    bool is_split;
    size_t total;         /* events in the request, if it was split */
    struct str forwarded; /* header lines that go on */
    struct arena *arena;
    bool is_worker; /* may load, filter and transform */
};
/* Fills `own` and the destinations of all events. RC_NOT_FOUND: something is not cached, or has to be transformed,
 * or an endpoint has a filter: ask again on a worker. RC_LIMIT: more than INBOUND_MESSAGES_MAX. The plan's
 * references are given back with its arena. */
MUST_USE enum rc inbound_plan(struct inbound *in, const struct inbound_view *v,
                              const struct inbound_request *r, struct inbound_plan *plan);
/* What filters and transforms see of the request; body and event type are the event's. */
struct filter_input inbound_filter_input(const struct inbound_request *r, struct arena *a);
/* `input`: with the event's body and type. */
bool inbound_route_takes(const struct inbound_route *route, const struct filter_input *input,
                         struct str *reason);
/* The publish job of the whole; `m`: what all its messages have. On a worker if the plan was made on one. */
struct core_publish *inbound_publish(struct inbound *in, const struct inbound_view *v,
                                     const struct inbound_plan *plan,
                                     const struct store_message *m);
/* What the row says of its events. */
void inbound_describe_events(const struct inbound_plan *plan, struct store_request *out);
