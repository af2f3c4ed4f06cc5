/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes of answers that look things up.
 */
#include "api/schemas/schemas.h"

static const char rules_doc[] =
    "disabled; unverified: its handshake was not passed; event_type; channel; filter; "
    "filter_unreadable; payload_gone: its filter cannot be asked any more; endpoint_deleted.";

#include "api/kit/schema_rows.h"
#include "api/schemas/look.def"
