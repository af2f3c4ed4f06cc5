/* SPDX-License-Identifier: Apache-2.0
 *
 * Places to connect to, and one TLS session each. Sessions are bounded; the oldest go first.
 */
#pragma once

#include "fetch/own_priv.h"

/* The host of a call, with a reference. */
struct own_host *fetch_own_host_get(struct own *own, const struct fetch_call *c);
void fetch_own_host_unref(struct own_host *h);
/* `session` is taken over. */
void fetch_own_host_set_session(struct own_host *h, SSL_SESSION *session);

/* Drops all sessions. */
void fetch_own_host_clear(struct own *own);
