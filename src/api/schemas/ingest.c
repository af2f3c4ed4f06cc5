/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes of what comes in: sources and their requests.
 */
#include "api/schemas/schemas.h"

enum {
    METADATA_MAX = 4096,
    NAME_MAX_BYTES = 256,
    GRACE_MAX_S = 604800,
    SCHEME_MAX = 8192,
    SETTINGS_MAX = 262144
};

#include "api/kit/schema_rows.h"
#include "api/schemas/ingest.def"
