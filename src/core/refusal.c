/* SPDX-License-Identifier: Apache-2.0
 *
 * See core/refusal.h.
 */
#include "core/refusal.h"

#include "metrics/metrics.h"

enum core_refusal core_refusal_of_status(int status)
{
    if (status < 400)
        return CORE_REFUSAL_NONE;
    switch (status) {
    case 401:
    case 403: return CORE_REFUSAL_UNAUTHORIZED;
    case 404:
    case 410: return CORE_REFUSAL_NOT_FOUND;
    case 409: return CORE_REFUSAL_CONFLICT;
    case 413:
    case 414:
    case 431: return CORE_REFUSAL_TOO_LARGE;
    case 429:
    case 503: return CORE_REFUSAL_BUSY;
    case 507: return CORE_REFUSAL_DISK;
    default: return status < 500 ? CORE_REFUSAL_INVALID : CORE_REFUSAL_FAILED;
    }
}

enum core_refusal core_refusal_of(enum rc rc)
{
    static const enum core_refusal reasons[] = {
        [RC_OK] = CORE_REFUSAL_NONE,
        [RC_INVALID] = CORE_REFUSAL_INVALID,
        [RC_NOT_FOUND] = CORE_REFUSAL_NOT_FOUND,
        [RC_CONFLICT] = CORE_REFUSAL_CONFLICT,
        [RC_DENIED] = CORE_REFUSAL_FAILED,
        [RC_LIMIT] = CORE_REFUSAL_DISK,
        [RC_BUSY] = CORE_REFUSAL_BUSY,
        [RC_CORRUPT] = CORE_REFUSAL_FAILED,
        [RC_IO] = CORE_REFUSAL_FAILED,
    };
    return reasons[rc];
}

void core_refusal_count(enum core_refusal why)
{
    switch (why) {
    case CORE_REFUSAL_NONE:
    case CORE_REFUSAL_COUNTED: return;
    case CORE_REFUSAL_INVALID: metrics_add(METRIC_CORE_REFUSED_INVALID, 1); return;
    case CORE_REFUSAL_UNAUTHORIZED: metrics_add(METRIC_CORE_REFUSED_UNAUTHORIZED, 1); return;
    case CORE_REFUSAL_NOT_FOUND: metrics_add(METRIC_CORE_REFUSED_NOT_FOUND, 1); return;
    case CORE_REFUSAL_CONFLICT: metrics_add(METRIC_CORE_REFUSED_CONFLICT, 1); return;
    case CORE_REFUSAL_TOO_LARGE: metrics_add(METRIC_CORE_REFUSED_TOO_LARGE, 1); return;
    case CORE_REFUSAL_BUSY: metrics_add(METRIC_CORE_REFUSED_BUSY, 1); return;
    case CORE_REFUSAL_DISK: metrics_add(METRIC_CORE_REFUSED_DISK, 1); return;
    case CORE_REFUSAL_FAILED: metrics_add(METRIC_CORE_REFUSED_FAILED, 1); return;
    }
}
