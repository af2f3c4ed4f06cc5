/* SPDX-License-Identifier: Apache-2.0
 *
 * What the last commits came to.
 */
#pragma once

#include "store/files/files_priv.h"

/* As the row of struct store_backend says (store/backend.h). */
MUST_USE enum rc store_files_health(struct store *store, struct buf *why);

/* What the last commit came to; `words` when it failed. Store thread. */
void store_health_set(struct store_files *s, enum rc rc, struct str words);
