/* SPDX-License-Identifier: Apache-2.0
 *
 * In which coding an answer may go to a client: Accept-Encoding, read strictly and without allocating. Pure.
 */
#pragma once

#include "base/base.h"

enum http_coding { HTTP_CODING_NONE, HTTP_CODING_BROTLI, HTTP_CODING_GZIP, HTTP_CODINGS };

/* What to answer with: of the codings in `has` (bits 1 << HTTP_CODING_...; NONE is always there) the one that
 * Accept-Encoding (RFC 9110, 12.5.3) puts highest; of equals the smallest. Without anything that fits it is NONE. */
enum http_coding http_coding_pick(struct str accept_encoding, unsigned has);
/* For Content-Encoding; empty: none. */
struct str http_coding_name(enum http_coding coding);
