/* SPDX-License-Identifier: Apache-2.0
 *
 * The shapes of lists.def as tables.
 */
#include "dialect/lists_priv.h"

#include "api/kit/schema_rows.h"

#undef END
#define END(id, text) \
    } \
    ; \
    const struct api_schema dialect_schema_##id = { #id, id##_fields, COUNT_OF(id##_fields), text, \
                                                    true };
/* What dialect_write_state() writes, but for the endpoint's id. */
#define STATE \
    FIELD("disabled", BOOL, API_REQUIRED, "Nothing is sent to it.") \
    FIELD("disabledReason", STRING, API_NULLABLE, "manual, failing, gone, ...") \
    FIELD("createdAt", DATE, API_REQUIRED, "When it was made.") \
    FIELD("updatedAt", DATE, API_REQUIRED, "When it was last changed.")

#include "dialect/lists.def"
