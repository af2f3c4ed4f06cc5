/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes for who has access.
 */
#include "api/schemas/schemas.h"

#include "api/kit/schema_rows.h"
#include "api/schemas/people.def"
