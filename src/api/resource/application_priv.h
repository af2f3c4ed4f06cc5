/* SPDX-License-Identifier: Apache-2.0
 *
 * Applications as other resources need them: shown, filled, found or made.
 */
#pragma once

#include "api/kit/kit_priv.h"

void api_application_write_members(struct api_out *o, const struct store_application *app); /* without the braces */
void api_application_write(struct api_out *o, const struct store_application *app);
/* Fills a new application from an ApplicationIn object that was checked. */
void api_application_fill(struct api_ctx *c, const json_t *in, struct store_application *app);
/* MessageIn and AppPortalAccessIn may carry an application to be made when the path's is not known: finds or makes
 * it in its own transaction. False: answered. */
bool api_application_ensure(struct api_ctx *c, const json_t *in, struct store_application *app);
