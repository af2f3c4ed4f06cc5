/* SPDX-License-Identifier: Apache-2.0
 *
 * The pages: the console of operators (/console), the portal of customers (/portal), and the files of both (/assets),
 * embedded from web/ and answered on the loop from read-only memory. Everything is made at the start, also what depends
 * on where the server is mounted (the path of public_url), and never changes.
 *
 *   struct face *face = face_new(&options);
 *   face_add_routes(face, router);   // the router's ctx is the api, which keeps the face for the handlers
 */
#pragma once

#include "api/api.h"
#include "http/router.h"

struct face;

struct face_options {
    struct api *api;
    const char *public_url, *console_url; /* as api_options has them */
    bool console, portal;        /* whether they are served; a build without pages says why instead */
    const char *frame_ancestors; /* who may show the portal in a frame: sources of CSP, separated by commas */
    const char *icon_origins;    /* where the portal may show pictures from; the same; may be empty */
    const char *name, *support_url; /* what the portal says of its host; may be empty */
    const char *logo;            /* path of a PNG or WebP file; may be empty */
    const char *hide;            /* parts that the portal does not show, separated by commas */
};
/* Whether the texts are what a Content-Security-Policy can hold and the portal can show. RC_INVALID: `why`. Reads the logo. */
MUST_USE enum rc face_check(const struct face_options *o, struct buf *why);

/* Texts are copied, and the logo is read. RC_INVALID as face_check(). */
MUST_USE enum rc face_new(const struct face_options *o, struct face **out, struct buf *why);
void face_free(struct face *f); /* NULL is fine */
void face_add_routes(struct face *f, struct http_router *router);
/* What the pages ask for beside the API's own operations; face_add_routes() does it, too. */
void face_add_operations(struct api *api, struct http_router *router);

/* Whether this build has the pages: `-Dweb`. */
bool face_has_pages(void);
