/* SPDX-License-Identifier: Apache-2.0
 *
 * Damaged files.
 */
#pragma once

#include "store/files/files_priv.h"

/* Adds what an operator can do about a segment that is damaged, if that is what `why` says. */
void store_aside_hint(enum rc rc, const char *path, struct buf *why);
