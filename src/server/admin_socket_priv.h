/* SPDX-License-Identifier: Apache-2.0
 *
 * The socket for the command line, in the store's folder: whoever may read the store may use it (admin.c).
 */
#pragma once

#include "server/server_priv.h"

MUST_USE enum rc server_admin_open(struct server *s);
void server_admin_close(struct server *s); /* and removes its file; fine without one */
