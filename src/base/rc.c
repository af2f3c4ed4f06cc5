/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of result codes.
 */
#include "base/rc.h"

const char *rc_name(enum rc rc)
{
    switch (rc) {
    case RC_OK: return "ok";
    case RC_INVALID: return "invalid";
    case RC_NOT_FOUND: return "not_found";
    case RC_CONFLICT: return "conflict";
    case RC_DENIED: return "denied";
    case RC_LIMIT: return "limit";
    case RC_BUSY: return "busy";
    case RC_CORRUPT: return "corrupt";
    case RC_IO: return "io";
    }
    return "unknown";
}
