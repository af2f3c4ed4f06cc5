/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening the store's folder, which another process may have.
 */
#pragma once

#include "server/server_priv.h"

/* Opens the store, once a command that has it is done. RC_BUSY: another server has it, or the command takes more
 * than ten seconds. */
MUST_USE enum rc server_folder_for_server(struct server *s);
