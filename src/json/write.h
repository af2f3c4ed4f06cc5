/* SPDX-License-Identifier: Apache-2.0
 *
 * Trees to text. Pure; any thread.
 */
#pragma once

#include <jansson.h>

#include "base/base.h"

/* Appends the compact text. RC_LIMIT: it would outgrow `out`; then nothing was added. */
MUST_USE enum rc json_write(const json_t *value, struct buf *out);
/* For people and for diffs: a member a line, indented, a line's end at the end. RC_LIMIT: not whole. */
MUST_USE enum rc json_write_lines(const json_t *value, struct buf *out);
struct str json_text(struct arena *a, const json_t *value); /* compact */
