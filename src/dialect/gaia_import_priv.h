/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking over webhooks: POST a JSON array of records, with a token of ours.
 */
#pragma once

#include "dialect/gaia_priv.h"

void dialect_gaia_import(struct http_request *req);
