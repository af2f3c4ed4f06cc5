/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration API.
 */
#pragma once

#include "dialect/gaia_priv.h"

extern const struct http_route dialect_gaia_config_routes[];
extern const size_t dialect_gaia_config_route_count;
