/* SPDX-License-Identifier: Apache-2.0
 *
 * What the dashboards of applications and of sources share.
 */
#pragma once

#include "api/kit/kit_priv.h"

/* Makes a token as `spec` says and answers 200 with it and a link to the portal. `app_id`: the id of its application. */
void api_give_access(struct api_ctx *c, const struct access_token_spec *spec, struct str app_id);
