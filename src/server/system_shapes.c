/* SPDX-License-Identifier: Apache-2.0
 *
 * The shapes of system.def as tables.
 */
#include "server/system_priv.h"

#include "api/kit/schema_rows.h"

#undef END
#define END(id, text) \
    } \
    ; \
    const struct api_schema server_schema_##id = { #id, id##_fields, COUNT_OF(id##_fields), text, \
                                                   true };

#include "server/system.def"
