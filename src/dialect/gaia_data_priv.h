/* SPDX-License-Identifier: Apache-2.0
 *
 * The data API.
 */
#pragma once

#include "dialect/gaia_priv.h"

void dialect_gaia_head(struct http_request *req);
void dialect_gaia_push(struct http_request *req);
