/* SPDX-License-Identifier: Apache-2.0
 *
 * How an error looks.
 */
#pragma once

#include "dialect/gaia_priv.h"

/* {"status":"error","msg":...} */
void dialect_gaia_error(struct http_request *req, int status, const char *msg);
