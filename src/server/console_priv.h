/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's end of `grapnel console`.
 */
#pragma once

#include "server/server_priv.h"

/* Worker. Makes a code, and the link with it. RC_INVALID: `why`: there is no console. */
MUST_USE enum rc server_console_link(const struct server *s, struct buf *out, struct buf *why);
