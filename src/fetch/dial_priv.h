/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses to a connected socket.
 */
#pragma once

#include "fetch/own_priv.h"

/* Of a dial: `fd` is connected to `peer`; or -1, `error` is what became of it, and the call's detail says why. */
typedef void (*own_dialed_fn)(struct own_exchange *ex, int fd, const struct fetch_address *peer, enum fetch_error error);
/* Tries the addresses in order. `done` may run before this returns; the dial is freed before. */
void fetch_own_dial_start(struct own_exchange *ex, const struct fetch_addresses *found, own_dialed_fn done);
void fetch_own_dial_free(struct own_dial *d); /* NULL is fine; closes what is open */
