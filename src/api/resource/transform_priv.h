/* SPDX-License-Identifier: Apache-2.0
 *
 * An endpoint's filter and transform in requests and answers.
 */
#pragma once

#include "api/kit/kit_priv.h"
#include "filter/language.h"

/* Before the transaction: are "filter" and "transform" of the body such? False: answered. May block on
 * a helper process. */
bool api_transform_check(struct api_ctx *c);
/* The body's "filter", compiled; the caller filter_program_free()s. NULL: it is null, or not there. False: answered. */
bool api_transform_filter(struct api_ctx *c, struct filter_program **out);
/* Into an endpoint's options. */
void api_transform_fill(struct api_ctx *c, json_t *options, bool all);
/* The members "filter" and "transform", if the endpoint has them. */
void api_transform_write(struct api_ctx *c, struct api_out *o, const json_t *options);
/* The server's, for a run of the caller's organisation. */
struct transform_limits api_transform_limits(const struct api_ctx *c);
/* Does a program compile? False: answered. */
bool api_transform_compiles(struct api_ctx *c, struct str program, const char *where);
