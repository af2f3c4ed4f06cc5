/* SPDX-License-Identifier: Apache-2.0
 *
 * Making views. One is its maker's until it goes into the directory; then it never changes.
 */
#pragma once

#include "core/app.h"

/* Without endpoints, with one reference. */
struct core_app *core_app_new(void);
/* Numbers, names and throttle are those of the other; its texts are copied. */
void core_app_describe(struct core_app *app, const struct core_app *as);
/* The endpoints of a new view are those of the other. */
void core_app_take_endpoints(struct core_app *app, const struct core_app *of);
/* Puts the endpoint in, with a reference, for the one of its number if there is one. */
void core_app_put(struct core_app *app, const struct core_endpoint *ep);
void core_app_remove(struct core_app *app, int64_t num);
