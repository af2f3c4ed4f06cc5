/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies with Content-Encoding: gzip. Pure; any thread.
 */
#pragma once

#include "base/base.h"

/* Appends what `packed` holds: one gzip stream or several in a row. RC_LIMIT: more than `out` takes; nothing beyond was
 * unpacked. RC_INVALID: not gzip, damaged, cut off, or something follows. */
MUST_USE enum rc http_gunzip(struct str packed, struct buf *out);

/* Appends `plain` as one gzip stream, at zlib's fastest level: some 3 us for each KiB of JSON. RC_LIMIT: it does not get as small as
 * what `out` takes; `out` then holds a part of it. Takes 270 KB of memory for as long as it runs. */
MUST_USE enum rc http_gzip(struct str plain, struct buf *out);
