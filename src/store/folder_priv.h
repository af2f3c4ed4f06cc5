/* SPDX-License-Identifier: Apache-2.0
 *
 * A folder of the store's own, whichever backend it has. See also store_holder().
 */
#pragma once

#include "store/store.h"

/* Makes it, for its owner alone, if it is missing; those above it must be there. RC_IO, RC_LIMIT: `why` has the remedy. */
MUST_USE enum rc store_folder_make(const char *path, bool no_sync, struct buf *why);

/* Takes the lock in it, for as long as *fd is open. RC_BUSY: another process has it. RC_IO, RC_LIMIT. *fd is -1 or to be
 * closed in any case. */
MUST_USE enum rc store_folder_lock(const char *dir, bool is_server, int *fd, struct buf *why);

/* What store_copy() has begun to fill: a file in a folder, a table in a database. The server opens neither. */
#define STORE_COPY_MARK "copying"
/* RC_CORRUPT: there is such a file. */
MUST_USE enum rc store_folder_is_whole(const char *dir, struct buf *why);
