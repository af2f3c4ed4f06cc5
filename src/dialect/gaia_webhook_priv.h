/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of webhooks.
 */
#pragma once

#include "dialect/gaia_priv.h"

bool dialect_gaia_is_token(struct str token);
struct str dialect_gaia_uid(struct arena *a, struct str token);
