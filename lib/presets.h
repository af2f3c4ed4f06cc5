/* SPDX-License-Identifier: Apache-2.0
 *
 * The table that lib/presets.py makes, in order of name. Private.
 */
#pragma once

#include "grapnel.h"

extern const struct grapnel_preset gn_presets[];
extern const size_t gn_preset_count;
