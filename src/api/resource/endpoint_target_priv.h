/* SPDX-License-Identifier: Apache-2.0
 *
 * Where an endpoint's deliveries go: its URL, and the settings of that kind of destination.
 */
#pragma once

#include "api/kit/kit_priv.h"

/* Takes the body's URL, if it has one: kind, URL without credentials, and those sealed. A URL that names the same
 * target without credentials keeps the ones there are. False: answered. */
bool api_endpoint_fill_url(struct api_ctx *c, struct store_endpoint *ep);
/* The body's settings of kinds of destinations fit the endpoint's kind, and that kind takes them. False: answered. */
bool api_endpoint_check_settings(struct api_ctx *c, const struct store_endpoint *ep);
/* The endpoint's sealed options as a new object, empty if it has none. False: they do not open, which was answered;
 * never an empty object, as saving that would drop the others. */
bool api_endpoint_open_options(struct api_ctx *c, const struct store_endpoint *ep, json_t **out);
