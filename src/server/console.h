/* SPDX-License-Identifier: Apache-2.0
 *
 * The link that signs somebody in to the console who has a shell on its machine: `grapnel console`.
 */
#pragma once

#include "base/base.h"
#include "conf/conf.h"

/* Blocks: asks the server that has the store of `c` open for a link, good for one login within five minutes. `out` gets
 * the link and a newline; it is a secret. RC_NOT_FOUND, RC_INVALID, RC_IO: `why`: no server, or it has no console. */
MUST_USE enum rc server_console(const struct conf *c, struct buf *out, struct buf *why);
