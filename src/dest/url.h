/* SPDX-License-Identifier: Apache-2.0
 *
 * The URL of an endpoint's row, which says its kind. Credentials in it ("https://user:password@host/") are sealed
 * options under the kind's name; a row's URL never holds them.
 */
#pragma once

#include "dest/dest.h"

/* Gives the row this URL, which its kind has read; the row's id is there. A URL without a user part keeps the
 * credentials of the same URL; an empty user part ("https://@host/") and another URL drop them.
 * RC_CORRUPT: the row's sealed options do not open. */
MUST_USE enum rc dest_url_put(const struct sign_vault *v, struct arena *a,
                              const struct dest_kind *kind, const struct dest_url *url,
                              struct store_endpoint *row);
/* The same from the text. RC_INVALID: it is no URL of any kind. */
MUST_USE enum rc dest_url_set(const struct sign_vault *v, struct arena *a, struct str url,
                              struct store_endpoint *row);

/* In an object of sealed options: the credentials of that kind, and of no other. */
void dest_url_keep_credentials(json_t *sealed, const struct dest_kind *kind,
                               const struct dest_url *url);

/* For rows of builds that kept credentials in the URL: seals them, and what a handshake proved of the URL holds on.
 * RC_NOT_FOUND: there are none. RC_CORRUPT as above. */
MUST_USE enum rc dest_url_seal(const struct sign_vault *v, struct arena *a,
                               struct store_endpoint *row);

/* The URL that requests of kind "http" go to. RC_CORRUPT as above. */
MUST_USE enum rc dest_url_full(const struct sign_vault *v, struct arena *a,
                               const struct store_endpoint *row, struct str *out);

/* For kinds whose URLs are http's: the credentials of a user part (ptr NULL: it is empty), and the URL with them again,
 * wiped with the arena. */
struct str dest_url_userinfo(struct arena *a, struct str user);
struct str dest_url_with(struct arena *a, const json_t *credentials, struct str url);
