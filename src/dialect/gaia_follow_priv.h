/* SPDX-License-Identifier: Apache-2.0
 *
 * Pointing the endpoints of all webhooks to this broker.
 */
#pragma once

#include "dialect/gaia_priv.h"

MUST_USE enum rc dialect_gaia_follow(const struct dialect_gaia_place *place, const struct dest_url *url);
