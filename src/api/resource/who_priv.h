/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose token or session a request came with, in words for pages.
 */
#pragma once

#include "api/kit/kit_priv.h"

/* An object by the shape WhoOut. False: answered with the failure. No transaction may be open. */
bool api_who_write(struct api_ctx *c, struct api_out *o, const char *name, const struct access_identity *who);
