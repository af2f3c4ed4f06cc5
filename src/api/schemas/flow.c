/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes of what flows: messages, attempts, tasks, statistics.
 */
#include "api/schemas/schemas.h"

static const char reason_doc[] =
    "Why the delivery ended without success, else null; with an attempt: only the last one. "
#define END_REASON(id, number, name, text) name ": " text ". "
#include "tables/end_reasons.def"
#undef END_REASON
    "";

#include "api/kit/schema_rows.h"
#include "api/schemas/flow.def"
