/* SPDX-License-Identifier: Apache-2.0
 *
 * What a request proves itself with. The one place where a token or a cookie is read. Any thread.
 */
#pragma once

#include "access/access.h"
#include "http/server.h"

/* Of listeners (http_server_set_door). */
enum { API_DOOR_PUBLIC, API_DOOR_CONSOLE };

/* How this server is reached by browsers. */
struct api_door {
    bool has_console;       /* its cookie is looked at */
    bool is_apart;          /* only on the listeners of the console (API_DOOR_CONSOLE) */
    struct str console_url; /* empty: not known */
};
/* Whether this is a listener at which the console is. */
bool api_door_is_open(const struct api_door *door, const struct http_call *call);

/* The bearer token of the Authorization header or, without that, the console's cookie beside what makes it count
 * (access/browser.h). Empty text: nothing. */
struct access_proof api_proof_of(const struct api_door *door, const struct http_call *call);
/* The console's cookie, whether it counts or not; empty: there is none, or no console. */
struct str api_cookie(const struct api_door *door, const struct http_call *call);
/* Whether the browser does not say that somebody else's page asks. */
bool api_is_from_here(const struct api_door *door, const struct http_call *call);
