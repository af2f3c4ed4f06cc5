/* SPDX-License-Identifier: Apache-2.0
 *
 * Searching deliveries: what is the same in every backend. A backend walks the messages of an application, newest first,
 * and hands over each; store_search_message() asks it for the deliveries in order, keeps those that are wanted, and knows
 * when to stop and where the next search goes on.
 */
#pragma once

#include "store/flow.h"

struct store_searching {
    struct store *store;
    const struct store_delivery_search *f;
    struct arena *arena;
    struct store_delivery_found *out;
    size_t count, max;
    int64_t rows, bytes, now_us;
    bool is_stopped;
    struct id last; /* the message looked at last */
    int64_t last_endpoint, last_shown_us;
    /* The state of a delivery, into found->row; its state stays 0 where there is none. */
    enum rc (*delivery)(struct store_searching *q, int64_t endpoint, struct store_delivery_found *found);
    /* Is it wanted by its last attempt, too? That is read then. *wanted: in, whether it is without it. */
    enum rc (*attempt)(struct store_searching *q, struct store_delivery_found *found, bool *wanted);
    /* The message that is looked at, without its payload, into the arena. */
    enum rc (*message)(struct store_searching *q, struct store_message *out);
};

/* A message as the walk found it; borrowed. */
struct store_searched {
    struct id id;
    int64_t created_us;
    struct str event_type;
    struct str endpoints; /* packed */
    int64_t payload_bytes;
    bool has_text; /* its payload does */
};

/* Begins, or begins anew; what the search calls is set by then. */
void store_search_begin(struct store_searching *q, struct store *s, const struct store_delivery_search *f,
                        struct arena *a, struct store_delivery_found *out, size_t max);
/* The key below which messages are looked for, as the search says where to go on; INT64_MAX: from the newest. */
int64_t store_search_high(const struct store_delivery_search *f);
/* Looks at a message. `is_stopped` then says whether the search ends with it, or within it. */
MUST_USE enum rc store_search_message(struct store_searching *q, const struct store_searched *m);
/* Is a delivery wanted by its last attempt: by the answer's status, and by the text where it is in nothing else?
 * `where`: what of the attempt has the text, "response" or "error"; NULL: nothing has. */
bool store_search_judge(const struct store_searching *q, struct store_delivery_found *found, bool wanted,
                        const char *where, int http_status);
void store_search_end(const struct store_searching *q, struct store_delivery_search_end *end);
