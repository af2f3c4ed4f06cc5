/* SPDX-License-Identifier: Apache-2.0
 *
 * An endpoint's way into a broker: exchange, routing key, headers. Compiled once from its settings, as
 *
 *   {"exchange": "events", "exchangeType": "topic", "declare": true, "routingKey": "{app.uid}.{eventType}",
 *    "headers": {"tenant": "{header:x-tenant}"}, "persistent": true, "mandatory": false,
 *    "confirmTimeoutMs": 10000}
 *
 * In texts {eventType}, {channel} (the message's first), {app.id}, {app.uid}, {source}, {header:NAME}
 * (of the message) and {json:/pointer} (RFC 6901, into a JSON payload) stand for what the message has,
 * the empty text if it has none; {{ and }} are braces. Immutable; any thread.
 */
#pragma once

#include "base/base.h"
#include "json/json.h"

enum {
    BROKER_TEMPLATE_MAX = 4096,     /* bytes of its text */
    BROKER_TEMPLATE_PARTS_MAX = 32,
    BROKER_POINTERS_MAX = 16,       /* {json:...} of a route: each reads the payload once a step */
    BROKER_POINTER_STEPS_MAX = 16,
    BROKER_EXPANDED_MAX = 65536     /* bytes of a header's value */
};

/* What a message has to fill in. */
struct broker_facts {
    struct str event_type, channel, app_id, app_uid, source;
    struct str headers; /* lines "Name: value\r\n" */
    struct str payload;
};

struct broker_template;
/* Into the arena. RC_INVALID: `why` says what is wrong and where. */
MUST_USE enum rc broker_template_compile(struct str text, struct arena *a, const struct broker_template **out, struct buf *why);
/* Appends. RC_LIMIT: longer than `out` may be. `scratch` is for unescaping. */
MUST_USE enum rc broker_template_expand(const struct broker_template *t, const struct broker_facts *facts, struct arena *scratch, struct buf *out);

size_t broker_template_pointer_count(const struct broker_template *t); /* its {json:...} */

/* What a JSON pointer finds in a payload: a string's characters, a number's or truth value's text; empty for
 * anything else, and where a name on the way comes twice in its object. */
struct str broker_json_at(struct str payload, struct str pointer, struct arena *scratch);

struct broker_route_header {
    struct str name;
    const struct broker_template *value;
};
struct broker_route {
    struct str exchange, exchange_type;
    bool declare, persistent, mandatory;
    const struct broker_template *routing_key;
    const struct broker_route_header *headers;
    size_t header_count;
    int64_t confirm_us; /* 0: the endpoint's deadline of an attempt */
};
/* `settings`: the object above, or NULL for all defaults (the default exchange, the event type as
 * routing key). RC_INVALID: `where` gets the member's name, `why` the words. */
MUST_USE enum rc broker_route_compile(const json_t *settings, struct arena *a, struct broker_route *out, const char **where, struct buf *why);
