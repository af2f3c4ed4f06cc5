/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes for trying out filters and transforms.
 */
#include "api/schemas/schemas.h"

enum { FILTER_MAX = 65536, PROGRAM_MAX = 16384, TEXT_MAX = 65536 };

#include "api/kit/schema_rows.h"
#include "api/schemas/transform.def"
