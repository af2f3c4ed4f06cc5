/* SPDX-License-Identifier: Apache-2.0
 *
 * Events of the site.
 */
#pragma once

#include "dialect/ckan_priv.h"

void ckan_webhook_event(struct ckan_call *c);
