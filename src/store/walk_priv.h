/* SPDX-License-Identifier: Apache-2.0
 *
 * Walking keys page by page, for the lists of what flows.
 */
#pragma once

#include "store/store_priv.h"

/* How far an id's time may be from the time that is shown for its row. */
#define WALK_SLACK_US (INT64_C(300) * 1000000)

/* Keys between low and high, both exclusive. */
struct store_walk {
    bool ascending;
    int64_t low, high;
};

/* The bounds a page and a time window (0: open) put on keys. RC_INVALID: page->after is no id. */
MUST_USE enum rc store_walk_bounds(struct store_walk *w, const struct store_page *page,
                                   struct str prefix, int64_t after_us, int64_t before_us,
                                   int64_t slack_us);
