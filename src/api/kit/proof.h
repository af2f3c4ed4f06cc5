/* SPDX-License-Identifier: Apache-2.0
 *
 * What a request proves itself with. The one place where a token or a cookie is read. Any thread.
 */
#pragma once

#include "access/access.h"
#include "http/server.h"

/* How this server is reached by browsers. */
struct api_door {
    bool has_console;      /* its cookie is looked at */
    struct str public_url; /* empty: not known */
};

/* The bearer token of the Authorization header or, without that, the console's cookie beside what makes it count
 * (access/browser.h). Empty text: nothing. */
struct access_proof api_proof_of(const struct api_door *door, const struct http_call *call);
/* The console's cookie, whether it counts or not; empty: there is none, or no console. */
struct str api_cookie(const struct api_door *door, const struct http_call *call);
/* Whether the browser does not say that somebody else's page asks. */
bool api_is_from_here(const struct api_door *door, const struct http_call *call);
