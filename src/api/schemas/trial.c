/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes for trying things out before they are used.
 */
#include "api/schemas/schemas.h"

#include "verify/verify.h"

enum { HEADERS_TEXT_MAX = 65536, TEXT_MAX = 8192 };

#include "api/kit/schema_rows.h"
#include "api/schemas/trial.def"
