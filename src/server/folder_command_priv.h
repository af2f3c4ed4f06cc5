/* SPDX-License-Identifier: Apache-2.0
 *
 * The store's folder, for a command.
 */
#pragma once

#include "server/admin_priv.h"

/* Opens the store of `c` for a command (folder.c). While another has it, this waits, at most half a minute: for a
 * command to end, for a server that is starting to answer, for one that is stopping to be gone. RC_BUSY: a server
 * answers at its socket, to be asked instead; `why` is empty then. Otherwise as store_open(), or RC_IO: it stayed
 * in use. Blocks. */
MUST_USE enum rc server_folder_for_command(const struct conf *c, struct store **out,
                                           struct buf *why);

/* Root becomes the folder's owner, because what root makes in the folder of a server's user would keep that server from
 * starting. A folder that is not there: nothing. RC_DENIED: `why` says what to do. */
MUST_USE enum rc server_become_owner(const char *dir, struct buf *why);
