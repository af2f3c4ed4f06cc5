/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers that go out compressed. Lists shrink to a tenth, and browsers far away wait for bytes; the price is some 3 us a
 * KiB on the worker that made the answer. Never on a loop: publishing and streams do not come by here.
 *
 * What lets somebody in is never compressed, because the size of an answer that holds a secret beside a stranger's words
 * tells of the secret (BREACH). That is seen by the shape: a row without one, or with a field that is API_SECRET, is left alone.
 */
#pragma once

#include "api/kit/ctx.h"

enum { API_PACK_MIN = 1024 /* bytes; what is shorter fits into a packet anyway */ };

/* May answers of this row be compressed? */
bool api_pack_allowed(const struct api_route *route);
/* Compresses the answer by gzip if it is JSON, long enough, a success, and the client takes it; says with Vary that it
 * depends on that. Worker, after whatever keeps the answer. */
void api_pack(struct api_ctx *c);
