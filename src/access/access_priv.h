/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by access/access.c (cache, revocation) and access/read.c (what a token stands for).
 */
#pragma once

#include "access/access.h"
#include "store/config.h"

#include <stdio.h>

enum { ACCESS_COUNTS = 256 };

struct access {
    struct store *store;
    const struct clock *clock;
    const struct rng *rng;
    struct str jwt_secret; /* owned, wiped */
    bool makes_orgs; /* for JWTs */
    size_t cached_max;
    struct access_uses *uses; /* has a lock of its own */
    struct mutex lock;     /* over what follows */
    struct map *young, *old;
    uint64_t epoch;
    uint64_t orgs[ACCESS_COUNTS], apps[ACCESS_COUNTS], tokens[ACCESS_COUNTS], hashes[ACCESS_COUNTS];
};

struct access_identity *access_identity_new(const struct access_identity *from);

/* Of the form that access_create() gives texts. */
bool access_is_ours(struct str text);
/* Reads a token from the store, or checks it as a JWT. Worker. RC_NOT_FOUND as access_load(). */
MUST_USE enum rc access_read(struct access *a, struct access_proof proof, struct access_identity **out, struct buf *why);

/* ended.c. When a JWT of an application that was issued then ends; INT64_MAX: by itself. In seconds. */
enum { ACCESS_JWT_SETTING_MAX = 48 };
MUST_USE enum rc access_jwt_end(struct store_tx *tx, int64_t app, struct arena *arena,
                                     int64_t issued_s, int64_t *at_s);
/* Those issued up to now end at `at_s`, unless they end before. */
MUST_USE enum rc access_jwt_set_end(struct store_tx *tx, int64_t app, int64_t now_s,
                                         int64_t at_s);
