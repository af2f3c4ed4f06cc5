/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding things of which only a word is known: an id, a uid, a name, an event id, an idempotency key. Every search is
 * bounded and says when it was not complete. Worker threads; results in the arena.
 */
#pragma once

#include "store/request.h"
#include "store/source.h"

enum store_thing {
    STORE_THING_APPLICATION,
    STORE_THING_ENDPOINT,
    STORE_THING_SOURCE,
    STORE_THING_FILTER,
    STORE_THING_EVENT_TYPE,
    STORE_THING_TASK,
    STORE_THINGS
};

/* A row of what is configured. */
struct store_named {
    enum store_thing thing;
    int64_t num;
    int64_t app;         /* it belongs to; 0: to the organisation */
    struct str id;       /* of an event type: its name */
    struct str uid;      /* ptr NULL: none */
    struct str title;    /* a name or a description */
    struct str detail;   /* a URL, or ptr NULL */
};

enum { STORE_FIND_ROWS = 50000 }; /* at most looked at, the newest, for a text */

struct store_find {
    int64_t org;
    int64_t app;        /* only of this application; 0: of all */
    struct str text;
    bool by_id;         /* `text` is the whole id; else it is a uid or a part of a name, description or URL. Letters of ASCII in any case */
};
/* Adds to out[*count .. max): the things of that kind, whole matches first, then the newest. *is_complete becomes false
 * when there were more rows than are looked at. */
MUST_USE enum rc store_find_named(struct store_tx *tx, enum store_thing thing, const struct store_find *f, struct arena *a,
                                  struct store_named *out, size_t max, size_t *count, bool *is_complete);

/* The applications a message of the organisation may belong to, the hidden ones of its sources too, newest first: at most
 * `max` of those with a number below `before`. */
struct store_find_app {
    int64_t num;
    struct str id, uid;
};
MUST_USE enum rc store_find_apps(struct store_tx *tx, int64_t org, int64_t before, size_t max, struct arena *a,
                                 struct store_find_app **out, size_t *count);

/* The source whose hidden application it is. RC_NOT_FOUND: none, or it is deleted. */
MUST_USE enum rc store_source_by_app(struct store_tx *tx, int64_t app, struct arena *a, struct store_source *out);

enum store_flowing { STORE_FLOW_MESSAGE, STORE_FLOW_REQUEST, STORE_FLOW_RUN, STORE_FLOW_ATTEMPT };

/* A row of what flows. */
struct store_flowing_row {
    enum store_flowing kind;
    struct id id;
    struct id message;       /* of an attempt: what was sent */
    int64_t app, source, endpoint; /* numbers; 0: none */
    int64_t at_us;           /* wall clock */
    int status;              /* of an attempt or request */
    struct str title;        /* event type, or event of a chain */
    struct str event_id;     /* ptr NULL: none */
};
/* By its id alone, in whatever application. RC_NOT_FOUND. An attempt is looked for in at most STORE_FIND_SEGMENTS
 * segments, the newest first; *is_complete becomes false when there are older ones. */
enum { STORE_FIND_SEGMENTS = 64 };
MUST_USE enum rc store_find_flowing(struct store *s, enum store_flowing kind, const struct id *id, struct arena *a,
                                    struct store_flowing_row *out, bool *is_complete);

/* Messages by event id or by idempotency key in any of these applications, newest segments first. */
struct store_find_key {
    int64_t app;
    uint8_t key[16]; /* used when `event_id` has ptr NULL */
};
struct store_find_keys {
    struct str event_id;
    const struct store_find_key *keys;
    size_t key_count;
    int64_t until_us; /* monotonic clock: no new segment is looked into after it */
};
MUST_USE enum rc store_find_messages(struct store *s, const struct store_find_keys *f, struct arena *a, struct store_flowing_row *out,
                                     size_t max, size_t *count, bool *is_complete);
