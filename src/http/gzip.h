/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies with Content-Encoding: gzip. Pure; any thread.
 */
#pragma once

#include "base/base.h"

/* Appends what `packed` holds: one gzip stream or several in a row. RC_LIMIT: more than `out` takes; nothing beyond was
 * unpacked. RC_INVALID: not gzip, damaged, cut off, or something follows. */
MUST_USE enum rc http_gunzip(struct str packed, struct buf *out);
