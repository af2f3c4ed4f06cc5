/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes of charts.
 */
#include "api/schemas/schemas.h"

#include "api/kit/schema_rows.h"
#include "api/schemas/stats.def"
