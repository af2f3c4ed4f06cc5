/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes of webfilters, their chains and runs.
 */
#include "api/schemas/schemas.h"
#include "webfilter/set.h"

enum {
    TEXT_MAX = 8192,
    REDIRECT_MAX = 2048,
    MS_MAX = 60000,
    BREAKER_MS_MAX = 3600000,
    BREAKER_MAX = 1000,
    CACHE_MAX_S = 86400,
    GRACE_MAX_S = 604800,
    TRIAL_MAX = 200
};

#include "api/kit/schema_rows.h"
#include "api/schemas/webfilter.def"
