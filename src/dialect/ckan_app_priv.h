/* SPDX-License-Identifier: Apache-2.0
 *
 * The application and its event types.
 */
#pragma once

#include "dialect/ckan_priv.h"

/* Finds the application, or makes it if tx is one that writes. */
MUST_USE enum rc ckan_app(struct ckan_call *c, struct store_tx *tx, bool make,
                          struct store_application *out);
/* Registers a topic's event type; RC_CONFLICT never. */
MUST_USE enum rc ckan_topic_register(struct ckan_call *c, struct store_tx *tx, struct str topic);
/* One of CKAN's own, or one that the site has sent. */
MUST_USE enum rc ckan_topic_known(struct ckan_call *c, struct store_tx *tx, struct str topic,
                                  bool *out);
/* "dataset/create" to "dataset.create"; ptr NULL: no topic. */
struct str ckan_event_type(struct arena *a, struct str topic);
/* Letters, digits, '-' and '_', 1 to max. */
bool ckan_is_plain(struct str s, size_t max);
/* Tells operational endpoints. */
void ckan_tell(struct ckan_call *c, const char *what, const struct store_application *app,
               const struct store_endpoint *ep);
/* Deletes webhooks that were disabled for failing long ago; looks at most every hour. */
void ckan_sweep(struct ckan_call *c);
