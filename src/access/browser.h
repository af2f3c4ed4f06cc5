/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests that a browser makes with a cookie: whether one is really made by our own page. A cookie is sent along
 * whoever's page asks, so it counts only beside a header that no other page can know, and where the browser says that
 * the request comes from here. Pure.
 */
#pragma once

#include "base/base.h"

#define ACCESS_COOKIE "__Host-grapnel"

enum { ACCESS_CSRF_TEXT = 43 }; /* base64url of SHA-256, without padding */

/* The value of the cookie `name` in a Cookie header; empty: it is not there, or twice. Borrowed. */
struct str access_cookie_find(struct str header, struct str name);
/* What has to stand in X-Grapnel-CSRF beside this cookie. */
void access_csrf_of(struct str cookie, char out[static ACCESS_CSRF_TEXT + 1]);
bool access_csrf_is(struct str cookie, struct str header);

/* What a browser says of where a request comes from; empty: it does not say. */
struct access_origin {
    struct str fetch_site; /* Sec-Fetch-Site */
    struct str origin;     /* Origin */
    struct str host;       /* Host */
    struct str public_url; /* as the server is reached from outside */
};
/* Whether it does not come from a page of somebody else. */
bool access_origin_is_ours(const struct access_origin *o);
/* Whether the browser will keep a Secure cookie from there: https, or a loopback name or address. */
bool access_origin_keeps_secure(struct str origin);
