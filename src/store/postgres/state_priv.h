/* SPDX-License-Identifier: Apache-2.0
 *
 * How deliveries stand: the one place that says it, for all reads. As its row in `waiting` has it, if there is one; else as
 * its newest row in `attempt` has it; else nothing has become of it yet, and it is pending.
 */
#pragma once

#include "store/postgres/read_priv.h"
#include "store/store_priv.h"

/* A delivery that is asked for. */
struct postgres_pair {
    int64_t msg, endpoint;
    int64_t first_due_us; /* when its first attempt was due: store_postgres_first_due_us() */
};

struct postgres_state {
    struct store_delivery_row row; /* but for its message */
    bool is_untouched;             /* nothing has become of it yet */
    int64_t last_k;                /* the key of its last attempt; 0: none was made */
    int http_status;               /* of that */
    const char *has_text;          /* what of that has the text: "response" or "error"; NULL: nothing has */
};

enum { POSTGRES_STATES_MAX = 1024 };
/* Of `count` deliveries of a segment, POSTGRES_STATES_MAX at most, in their order. `text`: looked for in their last
 * attempts; empty: none is. */
MUST_USE enum rc store_postgres_states(struct db *db, const struct postgres_segment *seg, const struct postgres_pair *pairs,
                                       size_t count, struct str text, struct arena *a, struct postgres_state *out);
/* When the first attempts of a message are due, by what is kept of it. */
int64_t store_postgres_first_due_us(int64_t k, int64_t created_us, int64_t deliver_at_us);
