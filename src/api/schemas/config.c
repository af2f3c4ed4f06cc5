/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes of what is configured: applications, endpoints, event types, access.
 */
#include "api/schemas/schemas.h"

#include "dest/dest.h"
#include "tables/foreign.h"

enum {
    METADATA_MAX = 4096,
    DESCRIPTION_MAX = 8192,
    SCHEMAS_MAX = 256 * 1024,
    RATE_MAX = 65535,
    TIMEOUT_MAX_MS = 60000,
    RETRIES_MAX = 32,
    GRACE_MAX_S = 604800,
    FLAGS_MAX = 25
};

static const char url_doc[] = "Where deliveries go: "
#define DEST_KIND(name, NAME, urls) urls
#include "dest/kinds.def"
                              " (credentials in it are kept sealed and not shown).";

#include "api/kit/schema_rows.h"
#include "api/schemas/config.def"
