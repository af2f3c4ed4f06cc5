/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by face/face.c (routes), face/page.c (what is made at the start) and face/plain.c.
 */
#pragma once

#include "api/kit/route.h"
#include "face/face.h"
#include "face/files_priv.h"

enum { FACE_HEADERS = 10, FACE_ETAG_TEXT = 20 /* with its quotes and NUL */ };

/* An index page, with its headers. */
struct face_page {
    struct str text;
    struct http_header headers[FACE_HEADERS];
    size_t header_count;
    struct str etag; /* with its quotes */
};

/* How the operator wants the portal, made from the options. */
struct face_look {
    struct str sources[2];  /* for frame-ancestors and img-src, as CSP has them */
    struct str config;      /* JSON by the shape PortalConfigOut */
    struct str config_etag;
    struct str logo;        /* empty: none */
    const char *logo_type;
    struct str logo_etag;
};

struct face {
    struct arena arena;
    struct api *api;
    bool has_console, has_portal; /* by options and by build */
    const char *no_console;       /* why not, to go on "this server has no console: " */
    struct str prefix;            /* path of public_url, without a slash at its end */
    struct str console_prefix;    /* the same of console_url */
    struct str console_host;      /* of console_url, without its port */
    struct face_page console, portal;
    struct face_look look;
};

/* page.c. Path (no slash at its end) and host of a URL; empty when it is none. */
void face_split_url(struct str url, struct str *prefix, struct str *host);
/* Replaces {{base}} by `prefix` as an attribute can hold it. */
struct str face_fill_base(struct str page, struct str prefix, struct arena *a);
/* look.c. RC_INVALID: `why`. Everything is in the arena. */
MUST_USE enum rc face_look_make(const struct face_options *o, struct arena *a, struct face_look *out, struct buf *why);
extern const struct api_route_table face_look_routes; /* what the portal asks for, and the logo */
void face_show_logo(struct http_request *req);
/* A strong one of the bytes, with its quotes. */
struct str face_etag(struct str bytes, struct arena *a);
void face_make_pages(struct face *f);

/* plain.c. The page behind portal links where there is no portal: text, without script. */
void face_answer_plain(struct http_request *req);
