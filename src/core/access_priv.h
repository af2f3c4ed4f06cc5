/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by core/access.c (cache, revocation) and core/access_read.c (what a token stands for).
 */
#pragma once

#include "core/access.h"
#include "store/config.h"

#include <stdio.h>

struct core_access {
    struct store *store;
    const struct clock *clock;
    const struct rng *rng;
    struct str jwt_secret; /* owned, wiped */
    size_t cached_max;
    struct mutex lock;     /* over what follows */
    struct map *young, *old;
    uint64_t epoch;
};

struct core_identity *core_identity_new(const struct core_identity *from);

/* Reads a token from the store, or checks it as a JWT. Worker. */
MUST_USE enum rc core_access_read(struct core_access *a, struct str token, struct core_identity **out, struct buf *why);

/* access_ended.c. When a JWT of an application that was issued then ends; INT64_MAX: by itself. In seconds. */
enum { CORE_JWT_SETTING_MAX = 48 };
MUST_USE enum rc core_access_jwt_end(struct store_tx *tx, int64_t app, struct arena *arena,
                                     int64_t issued_s, int64_t *at_s);
/* Those issued up to now end at `at_s`, unless they end before. */
MUST_USE enum rc core_access_jwt_set_end(struct store_tx *tx, int64_t app, int64_t now_s,
                                         int64_t at_s);
