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
/* What a user is called at the site. */
MUST_USE enum rc ckan_site_name(struct dialect_ckan *ckan, struct str user, struct arena *a, struct str *out);

/* Whether the site answers, and whose our own token is. */
struct ckan_probe {
    int status;        /* 0: no answer */
    int64_t took_us;
    struct str user;   /* ptr NULL: the site did not say */
    struct str detail; /* what went wrong on the way; ptr NULL: nothing */
    bool is_sysadmin;
};
/* Asks anew. RC_OK: it knows the token; the other rcs as above, with what there is in *out. */
MUST_USE enum rc ckan_site_probe(struct dialect_ckan *ckan, struct arena *a, struct ckan_probe *out);
