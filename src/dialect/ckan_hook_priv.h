/* SPDX-License-Identifier: Apache-2.0
 *
 * Webhooks as rows. Each is an action.
 */
#pragma once

#include "dialect/ckan_priv.h"

void ckan_webhook_create(struct ckan_call *c);
void ckan_webhook_show(struct ckan_call *c);
void ckan_webhook_list(struct ckan_call *c);
void ckan_webhook_delete(struct ckan_call *c);
void ckan_webhook_secret(struct ckan_call *c);
void ckan_webhook_import(struct ckan_call *c);
