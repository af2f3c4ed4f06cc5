/* SPDX-License-Identifier: Apache-2.0
 *
 * Who asks, as it is kept beside what they did.
 */
#pragma once

#include "base/base.h"

struct api_ctx;

/* {"kind":"token","id":"12","name":"ci"}: a token by its number and name; or kind "jwt" with the id of the
 * organisation or application it stands for. c->tx must be open. JSON text, in the request's arena. */
struct str api_actor(struct api_ctx *c);
