/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts about the site's users for a short time. Any thread.
 */
#pragma once

#include "dialect/ckan_priv.h"

struct ckan_cache *ckan_cache_new(const struct clock *clock, int64_t keep_us);
void ckan_cache_free(struct ckan_cache *cache); /* NULL is fine */
/* False: not known (any more). The text is copied into the arena. */
bool ckan_cache_get(struct ckan_cache *cache, struct str key, struct arena *a, struct str *out);
void ckan_cache_put(struct ckan_cache *cache, struct str key, struct str text);
