/* SPDX-License-Identifier: Apache-2.0
 *
 * Headers that an endpoint adds.
 */
#pragma once

#include "api/kit/kit_priv.h"

/* Checks and seals an object of header values. False: answered. */
bool api_headers_set(struct api_ctx *c, struct store_endpoint *ep, const json_t *headers, const char *where);
const char *api_header_fault(struct str name, struct str value); /* NULL: fine */
