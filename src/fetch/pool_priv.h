/* SPDX-License-Identifier: Apache-2.0
 *
 * The connections kept for hosts: newest used first, so that the rest can age out. Bounded by what a host
 * had in use at once lately, and in all; there the oldest go first.
 */
#pragma once

#include "fetch/own_priv.h"

/* A call to the host begins and ends: how many there were at once says how many connections are worth keeping. */
void fetch_own_pool_enter(struct own_host *h);
void fetch_own_pool_leave(struct own_host *h);
/* The connection used last that is not too old, taken out; NULL: none is kept. */
struct own_conn *fetch_own_pool_take(struct own_host *h);
/* Keeps it, or closes it when there is no room. */
void fetch_own_pool_put(struct own_conn *conn);
/* A kept connection has something to say: closes it, unless that is no matter. */
void fetch_own_pool_heard(struct own_conn *conn);
void fetch_own_pool_expire(void *own);
void fetch_own_pool_clear(struct own *own);
