/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of web/ as tools/web-build embedded them: read-only memory of the program, so answers borrow it. Files that gzip
 * makes smaller are there packed only; what is asked for as it is is unpacked once, and then kept. Any thread.
 */
#pragma once

#include "face/coding_priv.h"

#define FACE_PACKED UINT32_MAX /* a span that is nowhere: the file has to be unpacked */

struct face_span {
    uint32_t at, len; /* in face_web_bytes */
};

struct face_file {
    const char *name; /* "console-4KJ2NAQX.js" */
    const char *type; /* for Content-Type */
    struct face_span coded[HTTP_CODINGS]; /* [HTTP_CODING_NONE] always; of the others an empty one is not there */
    const char *etag; /* 16 hex digits, of the raw bytes */
};

/* NULL: there is no such file; its name is of another build, or nobody's. */
const struct face_file *face_asset_find(struct str name);
/* "console.html" or "portal.html", with {{base}} in it. NULL: this build has no pages, face_missing() says why. */
const struct face_file *face_page_find(const char *name);
/* Bits 1 << HTTP_CODING_NONE and the like: what the file is there in. */
unsigned face_file_codings(const struct face_file *f);
/* Good for as long as the program runs. The first call for a file that is there packed only takes about a millisecond for each 300 KB. */
struct str face_file_bytes(const struct face_file *f, enum http_coding coding);
/* Why this build has no pages, to go on "this server has no console: "; NULL: it has them. */
const char *face_missing(void);
