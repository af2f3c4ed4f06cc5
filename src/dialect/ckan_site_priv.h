/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking the site. Workers; they block.
 */
#pragma once

#include "dialect/ckan_priv.h"

/* RC_DENIED: the site knows no such user; RC_IO: it does not answer; RC_BUSY: too many ask. */
MUST_USE enum rc ckan_site_user(struct dialect_ckan *ckan, struct str credential, struct arena *a,
                                struct ckan_user *out);
/* The ids of an organisation's members, as a JSON array the caller releases. The same rcs. */
MUST_USE enum rc ckan_site_members(struct dialect_ckan *ckan, struct str organisation,
                                   struct arena *a, json_t **out);
/* Is the user (still) a sysadmin? */
MUST_USE enum rc ckan_site_is_sysadmin(struct dialect_ckan *ckan, struct str user, struct arena *a,
                                       bool *out);
