/* SPDX-License-Identifier: Apache-2.0
 *
 * The kind "http" as its files share it.
 */
#pragma once

#include "dest/dest.h"
#include "http/url.h"

struct dest_http {
    struct http_url url; /* with its credentials */
    struct dest_wrapping wrapping;
};

/* request.c: header lines into c->head; c->url and c->shown_head. RC_LIMIT: more than fits. */
MUST_USE enum rc dest_http_request(struct dest_call *c, const struct dest_http *h, struct str *lines);
