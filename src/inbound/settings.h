/* SPDX-License-Identifier: Apache-2.0
 *
 * A source's settings: a JSON object, everything about it that is no secret. docs/guide/receiving.md
 * describes them.
 */
#pragma once

#include "base/base.h"
#include "json/json.h"

enum {
    INBOUND_ROUTES_MAX = 32,
    INBOUND_ROUTE_APPS_MAX = 16,
    INBOUND_ROUTE_TYPES_MAX = 100,
    INBOUND_REPLY_MAX = 4096, /* bytes of an answer's body */
    INBOUND_WINDOW_MAX_S = 604800,
    INBOUND_SETTINGS_MAX = 262144 /* bytes of the whole */
};

struct filter_program;

/* Are requests with equal bodies (and queries, and signed times) one event? */
enum inbound_body_dedupe {
    INBOUND_BODY_NEVER,
    INBOUND_BODY_UNSIGNED, /* where the id is not signed, or there is none */
    INBOUND_BODY_ALWAYS
};

/* Several events in one request. */
enum inbound_batches {
    INBOUND_BATCHES_PRESET, /* as the scheme says */
    INBOUND_BATCHES_SPLIT,  /* a message each */
    INBOUND_BATCHES_WHOLE
};

struct inbound_reply {
    int status;                    /* 0: the scheme's */
    struct str content_type, body; /* ptr NULL: the scheme's */
};

struct inbound_route {
    struct str *event_types; /* exact names, or "name.*"; none: all */
    size_t event_type_count;
    struct filter_program *filter; /* NULL: all */
    struct str transform;          /* a jq program; ptr NULL: none */
    struct str *apps;              /* ids or uids */
    size_t app_count;
};

/* Lives in an arena, with everything it points to. */
struct inbound_settings {
    bool has_window;
    int64_t window_past_s, window_future_s;
    struct inbound_reply accept, reject;
    bool dedupe_by_id;    /* by what the scheme, or `identity`, says identifies an event */
    struct str identity; /* fields, as grapnel_scheme_dedupe() takes them; empty: the scheme's */
    enum inbound_body_dedupe dedupe_by_body;
    enum inbound_batches batches;
    struct str event_type; /* when the provider names none */
    bool forward_headers;
    struct str methods;    /* "POST, PUT"; empty: the scheme's */
    size_t body_max;       /* bytes; 0: the server's limit, or what the provider may send if that is more */
    struct str public_url; /* instead of the server's, for what some providers sign */
    struct inbound_route *routes;
    size_t route_count;
};

/* Reads the JSON text, so that numbers of filters stay as they are written. RC_INVALID: `why` says which member
 * and what is wrong. */
MUST_USE enum rc inbound_settings_read(struct arena *a, struct str text,
                                       struct inbound_settings *out, struct buf *why);
