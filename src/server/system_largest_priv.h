/* SPDX-License-Identifier: Apache-2.0
 *
 * Who fills the disk.
 */
#pragma once

#include "api/kit/context.h"

/* GET /api/v1/system/largest, for somebody who may see it: other organisations are in it. */
void server_reply_largest(struct api_ctx *c);
