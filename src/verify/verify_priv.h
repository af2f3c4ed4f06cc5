/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the files of this module.
 */
#pragma once

#include "verify/verify.h"

/* Takes the engine over; copies the texts. */
struct verify_scheme *verify_scheme_wrap(struct grapnel_scheme *engine, struct str name,
                                         struct str text, const char *origin);
